"""What was sent to the wrong party: that it was recalled, what was erased for it, and the breach that it was."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, UniqueConstraint, text
from sqlmodel import Field

from node.store.columns import Instant
from node.store.tables.row import Row, row_id, wide

_OPEN_RECALL = text("answered_at IS NULL")
_OPEN_BREACH = text("closed_at IS NULL")


class Recall(Row, table=True):
    """A message whose sender asked for its erasure: of ours (`out`), or of a peer's (`in`)."""

    __tablename__ = "recall"
    __table_args__ = (
        UniqueConstraint("message"),
        Index(None, "request"),
        Index("ix_recall_open", "id", sqlite_where=_OPEN_RECALL, postgresql_where=_OPEN_RECALL),
    )

    id: int = row_id()
    direction: str
    """of the message that was recalled: out or in"""
    message: int = wide()
    request: int = wide()
    """row id of the message that asks for the erasure"""
    case_id: int = wide(foreign_key="exchange_case.id")
    peer: str
    asked_at: datetime = Field(sa_type=Instant)
    answered_at: datetime | None = Field(None, sa_type=Instant)
    outcome: str | None = None
    """what the confirmation says, by its code"""
    confirmation: int | None = wide(None)


class ErasedRecord(Row, table=True):
    """A message whose content was erased here: the ledger of it, and what its case still needs to know.

    `acts` is which acts its record held, without any value of it: both sides go on computing the same case.
    """

    __tablename__ = "erased_record"

    message: int = row_id()
    case_id: int = wide(foreign_key="exchange_case.id")
    erased_at: datetime = Field(sa_type=Instant)
    erased_by: str
    acts: dict[str, Any] = Field(sa_type=JSON)


class Breach(Row, table=True):
    """A personal data breach (GDPR art. 33). Why, and what was done, are sealed notes 0 and 1 under its id."""

    __tablename__ = "breach"
    __table_args__ = (
        UniqueConstraint("recall"),
        Index("ix_breach_open", "ends_at", sqlite_where=_OPEN_BREACH, postgresql_where=_OPEN_BREACH),
    )

    id: int = row_id()
    recall: int = wide(foreign_key="recall.id")
    case_id: int = wide(foreign_key="exchange_case.id")
    aware_at: datetime = Field(sa_type=Instant)
    ends_at: datetime = Field(sa_type=Instant)
    opened_at: datetime = Field(sa_type=Instant)
    opened_by: str
    alarm: int | None = wide(None)
    """row id of the alarm that its end is near"""
    closed_at: datetime | None = Field(None, sa_type=Instant)
    closed_by: str | None = None
    outcome: str | None = None
    """notified, or not-needed"""
    notified_at: datetime | None = Field(None, sa_type=Instant)
    """when the supervisory authority was told, as a person says"""
