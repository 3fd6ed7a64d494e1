"""Opening the database, and its transactions.

SQLite is the default and takes one writer at a time; PostgreSQL takes many. Both commit durably: what a `write()`
block wrote is on disk when the block has ended, or the block has raised.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import sqlalchemy
from sqlalchemy import Connection, Engine, Select, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import QueuePool

from node.config import ConfigError
from node.store.rows import insert_new_rows as insert_new_rows
from node.store.rows import insert_rows as insert_rows
from node.store.trouble import StoreUnavailable, Trouble, told_apart

Dialect = Literal["sqlite", "postgresql"]

WAIT_SECONDS = 10
"""How long a transaction waits for a lock or a free connection before it is our own trouble (HTTP 503)."""
STANDS_STILL_SECONDS = 60
"""How long PostgreSQL lets a transaction that writes wait for its next command: a process whose machine was paused, or
cut off, would else keep what it has locked from the others for as long. Ours send theirs within milliseconds."""
LONGEST_SECONDS = 120
"""How long PostgreSQL from 17 on lets a transaction that writes last, the upgrade of the tables apart. Between commands
that are sent one after the other without waiting for their answers (executemany) the limit above counts nothing."""
_COUNTS_TRANSACTIONS = 17_00_00
# A host that vanished without a word is missed after so long, on both ends; by TCP's own defaults that takes two hours.
_ALIVE = {"idle": 30, "interval": 10, "count": 3}
_READERS = 8
_WRITERS = 8


@dataclass(frozen=True, slots=True)
class Database:
    """An open database: `engine` writes, `readers` cannot. Safe to share between threads, not across a fork."""

    engine: Engine
    readers: Engine
    dialect: Dialect

    def write(self) -> AbstractContextManager[Connection]:
        """A transaction that commits durably when the block ends and rolls back when it raises.

        On SQLite it holds the only write lock from its start, so what it reads stays true until its commit. Raises
        StoreUnavailable for our own trouble, sqlalchemy.exc.IntegrityError and the like for everything else.
        """
        return _transaction(self.engine)

    def read(self) -> AbstractContextManager[Connection]:
        """A transaction that only reads, of one snapshot on SQLite; a write within it raises StoreUnavailable."""
        return _transaction(self.readers)

    def lock_connection(self) -> Connection:
        """A connection outside the pools that reads without a transaction, for PostgreSQL's locks of a session.

        The caller closes it, and it gives its locks back then. Raises StoreUnavailable.
        """
        with told_apart(self.readers.url):
            connection = self.readers.connect().execution_options(isolation_level="AUTOCOMMIT")
            connection.detach()
        return connection

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
        self.readers.dispose()


@contextmanager
def _transaction(engine: Engine) -> Iterator[Connection]:
    with told_apart(engine.url), engine.begin() as connection:
        yield connection


def open_database(url: str, create: bool = False) -> Database:
    """Open `sqlite:///FILE` or `postgresql+psycopg://…` (also `postgresql://…`).

    With `create` a missing SQLite file is made, mode 0600; without it that raises StoreUnavailable. A PostgreSQL
    database must exist, and is not contacted here. Raises ConfigError for a URL of another kind.
    """
    try:
        parsed = make_url(url)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise _wrong_address("found no address of a database") from None
    match parsed.get_backend_name():
        case "sqlite":
            return _open_sqlite(parsed, create)
        case "postgresql":
            return _open_postgresql(parsed.set(drivername="postgresql+psycopg"))
        case other:
            raise _wrong_address(f"found one of {other}")


def _wrong_address(found: str) -> ConfigError:
    # The address itself is not shown: it may hold a password.
    return ConfigError(
        f"database_url: {found}, expected sqlite:////FOLDER/FILE or postgresql+psycopg://USER@HOST/NAME. "
        "Correct it in depesha.toml, or in DEPESHA_DATABASE_URL."
    )


def _open_sqlite(url: URL, create: bool) -> Database:
    if not url.database or url.database == ":memory:":
        raise _wrong_address("found one of sqlite without a file")
    path = Path(url.database)
    if create:
        # WAL and shared-memory files take over the mode of the database file.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    elif not path.exists():
        raise StoreUnavailable(Trouble.GONE, f"there is no database at {path}: put your copy of it back there.")

    def engine(size: int, begin: str, *pragmas: str) -> Engine:
        # isolation_level=None keeps the driver from opening transactions by itself: we say BEGIN (below).
        made = sqlalchemy.create_engine(
            url,
            hide_parameters=True,  # values must not reach a log by way of an error's text
            poolclass=QueuePool,
            pool_size=size,
            max_overflow=0,
            # Each connection keeps pages of its own: with few readers in use few pages are kept twice.
            pool_use_lifo=True,
            pool_timeout=WAIT_SECONDS,
            connect_args={"isolation_level": None, "check_same_thread": False, "timeout": WAIT_SECONDS},
        )

        @event.listens_for(made, "connect")
        def connect(connection: sqlite3.Connection, record: object) -> None:
            for pragma in pragmas:
                connection.execute(f"PRAGMA {pragma}")

        @event.listens_for(made, "begin")
        def begin_transaction(connection: Connection) -> None:
            connection.exec_driver_sql(begin)

        return made

    # busy_timeout first: turning WAL on takes a lock that another process may hold.
    busy = f"busy_timeout={WAIT_SECONDS * 1000}"
    writer = engine(
        1,
        "BEGIN IMMEDIATE",
        busy,
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=FAST",
    )
    readers = engine(_READERS, "BEGIN", busy, "journal_mode=WAL", "foreign_keys=ON", "query_only=ON", "cache_size=-512")
    return Database(writer, readers, "sqlite")


def _open_postgresql(url: URL) -> Database:
    def engine(size: int, *options: str) -> Engine:
        alive = [f"-c tcp_keepalives_{name}={value}" for name, value in _ALIVE.items()]
        settings = (f"-c lock_timeout={WAIT_SECONDS}s", "-c timezone=UTC", *alive, *options)
        return sqlalchemy.create_engine(
            url,
            hide_parameters=True,
            pool_size=size,
            max_overflow=0,
            pool_timeout=WAIT_SECONDS,
            connect_args={
                "application_name": "depesha",
                "connect_timeout": WAIT_SECONDS,
                "options": " ".join(settings),
                "tcp_user_timeout": STANDS_STILL_SECONDS * 1000,
                **{f"keepalives_{name}": value for name, value in _ALIVE.items()},
            },
        )

    still = f"-c idle_in_transaction_session_timeout={STANDS_STILL_SECONDS}s"
    writer = engine(_WRITERS, "-c synchronous_commit=on", still)

    @event.listens_for(writer, "connect")
    def connect(connection: Any, record: object) -> None:
        if connection.info.server_version >= _COUNTS_TRANSACTIONS:
            connection.execute(f"SET transaction_timeout = '{LONGEST_SECONDS}s'")
            connection.commit()

    return Database(writer, engine(_READERS, "-c default_transaction_read_only=on"), "postgresql")


def take_as_long_as_it_takes(connection: Connection) -> None:
    """Let PostgreSQL wait for this transaction without a limit; SQLite always does."""
    if connection.dialect.name != "postgresql":
        return
    connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
    if connection.connection.dbapi_connection.info.server_version >= _COUNTS_TRANSACTIONS:  # type: ignore[union-attr]
        connection.exec_driver_sql("SET LOCAL transaction_timeout = 0")


def skip_locked(select: Select[Any], database: Database) -> Select[Any]:
    """The rows of `select` that no other transaction has locked, locked. On SQLite the writer is alone already."""
    if database.dialect == "postgresql":
        return select.with_for_update(skip_locked=True)
    return select
