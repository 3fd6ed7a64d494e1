"""Programs of national systems: each has a role and a unit as people have, may be held to scopes, and ends on a day.

A program shows a token, or signs assertions with a key of its own (`assertions`). Only the SHA-256 of a token is
stored: tokens have 256 random bits, so a slow hash would add nothing. The log calls a program by its handle. A removed
program keeps its row, and its name is never given to another.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from sqlalchemy import ColumnElement, Connection, insert, select, update

from node.access.accounts import AccountError, Role, require_name, role_named
from node.store.columns import table_of
from node.store.tables import Program as ProgramRow

TOKEN_PREFIX = "depesha_"  # noqa: S105 - so that those who search for leaked secrets know one
DEFAULT_DAYS = 365
LONGEST_DAYS = 3650

_PROGRAM = table_of(ProgramRow)


class Scope(StrEnum):
    """What a program may be held to, within what its role may do."""

    MESSAGES_READ = "messages:read"
    MESSAGES_SEND = "messages:send"
    MESSAGES_DECIDE = "messages:decide"
    CASES_READ = "cases:read"
    CASES_RECORD = "cases:record"
    CASES_ASSIGN = "cases:assign"
    OFFICERS_READ = "officers:read"
    OFFICERS_CHANGE = "officers:change"
    FEEDS_READ = "feeds:read"
    FEEDS_CHANGE = "feeds:change"
    PERSONS_FIND = "persons:find"
    PERSONS_LINK = "persons:link"
    RECALLS_READ = "recalls:read"
    RECALLS_DECIDE = "recalls:decide"
    FIGURES_READ = "figures:read"
    RECORDS_CHECK = "records:check"
    PARTNERS_READ = "partners:read"
    PARTNERS_CHANGE = "partners:change"
    AGREEMENTS_READ = "agreements:read"
    AGREEMENTS_CHANGE = "agreements:change"
    ALARMS_READ = "alarms:read"
    ALARMS_SETTLE = "alarms:settle"
    NODE_READ = "node:read"


@dataclass(frozen=True, slots=True)
class Program:
    """A program; `unit` None means the whole administration, `scopes` None all that its role may do."""

    name: str
    handle: str
    role: Role
    unit: str | None
    scopes: frozenset[str] | None
    public_key: str | None
    created_at: datetime
    expires_at: datetime
    removed_at: datetime | None = None

    def has_scope(self, scope: Scope | None) -> bool:
        """Whether it may use what that scope covers; None is covered by none in particular."""
        return scope is None or self.scopes is None or scope.value in self.scopes


def add_program(
    connection: Connection,
    name: str,
    role: str,
    now: datetime,
    *,
    unit: str | None = None,
    scopes: Sequence[str] = (),
    days: int = DEFAULT_DAYS,
    public_key: bytes | None = None,
) -> tuple[Program, str | None]:
    """Make a program, and its token unless it signs with `public_key` (PEM): shown now and never again.

    Raises AccountError for an unknown role or scope, a name that cannot be or was used, days out of bounds, or a key
    that is none of Ed25519 or P-256.
    """
    known = role_named(role)
    require_name(name)
    unknown = sorted(set(scopes) - set(Scope))
    if unknown:
        raise AccountError(f"There is no scope {unknown[0]!r}. Scopes are: {', '.join(Scope)}.")
    if not 1 <= days <= LONGEST_DAYS:
        raise AccountError(f"{days} days: give 1 to {LONGEST_DAYS}.")
    if connection.execute(select(_PROGRAM.c.name).where(_PROGRAM.c.name == name)).first() is not None:
        raise AccountError(f"{name!r} is, or was, a program; the log names it. Choose another name.")
    key = None if public_key is None else _readable_key(public_key)
    token = TOKEN_PREFIX + secrets.token_urlsafe(32) if key is None else None
    values = {
        "name": name,
        "handle": f"program-{secrets.token_hex(8)}",
        "role": known.value,
        "unit": unit or None,
        "scopes": sorted(set(scopes)) or None,
        "token_sha256": None if token is None else _digest(token),
        "public_key": key,
        "created_at": now,
        "expires_at": now + timedelta(days=days),
    }
    connection.execute(insert(_PROGRAM).values(values))
    made = find_program(connection, name, now)
    assert made is not None
    return made, token


def remove_program(connection: Connection, name: str, now: datetime) -> Program:
    """Take nothing more from a program. Raises AccountError if there is none of that name, or it was removed."""
    closed = connection.execute(
        update(_PROGRAM).where(_PROGRAM.c.name == name, _PROGRAM.c.removed_at.is_(None)).values(removed_at=now)
    )
    if closed.rowcount == 0:
        raise AccountError(f"There is no program {name!r}. `depesha token list` shows them.")
    return _of_row(connection.execute(select(_PROGRAM).where(_PROGRAM.c.name == name)).one())


def list_programs(connection: Connection, removed: bool = False) -> tuple[Program, ...]:
    """All programs by name, also those whose time has run out; with `removed` those that were removed, too."""
    query = select(_PROGRAM).order_by(_PROGRAM.c.name)
    if not removed:
        query = query.where(_PROGRAM.c.removed_at.is_(None))
    return tuple(_of_row(row) for row in connection.execute(query))


def find_program(connection: Connection, name: str, now: datetime) -> Program | None:
    """The program of that name, if it may still come in."""
    return _open(connection, _PROGRAM.c.name == name, now)


def program_of_token(connection: Connection, token: str, now: datetime) -> Program | None:
    """Whose token this is, if that one may still come in."""
    return _open(connection, _PROGRAM.c.token_sha256 == _digest(token), now)


def _open(connection: Connection, which: ColumnElement[bool], now: datetime) -> Program | None:
    query = select(_PROGRAM).where(which, _PROGRAM.c.removed_at.is_(None), _PROGRAM.c.expires_at > now)
    row = connection.execute(query).one_or_none()
    return None if row is None else _of_row(row)


def _of_row(row: Any) -> Program:
    return Program(
        name=row.name,
        handle=row.handle,
        role=Role(row.role),
        unit=row.unit,
        scopes=None if row.scopes is None else frozenset(row.scopes),
        public_key=row.public_key,
        created_at=row.created_at,
        expires_at=row.expires_at,
        removed_at=row.removed_at,
    )


def _readable_key(pem: bytes) -> str:
    if b"PRIVATE KEY" in pem:
        raise AccountError("That is a private key, which the program alone may have. Give its public key.")
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise AccountError("That is no public key in PEM. `openssl pkey -in KEY -pubout` prints one.") from None
    if not isinstance(key, ed25519.Ed25519PublicKey) and not (
        isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
    ):
        raise AccountError("The key is of another kind: give one of Ed25519, or of P-256.")
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
