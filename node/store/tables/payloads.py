"""Sealed octets of messages, and apart from them the wrapped keys that open them.

The keys are a table of their own because backups of the database leave it out: an erasure that destroys a key must not
be undone by restoring an old backup.
"""

from sqlalchemy import Index, text
from sqlmodel import Field

from node.store.tables.row import Row, row_id, wide

_IN_BLOB_STORE = text("blob IS NOT NULL")


class Payload(Row, table=True):
    """Sealed octets: in the row up to 64 KiB, above that in the blob store under the name `blob`."""

    __tablename__ = "payload"
    __table_args__ = (Index(None, "blob", sqlite_where=_IN_BLOB_STORE, postgresql_where=_IN_BLOB_STORE),)

    message: int = row_id()
    kind: str = Field(primary_key=True)
    """part, envelope (as signed or received), response (the receipt or error that answered it), or note (a person's, of
    an act on the message; on an alarm without one, `message` is the alarm's id)"""
    n: int = Field(primary_key=True)
    size: int = wide()
    """of the octets before sealing"""
    inline: bytes | None = None
    blob: str | None = None


class PayloadKey(Row, table=True):
    """The data key of one payload, wrapped by the node's key-encryption key."""

    __tablename__ = "payload_key"
    __table_args__ = ({"sqlite_with_rowid": False},)

    message: int = row_id()
    kind: str = Field(primary_key=True)
    n: int = Field(primary_key=True)
    wrapped: bytes
