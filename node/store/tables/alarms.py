"""Alarms: what a person must look at."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field

from node.store.columns import Instant
from node.store.tables.row import Row, row_id, wide


class Alarm(Row, table=True):
    """Something that a person must act on; open until `settled_at`. `detail` holds no record's values."""

    __tablename__ = "alarm"
    __table_args__ = (Index(None, "settled_at"),)

    id: int = row_id()
    time: datetime = Field(sa_type=Instant)
    kind: str
    peer: str | None = None
    message: int | None = wide(None)
    detail: str
    settled_at: datetime | None = Field(None, sa_type=Instant)
