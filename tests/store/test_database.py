"""Transactions on both databases, and our own trouble told apart from mistakes."""

import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

import node.store.database as database_module
from node.config import ConfigError
from node.store.columns import new_row_id, table_of
from node.store.database import Database, open_database, skip_locked, take_as_long_as_it_takes
from node.store.tables import Message, PeerDelivery
from node.store.trouble import StoreUnavailable, Trouble

NOW = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)
MESSAGE = table_of(Message)
DELIVERY = table_of(PeerDelivery)


def message(name: str, **changes: Any) -> dict[str, Any]:
    row = {
        "id": new_row_id(NOW),
        "message_id": name,
        "direction": "in",
        "peer": "alpha",
        "state": "received",
        "service": "urn:test",
        "action": "submit",
        "case_id": 1,
        "conversation_id": "c",
        "timestamp": NOW,
        "time": NOW,
        "digests": bytes(32),
    }
    return row | changes


def count(database: Database) -> int:
    with database.read() as connection:
        return connection.scalar(select(func.count()).select_from(MESSAGE)) or 0


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "WAIT_SECONDS", 1)


@pytest.fixture
def opened(impatient: None, database_url: str) -> Iterator[Database]:
    database = open_database(database_url)
    yield database
    database.close()


def test_what_a_block_wrote_is_there_for_another_opener(database: Database, database_url: str) -> None:
    with database.write() as connection:
        connection.execute(insert(MESSAGE), [message("m1"), message("m2")])
    other = open_database(database_url)
    assert count(other) == 2
    other.close()


def test_a_block_that_raises_writes_nothing(database: Database) -> None:
    with pytest.raises(RuntimeError, match="stop"), database.write() as connection:  # noqa: PT012
        connection.execute(insert(MESSAGE), [message("m1")])
        raise RuntimeError("stop")
    assert count(database) == 0


def test_instants_are_kept_to_the_microsecond(database: Database) -> None:
    moment = datetime(2026, 11, 25, 2, 24, 57, 184_321, tzinfo=UTC)
    with database.write() as connection:
        connection.execute(insert(MESSAGE), [message("m", timestamp=moment)])
    with database.read() as connection:
        assert connection.scalar(select(MESSAGE.c.timestamp)) == moment


def test_foreign_keys_hold(database: Database) -> None:
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(text("INSERT INTO case_member (case_id, party) VALUES (1, 'alpha')"))


def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(StoreUnavailable) as caught, database.read() as connection:
        connection.execute(insert(MESSAGE), [message("m")])
    assert caught.value.reason is Trouble.READ_ONLY
    assert count(database) == 0


def test_writers_in_threads_lose_no_update(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(DELIVERY), {"party": "alpha", "failures": 0})

    def add() -> None:
        for _ in range(20):
            with database.write() as connection:
                found = connection.scalar(select(DELIVERY.c.failures).with_for_update())
                connection.execute(DELIVERY.update().values(failures=(found or 0) + 1))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as connection:
        assert connection.scalar(select(DELIVERY.c.failures)) == 80


def test_claims_of_two_workers_do_not_overlap(postgresql_url: str) -> None:
    database = open_database(postgresql_url)
    with database.write() as connection:
        connection.execute(insert(MESSAGE), [message(f"m{n}") for n in range(4)])
    statement = skip_locked(select(MESSAGE.c.message_id).order_by(MESSAGE.c.id).limit(2), database)
    with database.write() as first, database.write() as second:
        assert list(first.scalars(statement)) == ["m0", "m1"]
        assert list(second.scalars(statement)) == ["m2", "m3"]
    database.close()


def test_on_sqlite_the_writer_is_alone_and_nothing_is_locked(sqlite_url: str) -> None:
    database = open_database(sqlite_url)
    assert "FOR UPDATE" not in str(skip_locked(select(MESSAGE.c.id), database))
    database.close()


def test_sqlite_is_durable_and_private(tmp_path: Path) -> None:
    path = tmp_path / "depesha.db"
    database = open_database(f"sqlite:///{path}", create=True)
    with database.write() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA synchronous")) == 2
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1
        connection.execute(text("CREATE TABLE t (x)"))
        for file in tmp_path.glob("depesha.db*"):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    database.close()


def test_a_missing_sqlite_file_is_not_made_by_the_way(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="put your copy of it back there"):
        open_database(f"sqlite:///{tmp_path / 'none.db'}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["mysql://h/d", "sqlite://", "sqlite:///:memory:", "nonsense", "postgresql://h:x/d"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="sqlite:///"):
        open_database(url)


def test_a_full_disk_is_told(sqlite_url: str) -> None:
    database = open_database(sqlite_url)
    with pytest.raises(StoreUnavailable) as caught, database.write() as connection:  # noqa: PT012
        pages = connection.scalar(text("PRAGMA page_count"))
        connection.execute(text(f"PRAGMA max_page_count = {pages + 2}"))
        connection.execute(insert(MESSAGE), [message(f"m{n}", error_detail="x" * 4000) for n in range(50)])
    assert caught.value.reason is Trouble.FULL
    assert count(database) == 0
    database.close()


def test_a_lock_held_too_long_is_told(opened: Database, database_url: str) -> None:
    other = open_database(database_url)
    with other.write() as holder:
        if other.dialect == "postgresql":
            holder.execute(text("LOCK TABLE message"))
        with pytest.raises(StoreUnavailable) as caught, opened.write() as connection:
            connection.execute(insert(MESSAGE), [message("m")])
    assert caught.value.reason is Trouble.LOCKED
    other.close()
    with opened.write() as connection:
        connection.execute(insert(MESSAGE), [message("m")])
    assert count(opened) == 1


def test_no_free_connection_is_told(impatient: None, sqlite_url: str) -> None:
    database = open_database(sqlite_url)
    with database.write(), pytest.raises(StoreUnavailable) as caught, database.write():
        pass
    assert caught.value.reason is Trouble.LOCKED
    database.close()


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    path = tmp_path / "depesha.db"
    path.write_bytes(b"no database, but long enough to be one" * 100)
    with pytest.raises(StoreUnavailable) as caught:
        count(open_database(f"sqlite:///{path}"))
    assert caught.value.reason is Trouble.DAMAGED


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    database = open_database(f"postgresql://postgres@/depesha?host={tmp_path}")
    with pytest.raises(StoreUnavailable) as caught:
        count(database)
    assert caught.value.reason is Trouble.GONE


def test_a_database_that_went_away_is_told_and_found_again(postgresql_url: str) -> None:
    database = open_database(postgresql_url)
    killer = open_database(postgresql_url)
    with pytest.raises(StoreUnavailable) as caught, database.write() as connection:  # noqa: PT012
        backend = connection.scalar(text("SELECT pg_backend_pid()"))
        with killer.write() as other:
            other.execute(text("SELECT pg_terminate_backend(:backend, 5000)"), {"backend": backend})
        connection.execute(insert(MESSAGE), [message("m")])
    assert caught.value.reason is Trouble.GONE
    with database.write() as connection:
        connection.execute(insert(MESSAGE), [message("m")])
    assert count(database) == 1
    database.close()
    killer.close()


def test_a_mistake_of_ours_is_not_called_trouble(database: Database) -> None:
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(insert(MESSAGE), [message("m", digests=None)])


def test_sqlite_waits_for_another_process(sqlite_url: str) -> None:
    database = open_database(sqlite_url)
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.3, other.execute, ["COMMIT"])
    release.start()
    with database.write() as connection:
        connection.execute(insert(MESSAGE), [message("m")])
    release.join()
    other.close()
    assert count(database) == 1
    database.close()


def test_a_transaction_that_stands_still_is_ended_and_told(
    monkeypatch: pytest.MonkeyPatch, postgresql_url: str
) -> None:
    """Its process was paused in the middle: what it had locked is free, and what it wrote was not written."""
    other = open_database(postgresql_url)
    monkeypatch.setattr(database_module, "STANDS_STILL_SECONDS", 1)
    paused = open_database(postgresql_url)

    def act(database: Database, action: str, meanwhile: Callable[[], None]) -> None:
        with database.write() as connection:
            connection.execute(update(MESSAGE).values(action=action))
            meanwhile()
            connection.execute(update(MESSAGE).values(unit=action))

    with other.write() as connection:
        connection.execute(insert(MESSAGE).values(message("one")))
    with pytest.raises(StoreUnavailable) as caught:
        act(paused, "stands still", lambda: act(other, "goes on", lambda: None))
    assert caught.value.reason is Trouble.GONE
    with other.read() as connection:
        assert connection.execute(select(MESSAGE.c.action, MESSAGE.c.unit)).one() == ("goes on", "goes on")
    paused.close()
    other.close()


def test_a_transaction_that_lasts_too_long_is_ended_and_told(
    monkeypatch: pytest.MonkeyPatch, postgresql_url: str
) -> None:
    """Also where the server cannot tell that its process stands still."""
    monkeypatch.setattr(database_module, "LONGEST_SECONDS", 3)
    database = open_database(postgresql_url)

    def last(seconds: int, *before: Callable[[Connection], None]) -> None:
        with database.write() as connection:
            for act in before:
                act(connection)
            connection.execute(text(f"SELECT pg_sleep({seconds})"))

    with pytest.raises(StoreUnavailable) as caught:
        last(20)
    assert caught.value.reason is Trouble.GONE
    last(4, take_as_long_as_it_takes)
    database.close()


def test_a_server_that_vanishes_without_a_word_is_missed(postgresql_url: str) -> None:
    database = open_database(postgresql_url)
    with database.write() as connection:
        driver: Any = connection.connection.dbapi_connection
        parameters = driver.info.get_parameters()
    database.close()
    probes = int(parameters["keepalives_interval"]) * int(parameters["keepalives_count"])
    assert int(parameters["keepalives_idle"]) + probes <= 60
    assert int(parameters["tcp_user_timeout"]) <= 60_000
