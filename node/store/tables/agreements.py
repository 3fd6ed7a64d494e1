"""Agreements with peers, and the pairs of service and action that each one opens."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field

from node.store.columns import Instant
from node.store.tables.row import Row, row_id, wide


class Agreement(Row, table=True):
    """What two parties let each other send; `ref` is the AgreementRef, none for peers that send none."""

    __tablename__ = "agreement"
    __table_args__ = (Index(None, "peer", "state"),)

    id: int = row_id()
    ref: str | None = None
    peer: str = Field(foreign_key="peer.party")
    kind: str
    """bootstrap, unilateral or terms"""
    state: str
    """in force or ended"""
    created_at: datetime = Field(sa_type=Instant)
    ended_at: datetime | None = Field(None, sa_type=Instant)


class AgreementPair(Row, table=True):
    """One service and action that an agreement opens, in both directions."""

    __tablename__ = "agreement_pair"
    __table_args__ = (Index(None, "agreement"),)

    id: int = row_id()
    agreement: int = wide(foreign_key="agreement.id")
    service: str
    service_type: str | None = None
    action: str
