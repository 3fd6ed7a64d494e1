"""What a virus scanner said of parts that were received."""

from datetime import datetime

from sqlalchemy import Index, text
from sqlmodel import Field

from node.store.columns import Instant
from node.store.tables.row import Row, row_id

_AGAIN = text("again_at IS NOT NULL")


class PartScan(Row, table=True):
    """The verdict on one part: clean, infected, or failed while the scanner has given none."""

    __tablename__ = "part_scan"
    __table_args__ = (Index(None, "again_at", sqlite_where=_AGAIN, postgresql_where=_AGAIN),)

    message: int = row_id()
    n: int = Field(primary_key=True)
    verdict: str
    found: str | None = None
    """what an infected part has in it, by the scanner's name for it; why there is no verdict of a failed one"""
    scanned_at: datetime = Field(sa_type=Instant)
    attempts: int
    again_at: datetime | None = Field(None, sa_type=Instant)
    """when a failed one is tried again"""
