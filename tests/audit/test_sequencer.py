"""Positions are given once, without gaps, by one sequencer at a time; and the log verifies, or says what is wrong."""

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

import node.audit.sequencer as sequencer
from node.audit.entry import LogEntry, append, append_rows, entry
from node.audit.sequencer import freeze, sequence
from node.audit.tree import leaf_hash, root_of
from node.audit.verify import verify_log
from node.store.columns import table_of
from node.store.database import Database, open_database
from node.store.sealing import KeyEncryptionKey
from node.store.tables import LogEntryKey, LoggedEntry, LogState
from node.store.trouble import StoreUnavailable, Trouble

NOW = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)
ENTRY = table_of(LoggedEntry)
KEY = table_of(LogEntryKey)
STATE = table_of(LogState)


def made(count: int) -> list[LogEntry]:
    return [entry("received", NOW, "node", {"n": n}) for n in range(count)]


def log(database: Database, entries: list[LogEntry], kek: KeyEncryptionKey) -> None:
    with database.write() as connection:
        append(connection, entries, kek)


def positions(database: Database) -> dict[int, int | None]:
    with database.read() as connection:
        return {row.id: row.position for row in connection.execute(select(ENTRY.c.id, ENTRY.c.position))}


def leaves(database: Database) -> list[bytes]:
    with database.read() as connection:
        statement = select(ENTRY.c.leaf).where(ENTRY.c.position.is_not(None)).order_by(ENTRY.c.position)
        return list(connection.scalars(statement))


def state(database: Database) -> Any:
    with database.read() as connection:
        return connection.execute(select(STATE)).one()


def test_entries_get_positions_in_the_order_of_their_ids(database: Database, kek: KeyEncryptionKey) -> None:
    log(database, made(7), kek)
    assert sequence(database) == 7
    found = positions(database)
    assert [found[id_] for id_ in sorted(found)] == list(range(7))
    assert sequence(database) == 0


def test_the_state_is_that_of_the_leaves(database: Database, kek: KeyEncryptionKey) -> None:
    for count in (1, 5, 8):
        log(database, made(count), kek)
        assert sequence(database) == count
        assert state(database).root == root_of(map(leaf_hash, leaves(database)))
    assert state(database).size == 14


def test_a_batch_is_limited_and_the_rest_comes_next(database: Database, kek: KeyEncryptionKey) -> None:
    log(database, made(7), kek)
    assert [sequence(database, limit=3) for _ in range(4)] == [3, 3, 1, 0]
    assert verify_log(database, kek).sound


def test_what_is_committed_later_comes_later_whatever_its_id(database: Database, kek: KeyEncryptionKey) -> None:
    early, late = append_rows(made(2), kek), append_rows(made(1), kek)
    for rows in (late, early):
        with database.write() as connection:
            connection.execute(insert(ENTRY), rows.entries)
            connection.execute(insert(KEY), rows.keys)
        sequence(database)
    found = positions(database)
    assert [found[row["id"]] for row in (*late.entries, *early.entries)] == [0, 1, 2]
    assert verify_log(database, kek).sound


def test_a_frozen_log_keeps_entries_pending(database: Database, kek: KeyEncryptionKey) -> None:
    with database.write() as connection:
        freeze(connection)
    log(database, made(3), kek)
    assert sequence(database) == 0
    report = verify_log(database, kek)
    assert (report.sound, report.size, report.pending) == (True, 0, 3)
    with database.write() as connection:
        freeze(connection, False)
    assert sequence(database) == 3


@pytest.mark.parametrize("before", [0, 5])
def test_a_sequencer_that_dies_before_its_commit_changes_nothing(
    database: Database, kek: KeyEncryptionKey, before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    log(database, made(before), kek)
    sequence(database)
    log(database, made(4), kek)
    old = state(database), positions(database)

    def die(name: str) -> None:
        assert name == "sequencer: before commit"
        raise SystemExit

    with monkeypatch.context() as patch, pytest.raises(SystemExit):  # noqa: PT012
        patch.setattr(sequencer, "crash_point", die)
        sequence(database)
    assert (state(database), positions(database)) == old
    assert sequence(database) == 4
    assert verify_log(database, kek).sound


def test_a_sequencer_that_dies_after_its_commit_is_not_repeated(
    database: Database, kek: KeyEncryptionKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    log(database, made(4), kek)

    def die(name: str) -> None:
        if name == "sequencer: after commit":
            raise SystemExit

    with monkeypatch.context() as patch, pytest.raises(SystemExit):  # noqa: PT012
        patch.setattr(sequencer, "crash_point", die)
        sequence(database)
    assert sequence(database) == 0
    assert verify_log(database, kek).size == 4


def test_sequencers_and_writers_at_once_give_every_entry_one_position(
    database: Database, database_url: str, kek: KeyEncryptionKey
) -> None:
    """Two sequencers on connections of their own, as two processes have them, while two writers append."""
    others = [open_database(database_url) for _ in range(2)]
    writing = threading.Event()
    writing.set()
    given: list[int] = []
    failures: list[BaseException] = []

    def watched(work: Any) -> threading.Thread:
        def run() -> None:
            try:
                work()
            except BaseException as error:
                failures.append(error)

        return threading.Thread(target=run)

    def write() -> None:
        for _ in range(25):
            log(database, made(3), kek)

    def number(own: Database) -> None:
        while writing.is_set() or sequence(own, limit=1):
            given.append(sequence(own, limit=7))

    writers = [watched(write) for _ in range(2)]
    sequencers = [watched(lambda own=own: number(own)) for own in others]
    for thread in (*writers, *sequencers):
        thread.start()
    for thread in writers:
        thread.join()
    writing.clear()
    for thread in sequencers:
        thread.join()
    for other in others:
        other.close()
    assert failures == []
    assert sum(count > 0 for count in given) > 1
    found = [position for position in positions(database).values() if position is not None]
    assert sorted(found) == list(range(150))
    report = verify_log(database, kek)
    assert (report.findings, report.size, report.pending) == ((), 150, 0)


def test_positions_once_given_stay(database: Database, kek: KeyEncryptionKey) -> None:
    log(database, made(5), kek)
    sequence(database)
    first = positions(database)
    log(database, made(5), kek)
    sequence(database)
    assert first.items() <= positions(database).items()


def test_a_damaged_state_is_not_built_upon(database: Database, kek: KeyEncryptionKey) -> None:
    log(database, made(3), kek)
    sequence(database)
    log(database, made(1), kek)
    for damage in ({"root": bytes(32)}, {"frontier": b"short"}, {"size": 2}):
        with database.write() as connection:
            connection.execute(update(STATE).values(**damage))
        with pytest.raises(StoreUnavailable) as caught:
            sequence(database)
        assert caught.value.reason is Trouble.DAMAGED


def test_an_erased_entry_keeps_its_leaf_and_the_log_its_root(database: Database, kek: KeyEncryptionKey) -> None:
    log(database, made(3), kek)
    sequence(database)
    with database.write() as connection:
        id_ = connection.scalar(select(ENTRY.c.id).where(ENTRY.c.position == 1))
        connection.execute(delete(KEY).where(KEY.c.id == id_))
    report = verify_log(database, kek)
    assert (report.sound, report.erased, report.size) == (True, 1, 3)


def test_verifying_reads_more_than_one_batch(database: Database, kek: KeyEncryptionKey) -> None:
    log(database, made(1203), kek)
    assert sequence(database) == 1000
    assert verify_log(database, kek).pending == 203
    assert sequence(database) == 203
    report = verify_log(database, kek)
    assert (report.findings, report.size, report.root) == ((), 1203, state(database).root)


@pytest.mark.parametrize(
    ("change", "position", "what"),
    [
        (update(ENTRY).where(ENTRY.c.position == 2).values(leaf=b"\x01" + bytes(32)), 2, "commits to"),
        (update(ENTRY).where(ENTRY.c.position == 2).values(leaf=b"\x01"), 2, "a leaf of 1 bytes"),
        (update(ENTRY).where(ENTRY.c.position == 2).values(sealed=b"\x01" + bytes(99)), 2, "not what was sealed"),
        (update(KEY).values(wrapped=bytes(40)), 0, "key-encryption key"),
        (delete(ENTRY).where(ENTRY.c.position == 1), 1, "no entry here, the next is at 2"),
        (delete(ENTRY).where(ENTRY.c.position == 4), None, "4 entries where the log's size is 5"),
        (update(ENTRY).where(ENTRY.c.position == 4).values(position=9), None, "4 entries where the log's size is 5"),
        (update(STATE).values(root=bytes(32)), None, "do not give the log's root"),
        (update(STATE).values(frontier=bytes(64)), None, "do not give the log's frontier"),
        (update(STATE).values(size=6), None, "5 entries where the log's size is 6"),
    ],
)
def test_verifying_finds_what_was_tampered_with(
    database: Database, kek: KeyEncryptionKey, change: Any, position: int | None, what: str
) -> None:
    log(database, made(5), kek)
    sequence(database)
    assert verify_log(database, kek).sound
    with database.write() as connection:
        connection.execute(change)
    report = verify_log(database, kek)
    assert not report.sound
    assert any(finding.position == position and what in finding.what for finding in report.findings), report


def test_exchanged_entries_do_not_give_the_root(database: Database, kek: KeyEncryptionKey) -> None:
    log(database, made(5), kek)
    sequence(database)
    for old, new in ((1, 90), (2, 1), (90, 2)):
        with database.write() as connection:
            connection.execute(update(ENTRY).where(ENTRY.c.position == old).values(position=new))
    assert [finding.what for finding in verify_log(database, kek).findings] == [
        "the entries do not give the log's root"
    ]
