"""Accounts: who may sign in, in which role, for which unit.

The log calls an account by its handle, which is random: it holds no name of a person. A removed account keeps its row,
so that its handle can be looked up, and its name is never given to another person.
"""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from node.store.columns import table_of
from node.store.tables import Account, BrowserSession, SignInLink

HANDLE = "account-"
"""How the log's names of accounts begin."""
NAME_LIMIT = 80
"""Names stand in the head of every page."""

# What a mail server is asked to deliver to; it judges the rest (RFC 5321, 4.1.2 without quoted local parts).
_MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")

_accounts = table_of(Account)


class Role(StrEnum):
    """What an account is for. `head` leads a unit: reads as officers do, and decides what needs a second person."""

    OFFICER = "officer"
    IT = "it"
    AUDITOR = "auditor"
    HEAD = "head"


class AccountError(Exception):
    """An account cannot be made or changed so; the text says what was found and what to do instead."""


@dataclass(frozen=True, slots=True)
class Person:
    """An account as pages and commands see it; `unit` None means the whole administration, `handle` is for the log."""

    name: str
    handle: str
    role: Role
    unit: str | None
    created_at: datetime
    removed_at: datetime | None = None
    mail: str | None = None
    away_from: datetime | None = None
    away_until: datetime | None = None

    def is_away(self, at: datetime) -> bool:
        """Whether the person is away at that instant, or gone."""
        if self.removed_at is not None:
            return True
        return self.away_from is not None and self.away_from <= at and (self.away_until is None or at < self.away_until)

    @classmethod
    def of_row(cls, row: Any) -> "Person":
        """From a row of the table `account`."""
        return cls(
            row.name, row.handle, Role(row.role), row.unit, row.created_at, row.removed_at, row.mail, row.away_from,
            row.away_until,
        )  # fmt: skip


def add_user(connection: Connection, name: str, role: str, unit: str | None, now: datetime) -> Person:
    """Make an account. Raises AccountError for an unknown role, an unusable name, or a name that was used before."""
    known = role_named(role)
    require_name(name)
    found = connection.execute(select(_accounts.c.removed_at).where(_accounts.c.name == name)).one_or_none()
    if found is not None:
        was = "is an account already" if found.removed_at is None else "was an account that has been removed"
        raise AccountError(f"{name!r} {was}; the log names it. Choose another name.")
    handle = f"{HANDLE}{secrets.token_hex(8)}"
    values = {"name": name, "handle": handle, "role": known.value, "unit": unit or None, "created_at": now}
    connection.execute(insert(_accounts).values(values))
    return Person(name, handle, known, unit or None, now)


def change_user(connection: Connection, name: str, role: str, unit: str | None) -> Person:
    """Give an open account this role and unit, also in sessions that run. Raises AccountError for an unknown role or
    account."""
    known = role_named(role)
    find_user(connection, name)
    connection.execute(update(_accounts).where(_accounts.c.name == name).values(role=known.value, unit=unit or None))
    return find_user(connection, name)


def set_mail(connection: Connection, name: str, mail: str | None) -> None:
    """Where reminders for an open account go; None for nowhere. Raises AccountError."""
    find_user(connection, name)
    if mail is not None and not _MAIL.fullmatch(mail):
        raise AccountError(f"{mail!r} is no mail address: give one as officer@interior.example.")
    connection.execute(update(_accounts).where(_accounts.c.name == name).values(mail=mail))


def set_away(connection: Connection, name: str, first: datetime | None, until: datetime | None) -> None:
    """An open account is away from `first` to before `until`, for good without it; both None: there again.

    Raises AccountError, also where it would end before it begins.
    """
    find_user(connection, name)
    if first is not None and until is not None and until <= first:
        raise AccountError("the last day of an absence cannot come before its first: give another --until.")
    connection.execute(update(_accounts).where(_accounts.c.name == name).values(away_from=first, away_until=until))


def remove_user(connection: Connection, name: str, now: datetime) -> None:
    """Close an account and end its links and browser sessions. Raises AccountError if it is not open."""
    closed = connection.execute(
        update(_accounts).where(_accounts.c.name == name, _accounts.c.removed_at.is_(None)).values(removed_at=now)
    )
    if closed.rowcount == 0:
        raise AccountError(f"There is no account {name!r}. `depesha user list` shows them.")
    for table in (table_of(SignInLink), table_of(BrowserSession)):
        connection.execute(delete(table).where(table.c.account == name))


def find_user(connection: Connection, name: str) -> Person:
    """The open account of that name. Raises AccountError if there is none."""
    return _open_account(connection, _accounts.c.name == name, f"There is no account {name!r}")


def find_by_handle(connection: Connection, handle: str) -> Person:
    """The open account that the log calls so. Raises AccountError if there is none."""
    return _open_account(connection, _accounts.c.handle == handle, f"There is no account that the log calls {handle!r}")


def find_account(connection: Connection, account: str) -> Person:
    """The open account of that name, or that the log calls so. Raises AccountError if there is none."""
    return (find_by_handle if account.startswith(HANDLE) else find_user)(connection, account)


def _open_account(connection: Connection, which: ColumnElement[bool], missing: str) -> Person:
    row = connection.execute(select(_accounts).where(which, _accounts.c.removed_at.is_(None))).one_or_none()
    if row is None:
        raise AccountError(f"{missing}. `depesha user list` shows them.")
    return Person.of_row(row)


def list_users(connection: Connection, removed: bool = False) -> tuple[Person, ...]:
    """All open accounts by name; with `removed` those that were removed, too."""
    query = select(_accounts).order_by(_accounts.c.name)
    if not removed:
        query = query.where(_accounts.c.removed_at.is_(None))
    return tuple(Person.of_row(row) for row in connection.execute(query))


def require_name(name: str) -> None:
    """Raise AccountError for what cannot be the name of a person or program."""
    if not name.strip() or name != name.strip() or not name.isprintable() or len(name) > NAME_LIMIT:
        raise AccountError(
            f"{name!r} cannot be a name: use 1 to {NAME_LIMIT} printable characters without spaces around."
        )


def role_named(role: str) -> Role:
    """The role of that name. Raises AccountError where there is none."""
    try:
        return Role(role)
    except ValueError:
        raise AccountError(f"There is no role {role!r}. Roles are: {', '.join(Role)}.") from None
