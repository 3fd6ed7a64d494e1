"""Cases: the party that opened one and its ConversationId, the members, and the numbers that people see."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from node.store.columns import Instant
from node.store.tables.row import Row, row_id


class ExchangeCase(Row, table=True):
    """A case. `alias_year` and `alias_number` make the local number (2026-0417), never used twice."""

    __tablename__ = "exchange_case"
    __table_args__ = (
        UniqueConstraint("opener", "conversation_id"),
        UniqueConstraint("alias_year", "alias_number"),
        Index(None, "conversation_id"),
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


class CaseMember(Row, table=True):
    """A party that may send within a case."""

    __tablename__ = "case_member"

    case_id: int = row_id(foreign_key="exchange_case.id")
    party: str = Field(primary_key=True)


class CaseNumber(Row, table=True):
    """The last local number given in a year."""

    __tablename__ = "case_number"

    year: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    last: int
