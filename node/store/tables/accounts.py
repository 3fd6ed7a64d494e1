"""People: accounts, single-use sign-in links and browser sessions. Tokens are kept as SHA-256 (32 bytes) only."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field

from node.store.columns import Instant
from node.store.tables.row import Row


class Account(Row, table=True):
    """A person's account with its role and unit; `handle` is what the log calls it."""

    __tablename__ = "account"
    __table_args__ = (Index(None, "handle", unique=True),)

    name: str = Field(primary_key=True)
    handle: str | None = None
    """account- and 16 random hex digits; every account has one"""
    role: str
    unit: str | None = None
    created_at: datetime = Field(sa_type=Instant)
    removed_at: datetime | None = Field(None, sa_type=Instant)
    mail: str | None = None
    """where reminders go"""
    away_from: datetime | None = Field(None, sa_type=Instant)
    away_until: datetime | None = Field(None, sa_type=Instant)


class SignInLink(Row, table=True):
    """A link that signs its account in once, until it expires."""

    __tablename__ = "sign_in_link"

    token_sha256: bytes = Field(primary_key=True)
    account: str = Field(foreign_key="account.name")
    expires_at: datetime = Field(sa_type=Instant)
    used_at: datetime | None = Field(None, sa_type=Instant)


class BrowserSession(Row, table=True):
    """A browser that has signed in."""

    __tablename__ = "browser_session"

    token_sha256: bytes = Field(primary_key=True)
    account: str = Field(foreign_key="account.name")
    created_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
