"""Cases: the party that opened one and its ConversationId, the members, and the numbers that people see."""

from datetime import datetime

from sqlalchemy import Index, TextClause, UniqueConstraint, text
from sqlmodel import Field

from node.store.columns import Instant
from node.store.tables.row import Row, row_id, wide

_OPEN = text("closed_at IS NULL")
_CLOSED = text("closed_at IS NOT NULL")
_UNREAD = text("closed_at IS NULL AND unread > 0")
_TICKING = text("clock_at IS NOT NULL")


def _newest_first(name: str, condition: TextClause, *before: str) -> Index:
    """An index that gives the cases of a list in the order of their last change."""
    return Index(name, *before, "changed_at", "id", sqlite_where=condition, postgresql_where=condition)


class ExchangeCase(Row, table=True):
    """A case. `alias_year` and `alias_number` make the local number (2026-0417), never used twice."""

    __tablename__ = "exchange_case"
    __table_args__ = (
        UniqueConstraint("opener", "conversation_id"),
        UniqueConstraint("alias_year", "alias_number"),
        Index(None, "conversation_id"),
        _newest_first("ix_exchange_case_turn", _OPEN, "turn"),
        _newest_first("ix_exchange_case_unit_turn", _OPEN, "unit", "turn"),
        _newest_first("ix_exchange_case_unread", _UNREAD),
        _newest_first("ix_exchange_case_unit_unread", _UNREAD, "unit"),
        _newest_first("ix_exchange_case_closed", _CLOSED),
        Index("ix_exchange_case_clock", "clock_at", sqlite_where=_TICKING, postgresql_where=_TICKING),
    )

    id: int = row_id()
    opener: str
    conversation_id: str
    alias_year: int
    alias_number: int
    domain: str | None = None
    version: str | None = None
    state: str | None = None
    unit: str | None = None
    officer: str | None = None
    """handle of the account whose case it is"""
    created_at: datetime = Field(sa_type=Instant)
    changed_at: datetime = Field(sa_type=Instant)
    closed_at: datetime | None = Field(None, sa_type=Instant)
    last_message: int | None = wide(None)
    """row id of the newest message that is no notice"""
    turn: str = Field("nobody", sa_column_kwargs={"server_default": "nobody"})
    """ours, theirs, trouble (refused or not delivered) or nobody: by its newest message, also once it is closed"""
    unread: int = Field(0, sa_column_kwargs={"server_default": "0"})
    """received messages that nobody has opened, notices apart"""
    clock_at: datetime | None = Field(None, sa_type=Instant, sa_column_kwargs={"server_default": "0"})
    """when its clock is to be looked at next (`exchange.case_clocks`); None where nothing runs"""
    clock_version: int = Field(0, sa_column_kwargs={"server_default": "0"})
    """counts what changed the case: a look at an older one counts for nothing"""
    standing: str | None = None
    """how it stands by its procedure, as JSON (`exchange.case_standing`), until `clock_at`"""
    standing_by: str | None = None
    """by which form and domains that was computed; None where it was not"""
    standing_at: datetime | None = Field(None, sa_type=Instant)
    """as of when"""


class CaseEnd(Row, table=True):
    """That a period of a case ended, recorded once, at whatever time: the instant is the same on both sides.

    `effect` is the state that silence brought, empty where the end only shows that something is overdue. `undone_at`:
    when it turned out that an act from before the end had been on its way.
    """

    __tablename__ = "case_end"
    __table_args__ = (UniqueConstraint("case_id", "period", "effect", "latest", "earliest"),)

    id: int = row_id()
    case_id: int = wide(foreign_key="exchange_case.id")
    period: str
    effect: str
    earliest: datetime = Field(sa_type=Instant)
    latest: datetime = Field(sa_type=Instant)
    recorded_at: datetime = Field(sa_type=Instant)
    undone_at: datetime | None = Field(None, sa_type=Instant)


class CaseMember(Row, table=True):
    """A party that may send within a case."""

    __tablename__ = "case_member"
    __table_args__ = (Index(None, "party", "case_id"),)

    case_id: int = row_id(foreign_key="exchange_case.id")
    party: str = Field(primary_key=True)


class CaseNumber(Row, table=True):
    """The last local number given in a year."""

    __tablename__ = "case_number"

    year: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    last: int
