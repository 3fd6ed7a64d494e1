"""Who serves a node's database: what a serving process holds, and what only one that is alone may do.

On SQLite one process serves a home: it holds a lock on a file there, so claims of the dead are known to be dead. On
PostgreSQL any number serve one database: each holds a shared advisory lock on a connection of its own, and whoever
wants the database for itself (to upgrade the tables) must get that lock alone.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, text

from node.config import ConfigError
from node.store.database import Database
from node.store.migrations import require_current
from node.store.trouble import StoreUnavailable, Trouble, told_apart

LOCK_FILE = "serve.lock"
# Any constant numbers would do; all processes of a node use the same.
_SERVING_LOCK = 0x44455045_00000003
_ALONE_LOCK = 0x44455045_00000004
OTHERS_SERVE = "other processes serve this database: stop all of them, then try again; nothing was changed"


class ServingHold:
    """That this process serves the database. On PostgreSQL the lock goes with its connection, so look now and then."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None
        self.renew()

    def renew(self) -> None:
        """Take the lock, again if its connection was lost, and look then whether the tables are still this program's.

        Raises StoreUnavailable: OUTDATED when a newer program has upgraded the tables meanwhile, so that this one must
        stop; another trouble when the database cannot be reached now.
        """
        if self._database.dialect == "sqlite":
            return
        if self._connection is not None:
            try:
                with told_apart():
                    self._connection.execute(text("SELECT 1"))
            except StoreUnavailable:
                self.release()
        if self._connection is None:
            self._connection = self._take()

    def release(self) -> None:
        """Let others have the database."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _take(self) -> Connection:
        connection = self._database.lock_connection()
        try:
            with told_apart():
                connection.execute(text("SELECT pg_advisory_lock_shared(:lock)"), {"lock": _SERVING_LOCK})
            # Only now: before, a newer program could have upgraded them after our look.
            require_current(self._database)
        except BaseException:
            connection.close()
            raise
        return connection


@contextlib.contextmanager
def hold_serving(home: Path, database: Database) -> Iterator[ServingHold]:
    """Count as a serving process while the block runs.

    Raises ConfigError when this home is served already (SQLite), StoreUnavailable for tables of another version.
    """
    with sole_process(home) if database.dialect == "sqlite" else contextlib.nullcontext():
        hold = ServingHold(database)
        try:
            yield hold
        finally:
            hold.release()


@contextlib.contextmanager
def alone(home: Path, database: Database) -> Iterator[None]:
    """Keep every serving process away while the block runs; of several that want this at once, the others wait.

    Raises ConfigError (SQLite) or StoreUnavailable when another process serves.
    """
    if database.dialect == "sqlite":
        with sole_process(home):
            yield
        return
    connection = database.lock_connection()
    try:
        with told_apart():
            connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _ALONE_LOCK})
            got = connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": _SERVING_LOCK})
        if not got:
            raise StoreUnavailable(Trouble.LOCKED, OTHERS_SERVE)
        yield
    finally:
        connection.close()


@contextlib.contextmanager
def sole_process(home: Path) -> Iterator[None]:
    """Hold the lock file of this home while the block runs. Raises ConfigError when another process has it."""
    descriptor = os.open(home / LOCK_FILE, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConfigError(f"{home} is being served by another process already. Stop that one first.") from None
    else:
        yield
    finally:
        os.close(descriptor)
