"""Addresses at which calendar programs read what is due."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field

from node.store.columns import Instant
from node.store.tables.row import Row


class CalendarFeed(Row, table=True):
    """An address that gives what one officer or one unit has to do; of its secret only the SHA-256 is kept."""

    __tablename__ = "calendar_feed"
    __table_args__ = (Index(None, "secret_sha256", unique=True),)

    handle: str = Field(primary_key=True)
    """feed- and 16 random hex digits: what the log calls it"""
    secret_sha256: bytes
    account: str | None = None
    """the handle of the officer whose it is; without one it is the unit's"""
    unit: str | None = None
    created_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    removed_at: datetime | None = Field(None, sa_type=Instant)
