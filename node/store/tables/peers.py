"""Peers and the certificates that we accept from them."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field

from node.store.columns import Instant
from node.store.tables.row import Row, row_id, wide


class Peer(Row, table=True):
    """A party that we exchange with: by its card, pinned by certificate or CA, or on paper."""

    __tablename__ = "peer"

    party: str = Field(primary_key=True)
    party_type: str | None = None
    name: str
    kind: str
    """card, pinned or paper"""
    state: str
    """unconfirmed, confirmed or removed"""
    url: str | None = None
    suite: str | None = None
    identity_key: bytes | None = None
    card: str | None = None
    card_serial: int | None = wide(None)
    signing_subject: str | None = None
    """With a CA pinned: the only subject of that CA that may sign for this party."""
    depesha: bool = False
    """Whether it speaks our signed properties `sequence` and `seen`."""
    sequence_out: int = wide(0)
    """The last sequence number that we gave to a message to it."""
    sequence_in: int = wide(0)
    """The highest of its sequence numbers up to which we have processed all: above it something is missing, or nothing
    came yet."""
    added_at: datetime = Field(sa_type=Instant)
    confirmed_at: datetime | None = Field(None, sa_type=Instant)


class PeerCertificate(Row, table=True):
    """A certificate accepted for a peer and a use; rows of revoked ones stay, for receipts of their time."""

    __tablename__ = "peer_certificate"
    __table_args__ = (Index(None, "party", "use"),)

    id: int = row_id()
    party: str = Field(foreign_key="peer.party")
    use: str
    """signing, encryption, tls or ca"""
    der: bytes
    sha256: str
    """of the DER, in hex"""
    subject: str
    not_before: datetime = Field(sa_type=Instant)
    not_after: datetime = Field(sa_type=Instant)
    revoked_at: datetime | None = Field(None, sa_type=Instant)
    added_at: datetime = Field(sa_type=Instant)
