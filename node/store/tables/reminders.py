"""Reminders of what is due: one for each person who is to be told, and each turn that the matter takes."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from node.store.columns import Instant
from node.store.tables.row import Row, row_id, wide


class Reminder(Row, table=True):
    """A mail about one deadline to one account, sent once. It holds no person and nothing of a record."""

    __tablename__ = "reminder"
    __table_args__ = (
        UniqueConstraint("case_id", "act", "ends_at", "turn", "account"),
        Index(None, "state", "next_attempt_at"),
    )

    id: int = row_id()
    case_id: int = wide(foreign_key="exchange_case.id")
    act: str
    ends_at: datetime = Field(sa_type=Instant)
    turn: str
    """whose it has become, and whether its end is near or over"""
    account: str
    """its handle"""
    created_at: datetime = Field(sa_type=Instant)
    state: str = "waiting"
    """waiting, sent, refused"""
    attempts: int = 0
    next_attempt_at: datetime = Field(sa_type=Instant)
    failing_since: datetime | None = Field(None, sa_type=Instant)
    answer: str | None = None
    """what the mail server said last, or why it could not be asked"""
    alarm: int | None = wide(None)
    """the one that tells that it was refused"""
