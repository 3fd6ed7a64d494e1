"""Our own trouble with what we keep: told apart by what a person must do, and never shown to a peer as its fault.

Upstairs a StoreUnavailable is HTTP 503 with Retry-After: an ebMS error would make the peer give up.
"""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

import sqlalchemy.exc
from sqlalchemy.engine import URL


class Trouble(StrEnum):
    """Why the store cannot serve, and what to do about it."""

    FULL = "full"
    """no space left: free some"""
    GONE = "gone"
    """the database or a file cannot be reached: start or mount it"""
    READ_ONLY = "read-only"
    """a standby, or a disk mounted read-only"""
    LOCKED = "locked"
    """others hold what is needed for longer than we wait: try again"""
    DAMAGED = "damaged"
    """what is stored cannot be read as what it should be: restore"""
    OUTDATED = "outdated"
    """the tables are of another version: upgrade"""


class StoreUnavailable(Exception):
    """The store cannot serve now. `reason` says why; the text is for our own staff and holds no record's values."""

    def __init__(self, reason: Trouble, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


_SQLITE = {
    sqlite3.SQLITE_FULL: Trouble.FULL,
    sqlite3.SQLITE_READONLY: Trouble.READ_ONLY,
    sqlite3.SQLITE_BUSY: Trouble.LOCKED,
    sqlite3.SQLITE_LOCKED: Trouble.LOCKED,
    sqlite3.SQLITE_CANTOPEN: Trouble.GONE,
    sqlite3.SQLITE_IOERR: Trouble.GONE,
    sqlite3.SQLITE_NOMEM: Trouble.GONE,
    sqlite3.SQLITE_PERM: Trouble.GONE,
    sqlite3.SQLITE_PROTOCOL: Trouble.LOCKED,
    sqlite3.SQLITE_CORRUPT: Trouble.DAMAGED,
    sqlite3.SQLITE_NOTADB: Trouble.DAMAGED,
}
_PRIMARY_CODE = 0xFF  # SQLite's extended codes keep the primary one in the low byte

# SQLSTATE, or its class of two letters (PostgreSQL, Appendix A).
_POSTGRESQL = {
    "53100": Trouble.FULL,
    "25006": Trouble.READ_ONLY,
    "25P03": Trouble.GONE,
    "25P04": Trouble.GONE,
    "55P03": Trouble.LOCKED,
    "57014": Trouble.LOCKED,
    "40": Trouble.LOCKED,
    "08": Trouble.GONE,
    "53": Trouble.GONE,
    "57": Trouble.GONE,
    "58": Trouble.GONE,
    "3D": Trouble.GONE,
    "28": Trouble.GONE,
    "XX": Trouble.DAMAGED,
}
_CONNECTION = "database_url in depesha.toml, or DEPESHA_DATABASE_URL"
# What a person does about the trouble of a database file, or of a database server.
_FILE_REMEDIES = {
    Trouble.FULL: "has no space left on its disk. Free some",
    Trouble.GONE: "cannot be opened or read. Check its folder, its rights and its disk",
    Trouble.READ_ONLY: "takes no writes. Check its rights, and that its disk is mounted for writing",
    Trouble.LOCKED: "is held by other processes for longer than we wait. Try again",
    Trouble.DAMAGED: "is damaged. Stop the node, and put this file back from your newest copy that is whole",
}
_SERVER_REMEDIES = {
    Trouble.FULL: "has no space left on its disk. Free some",
    Trouble.GONE: f"cannot be reached, or keeps us out. Start it, or correct host, user and password ({_CONNECTION})",
    Trouble.READ_ONLY: f"takes no writes, as a standby does. Name the primary ({_CONNECTION})",
    Trouble.LOCKED: "has locked what we need for longer than we wait. Try again",
    Trouble.DAMAGED: "is damaged. Stop the node, and restore this database from your newest backup that is whole",
}
# EFBIG: the limit on a file's size; it needs the same hand as a full disk.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def trouble_of_os(error: OSError) -> StoreUnavailable:
    """What an OSError from a file of ours means."""
    if error.errno in _FULL:
        reason = Trouble.FULL
    elif error.errno == errno.EROFS:
        reason = Trouble.READ_ONLY
    else:
        reason = Trouble.GONE
    return StoreUnavailable(reason, error.strerror or type(error).__name__)


def _trouble_of_database(error: sqlalchemy.exc.SQLAlchemyError, url: URL | None) -> StoreUnavailable | None:
    if isinstance(error, sqlalchemy.exc.TimeoutError):
        return StoreUnavailable(Trouble.LOCKED, "no connection became free in time. Try again")
    if not isinstance(error, sqlalchemy.exc.DBAPIError):
        return None
    original = error.orig
    reason: Trouble | None = None
    if isinstance(original, sqlite3.Error):
        # Errors that the Python module raises by itself carry no code.
        reason = _SQLITE.get(getattr(original, "sqlite_errorcode", 0) & _PRIMARY_CODE)
    else:
        reason = _reason_of_server(original)
    if reason is None and error.connection_invalidated:
        reason = Trouble.GONE
    if reason is None:
        return None
    remedies = _FILE_REMEDIES if isinstance(original, sqlite3.Error) else _SERVER_REMEDIES
    return StoreUnavailable(reason, f"{_name_of(url)} {remedies[reason]}.")


def _reason_of_server(original: BaseException | None) -> Trouble | None:
    # Here, since it takes long to load and a node on SQLite has no use for it.
    import psycopg

    if not isinstance(original, psycopg.Error):
        return None
    state = original.sqlstate or ""
    reason = _POSTGRESQL.get(state) or _POSTGRESQL.get(state[:2])
    if reason is None and not state and isinstance(original, psycopg.OperationalError):
        return Trouble.GONE
    return reason


def _name_of(url: URL | None) -> str:
    """Which database, as people know it; its password may stand in the address, which is never shown whole."""
    if url is None:
        return "the database"
    if url.get_backend_name() == "sqlite":
        return f"the database {url.database}"
    host = url.host or url.query.get("host") or "this machine"
    return f"the database {url.database} on {host}{f':{url.port}' if url.port else ''}"


@contextmanager
def told_apart(url: URL | None = None) -> Iterator[None]:
    """Raise StoreUnavailable for our own trouble inside, in words that name the database of `url`; let everything else
    (constraints, mistakes) through."""
    try:
        yield
    except sqlalchemy.exc.SQLAlchemyError as error:
        trouble = _trouble_of_database(error, url)
        if trouble is None:
            raise
        raise trouble from error
