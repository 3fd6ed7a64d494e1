"""Messages and their parts: what the lists show, what duplicates are told by, nothing of the content."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field

from node.store.columns import Instant
from node.store.tables.row import Row, row_id, wide

_NUMBERED = text("sequence IS NOT NULL")


class Message(Row, table=True):
    """One ebMS user message, sent or received.

    Outgoing states: queued, sending, delivered, unconfirmed, refused, stale, given-up. Incoming: received, rejected.
    Ids on the wire are per sender, so the unique key names peer and direction; the id stands first in it, since pages
    and commands look messages up by the id alone.
    """

    __tablename__ = "message"
    __table_args__ = (
        UniqueConstraint("message_id", "peer", "direction"),
        Index(None, "case_id", "id"),
        Index(None, "state", "id"),
        Index(None, "peer", "id"),
        Index(
            "ix_message_numbered", "peer", "direction", "sequence", sqlite_where=_NUMBERED, postgresql_where=_NUMBERED
        ),
    )

    id: int = row_id()
    message_id: str
    direction: str
    """out or in"""
    peer: str
    state: str
    service: str
    service_type: str | None = None
    action: str
    agreement_ref: str | None = None
    case_id: int = wide()
    conversation_id: str
    ref_to_message_id: str | None = None
    replaces: str | None = None
    timestamp: datetime = Field(sa_type=Instant)
    """eb:Timestamp"""
    time: datetime = Field(sa_type=Instant)
    """when it was created or received, by our clock"""
    receipt_time: datetime | None = Field(None, sa_type=Instant)
    """eb:Timestamp of the receipt"""
    attempts: int = 0
    error_code: str | None = None
    error_detail: str | None = None
    sequence: int | None = wide(None)
    """its sender's counter of messages to its receiver; none where one of them is no node of this kind"""
    seen: int | None = wide(None)
    """the highest number of the other that its sender had processed"""
    unit: str | None = None
    original_sender: str | None = None
    final_recipient: str | None = None
    digests: bytes
    """SHA-256 over the signed references: same id with other digests is another message"""
    unilateral: bool = False
    disputed_time: bool = False
    opened_at: datetime | None = Field(None, sa_type=Instant)
    opened_notice: str | None = None


class Part(Row, table=True):
    """One payload part as declared and checked; its octets are in `payload`."""

    __tablename__ = "part"

    message: int = row_id()
    n: int = Field(primary_key=True)
    content_id: str
    name: str | None = None
    media_type: str | None = None
    compressed: bool
    size: int = wide()
    """of the content, after decryption and decompression"""
    sha256: bytes
    signed_size: int = wide()
    """of the octets that were signed (gzip where compressed)"""
    signed_sha256: bytes
