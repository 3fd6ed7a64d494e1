"""The transparency log: entries written with what they record, their keys, and the state of the tree."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field

from node.store.columns import Instant
from node.store.tables.row import Row, row_id, wide

_PENDING = text("position IS NULL")
_WITHOUT_MESSAGE = text("message IS NULL")


class LoggedEntry(Row, table=True):
    """An entry: its leaf (0x01 and a salted SHA-256), and salt and body sealed. Pending until it has a position."""

    __tablename__ = "log_entry"
    __table_args__ = (
        UniqueConstraint("position"),
        Index("ix_log_entry_pending", "id", sqlite_where=_PENDING, postgresql_where=_PENDING),
        Index(None, "message"),
        Index(None, "case_id", sqlite_where=_WITHOUT_MESSAGE, postgresql_where=_WITHOUT_MESSAGE),
    )

    id: int = row_id()
    position: int | None = wide(None)
    leaf: bytes
    time: datetime = Field(sa_type=Instant)
    type: str
    message: int | None = wide(None)
    """row id of the message it is about"""
    case_id: int | None = wide(None)
    sealed: bytes
    """salt and body, sealed"""


class LogEntryKey(Row, table=True):
    """The data key of one entry's salt and body, wrapped; left out of backups like the keys of payloads."""

    __tablename__ = "log_entry_key"

    id: int = row_id()
    wrapped: bytes


class LogState(Row, table=True):
    """The tree as sequenced so far; one row, id 1. `frozen` stops the sequencer until a person releases it."""

    __tablename__ = "log_state"

    id: int = row_id()
    size: int = wide()
    frontier: bytes
    """the roots of the complete subtrees that make up the tree, largest first, 32 bytes each"""
    root: bytes
    frozen: bool = False
