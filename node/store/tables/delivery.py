"""Deliveries that are due, and how each peer has been answering."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field

from node.store.columns import Instant
from node.store.tables.row import Row, row_id, wide


class Outbox(Row, table=True):
    """A message still to be delivered; its row goes when the message has reached a final state."""

    __tablename__ = "outbox"
    __table_args__ = (Index(None, "next_attempt_at"), Index(None, "peer", "case_id", "message"))

    message: int = row_id()
    peer: str
    case_id: int = wide()
    next_attempt_at: datetime = Field(sa_type=Instant)
    claimed_by: str | None = None
    claimed_until: datetime | None = Field(None, sa_type=Instant)
    first_attempt_at: datetime | None = Field(None, sa_type=Instant)
    gives_up_at: datetime = Field(sa_type=Instant)
    body_sent: bool = False
    """Whether an earlier attempt sent the whole body without a readable answer."""
    blocked: bool = False
    """Whether an earlier message of its case to this peer is still under way."""


class PeerDelivery(Row, table=True):
    """How deliveries to a peer go: a dead peer is tried rarely and never holds up others."""

    __tablename__ = "peer_delivery"

    party: str = Field(primary_key=True)
    failures: int = 0
    failing_since: datetime | None = Field(None, sa_type=Instant)
    next_attempt_at: datetime | None = Field(None, sa_type=Instant)
    last_success_at: datetime | None = Field(None, sa_type=Instant)
    last_error: str | None = None
