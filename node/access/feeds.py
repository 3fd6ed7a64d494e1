"""Addresses for calendar programs, which can send no header: each has a secret of its own, and gives one calendar.

The secret has 256 random bits, and only its SHA-256 is stored, as of tokens. An address is of one officer or of one
unit, ends on a day, and can be removed before; it lets nobody into anything else.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update

from node.access.accounts import AccountError
from node.store.columns import table_of
from node.store.tables import CalendarFeed

FEED = "feed-"
DEFAULT_DAYS = 365
LONGEST_DAYS = 3650

_FEED = table_of(CalendarFeed)


@dataclass(frozen=True, slots=True)
class Feed:
    """An address for calendar programs: of the officer with the handle `account`, or of the unit `unit`."""

    handle: str
    account: str | None
    unit: str | None
    created_at: datetime
    expires_at: datetime
    removed_at: datetime | None = None


def add_feed(
    connection: Connection, now: datetime, *, account: str | None, unit: str | None, days: int = DEFAULT_DAYS
) -> tuple[Feed, str]:
    """Make an address, and its secret: shown now and never again.

    Raises AccountError unless exactly one of `account` (a handle) and `unit` is given, and for days out of bounds.
    """
    if (account is None) == (unit is None):
        raise AccountError("An address is of one officer or of one unit: give either.")
    if unit is not None and (not unit.strip() or not unit.isprintable()):
        raise AccountError(f"{unit!r} cannot be a unit: use printable characters.")
    if not 1 <= days <= LONGEST_DAYS:
        raise AccountError(f"{days} days: give 1 to {LONGEST_DAYS}.")
    secret = secrets.token_urlsafe(32)
    made = Feed(f"{FEED}{secrets.token_hex(8)}", account, unit, now, now + timedelta(days=days))
    values = {
        "handle": made.handle,
        "secret_sha256": _digest(secret),
        "account": account,
        "unit": unit,
        "created_at": made.created_at,
        "expires_at": made.expires_at,
    }
    connection.execute(insert(_FEED).values(values))
    return made, secret


def remove_feed(connection: Connection, handle: str, now: datetime) -> Feed:
    """Let nobody read it any more. Raises AccountError if there is none of that handle, or it was removed."""
    closed = connection.execute(
        update(_FEED).where(_FEED.c.handle == handle, _FEED.c.removed_at.is_(None)).values(removed_at=now)
    )
    if closed.rowcount == 0:
        raise AccountError(f"There is no address {handle!r} for calendar programs. `depesha feed list` shows them.")
    return _of_row(connection.execute(select(_FEED).where(_FEED.c.handle == handle)).one())


def list_feeds(connection: Connection, removed: bool = False) -> tuple[Feed, ...]:
    """All addresses, oldest first, also those whose time has run out; with `removed` those that were removed, too."""
    query = select(_FEED).order_by(_FEED.c.created_at, _FEED.c.handle)
    if not removed:
        query = query.where(_FEED.c.removed_at.is_(None))
    return tuple(_of_row(row) for row in connection.execute(query))


def feed_of_secret(connection: Connection, secret: str, now: datetime) -> Feed | None:
    """Which address has this secret, if it may still be read."""
    query = select(_FEED).where(
        _FEED.c.secret_sha256 == _digest(secret), _FEED.c.removed_at.is_(None), _FEED.c.expires_at > now
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _of_row(row)


def _of_row(row: Any) -> Feed:
    return Feed(row.handle, row.account, row.unit, row.created_at, row.expires_at, row.removed_at)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
