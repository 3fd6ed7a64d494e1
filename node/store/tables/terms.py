"""Local terms with a peer, the drafts that a person confirms them in, and acts of a case that were done on paper."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index
from sqlmodel import Field

from node.store.columns import Instant
from node.store.tables.row import Row, row_id, wide


class TermsDraft(Row, table=True):
    """A draft of terms with a peer in one domain (its Service): a template, places, what a person stands for."""

    __tablename__ = "terms_draft"

    peer: str = Field(primary_key=True)
    service: str = Field(primary_key=True)
    template: str
    places: dict[str, Any] = Field(sa_type=JSON)
    countries: dict[str, Any] = Field(sa_type=JSON)
    confirmations: dict[str, Any] = Field(sa_type=JSON)
    changed_at: datetime = Field(sa_type=Instant)


class LocalTerms(Row, table=True):
    """Terms that hold from `made_at` until newer ones are made; periods that started before keep those of their start.

    `document` is their RFC 8785 form, `digest` its SHA-256 in hex.
    """

    __tablename__ = "local_terms"
    __table_args__ = (Index(None, "peer", "service", "made_at"),)

    id: int = row_id()
    peer: str
    service: str
    digest: str
    document: bytes
    made_at: datetime = Field(sa_type=Instant)


class PaperAct(Row, table=True):
    """An act of a case that was done by paper, fax, mail or telephone. What it says is sealed: a payload of kind `note`
    with this row's id, and its scans as `part` 1 and following."""

    __tablename__ = "paper_act"
    __table_args__ = (Index(None, "case_id", "id"),)

    id: int = row_id()
    case_id: int = wide(foreign_key="exchange_case.id")
    recorded_at: datetime = Field(sa_type=Instant)
    recorded_by: str
