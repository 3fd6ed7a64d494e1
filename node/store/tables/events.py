"""What happened to a message, for timelines."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index
from sqlmodel import Field

from node.store.columns import Instant
from node.store.tables.row import Row, row_id, wide


class Event(Row, table=True):
    """One thing that happened to a message: a procedure step, a notice and so on. `detail` holds no record's values."""

    __tablename__ = "event"
    __table_args__ = (Index(None, "message", "id"),)

    id: int = row_id()
    message: int = wide()
    kind: str
    detail: dict[str, Any] = Field(sa_type=JSON)
    time: datetime = Field(sa_type=Instant)
