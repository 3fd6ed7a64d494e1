"""Programs that use the programming interface, and the answers that their idempotency keys bring back."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index
from sqlmodel import Field

from node.store.columns import Instant
from node.store.tables.row import Row


class Program(Row, table=True):
    """A program with its role and unit; it has a token, of which only the SHA-256 is kept, or a public key."""

    __tablename__ = "program"
    __table_args__ = (Index(None, "handle", unique=True), Index(None, "token_sha256", unique=True))

    name: str = Field(primary_key=True)
    handle: str
    """program- and 16 random hex digits: what the log calls it"""
    role: str
    unit: str | None = None
    scopes: list[str] | None = Field(None, sa_type=JSON)
    """what it is held to of what its role may; none: all of that"""
    token_sha256: bytes | None = None
    public_key: str | None = None
    """PEM, of Ed25519 or P-256"""
    created_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    removed_at: datetime | None = Field(None, sa_type=Instant)


class AssertionUse(Row, table=True):
    """An assertion that a program has used, until it would be too old to be used again."""

    __tablename__ = "assertion_use"
    __table_args__ = (Index(None, "expires_at"),)

    program: str = Field(primary_key=True)
    """its handle"""
    jti: str = Field(primary_key=True)
    expires_at: datetime = Field(sa_type=Instant)


class KeyedAnswer(Row, table=True):
    """What was answered to a request that carried an idempotency key; without a status while it is under way."""

    __tablename__ = "keyed_answer"
    __table_args__ = (Index(None, "created_at"),)

    program: str = Field(primary_key=True)
    """its handle"""
    key_sha256: bytes = Field(primary_key=True)
    request_sha256: bytes
    created_at: datetime = Field(sa_type=Instant)
    status: int | None = None
    headers: dict[str, Any] | None = Field(None, sa_type=JSON)
    sealed: bytes | None = None
    """the body, sealed under a key of its own"""
    wrapped_key: bytes | None = None
