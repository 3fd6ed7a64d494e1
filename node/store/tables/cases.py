"""Cases: the party that opened one and its ConversationId, the members, and the numbers that people see."""

from datetime import datetime

from sqlalchemy import Index, TextClause, UniqueConstraint, text
from sqlmodel import Field

from node.store.columns import Instant
from node.store.tables.row import Row, row_id, wide

_OPEN = text("closed_at IS NULL")
_CLOSED = text("closed_at IS NOT NULL")
_UNREAD = text("closed_at IS NULL AND unread > 0")


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
    created_at: datetime = Field(sa_type=Instant)
    changed_at: datetime = Field(sa_type=Instant)
    closed_at: datetime | None = Field(None, sa_type=Instant)
    last_message: int | None = wide(None)
    """row id of the newest message that is no notice"""
    turn: str = Field("nobody", sa_column_kwargs={"server_default": "nobody"})
    """ours, theirs, trouble (refused or not delivered) or nobody: by its newest message, also once it is closed"""
    unread: int = Field(0, sa_column_kwargs={"server_default": "0"})
    """received messages that nobody has opened, notices apart"""


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
