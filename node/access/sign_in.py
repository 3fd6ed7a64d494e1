"""Sign-in by link, and the browser sessions that follow from it.

A link works once and for 15 minutes. Only the SHA-256 of a token is stored: the tokens have 256 random bits, so a slow
hash would add nothing. Looking at a link does not use it up (mail scanners do that): only `redeem` does.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from node.access.accounts import Person, find_user
from node.store.columns import table_of
from node.store.tables import Account, BrowserSession, SignInLink

LINK_LIFETIME = timedelta(minutes=15)
SESSION_LIFETIME = timedelta(hours=8)
"""A working day: nobody stays signed in overnight."""

_links = table_of(SignInLink)
_sessions = table_of(BrowserSession)
_accounts = table_of(Account)


class LinkError(Exception):
    """The link is unknown, used, or too old; which of these is nobody's business who holds only the link."""


def make_link(connection: Connection, account: str, now: datetime) -> str:
    """A new token for a sign-in link (URL-safe, 43 characters). Raises AccountError if there is no such account."""
    person = find_user(connection, account)
    connection.execute(delete(_links).where(_links.c.expires_at <= now))
    token = secrets.token_urlsafe(32)
    connection.execute(
        insert(_links).values(token_sha256=_digest(token), account=person.name, expires_at=now + LINK_LIFETIME)
    )
    return token


def link_account(connection: Connection, token: str, now: datetime) -> Person:
    """Whom the link would sign in, without using it up. Raises LinkError."""
    row = connection.execute(
        select(_links.c.account).where(
            _links.c.token_sha256 == _digest(token), _links.c.used_at.is_(None), _links.c.expires_at > now
        )
    ).one_or_none()
    if row is None:
        raise LinkError
    return find_user(connection, row.account)


def redeem(connection: Connection, token: str, now: datetime) -> tuple[str, Person]:
    """Use the link up and begin a browser session: its token, and who has signed in. Raises LinkError."""
    person = link_account(connection, token, now)
    # The condition on used_at decides between two that come at once: the row is locked until the commit.
    used = connection.execute(
        update(_links)
        .where(_links.c.token_sha256 == _digest(token), _links.c.used_at.is_(None), _links.c.expires_at > now)
        .values(used_at=now)
    )
    if used.rowcount != 1:
        raise LinkError
    connection.execute(delete(_sessions).where(_sessions.c.expires_at <= now))
    session = secrets.token_urlsafe(32)
    connection.execute(
        insert(_sessions).values(
            token_sha256=_digest(session), account=person.name, created_at=now, expires_at=now + SESSION_LIFETIME
        )
    )
    return session, person


def session_account(connection: Connection, token: str, now: datetime) -> Person | None:
    """Who is signed in with this session, or None if it is unknown or over, or the account was removed."""
    row = connection.execute(
        select(_accounts)
        .join(_sessions, _sessions.c.account == _accounts.c.name)
        .where(
            _sessions.c.token_sha256 == _digest(token), _sessions.c.expires_at > now, _accounts.c.removed_at.is_(None)
        )
    ).one_or_none()
    return None if row is None else Person.of_row(row)


def sign_out(connection: Connection, token: str) -> None:
    """End a browser session; an unknown one is over already."""
    connection.execute(delete(_sessions).where(_sessions.c.token_sha256 == _digest(token)))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
