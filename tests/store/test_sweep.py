"""The sweep of a serving node: orphans go, what is being written or may still be named stays."""

import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import insert, text

from node import serving
from node.store import payloads as payloads_module
from node.store import sweep as sweep_module
from node.store.blobs import BlobStore
from node.store.columns import table_of
from node.store.database import Database
from node.store.payloads import SWEEP_AFTER, payload_rows, seal_payload
from node.store.sealing import KeyEncryptionKey
from node.store.sweep import _SWEEP_LOCK, WATCHED, Sweep
from node.store.tables import Payload, PayloadKey
from tests.exchange.clock import until

LATER = SWEEP_AFTER + timedelta(minutes=1)
HOURS = WATCHED.total_seconds()


def orphan(kek: KeyEncryptionKey, blobs: BlobStore) -> str:
    blob = seal_payload(os.urandom(100_000), kek, blobs).blob
    assert blob is not None
    return blob


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file() and len(path.name) == 32}


def test_an_orphan_goes_when_it_is_old_and_was_watched(
    database: Database, kek: KeyEncryptionKey, blobs: BlobStore, tmp_path: Path
) -> None:
    lost = orphan(kek, blobs)
    kept = seal_payload(os.urandom(100_000), kek, blobs)
    row, key = payload_rows(1, "part", 1, kept)
    with database.write() as connection:
        connection.execute(insert(table_of(Payload)), row)
        connection.execute(insert(table_of(PayloadKey)), key)
    sweep, now = Sweep(blobs, database), datetime.now(UTC)
    assert sweep.look(now, 0) == 0
    assert sweep.look(now, 2 * HOURS) == 0, "it is not a day old"
    assert sweep.look(now + LATER, 3 * HOURS) == 0, "it is seen for the first time"
    assert sweep.look(now + LATER, 4 * HOURS - 1) == 0
    assert names(tmp_path) == {lost, kept.blob}
    assert sweep.look(now + LATER, 4 * HOURS) == 1
    assert names(tmp_path) == {kept.blob}
    assert sweep.look(now + LATER, 9 * HOURS) == 0


def test_a_blob_that_is_being_written_stays_whatever_the_clock_says(
    database: Database, blobs: BlobStore, tmp_path: Path
) -> None:
    writer = blobs.create()
    writer.write(b"x")
    sweep, year = Sweep(blobs, database), datetime.now(UTC) + timedelta(days=366)
    assert [sweep.look(year, hours * HOURS) for hours in range(3)] == [0, 0, 0]
    name = writer.finish()
    assert list(blobs.open(name)) == [b"x"]


def test_one_whose_writer_died_goes(database: Database, blobs: BlobStore, tmp_path: Path) -> None:
    code = "import os, sys, pathlib; from node.store.blobs import BlobStore\n"
    code += "writer = BlobStore(pathlib.Path(sys.argv[1])).create(); writer.write(b'x'); os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path / "blobs")], check=False).returncode == -9
    assert len(names(tmp_path)) == 1
    assert Sweep(blobs, database).look(datetime.now(UTC), 0) == 0
    assert Sweep(blobs, database).look(datetime.now(UTC) + LATER, 0) == 1
    assert names(tmp_path) == set()


def test_a_message_that_commits_after_a_jump_of_the_clock_keeps_its_blobs(
    database: Database, kek: KeyEncryptionKey, blobs: BlobStore
) -> None:
    """Its first part is complete, the second is coming in, and the clock is set a year ahead."""
    part = seal_payload(os.urandom(100_000), kek, blobs)
    sweep, year = Sweep(blobs, database), datetime.now(UTC) + timedelta(days=366)
    assert sweep.look(year, 0) == 0
    row, key = payload_rows(1, "part", 1, part)
    with database.write() as connection:
        connection.execute(insert(table_of(Payload)), row)
        connection.execute(insert(table_of(PayloadKey)), key)
    assert [sweep.look(year, hours * HOURS) for hours in (1, 2, 3)] == [0, 0, 0]
    assert b"".join(payloads_module.open_payload(part, kek, blobs))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_of_several_processes_one_looks(database: Database, kek: KeyEncryptionKey, blobs: BlobStore) -> None:
    """On PostgreSQL: on SQLite one process serves a home."""
    orphan(kek, blobs)
    sweep, later = Sweep(blobs, database), datetime.now(UTC) + LATER
    assert sweep.look(later, 0) == 0
    with database.write() as another:
        another.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _SWEEP_LOCK})
        assert sweep.look(later, HOURS) == 0
    assert sweep.look(later, HOURS) == 1


def test_what_is_left_when_it_ends_early_goes_at_the_next_look(
    database: Database, kek: KeyEncryptionKey, blobs: BlobStore, tmp_path: Path
) -> None:
    for _ in range(3):
        orphan(kek, blobs)
    sweep, later = Sweep(blobs, database), datetime.now(UTC) + LATER
    assert sweep.look(later, 0) == 0
    asked: list[bool] = []

    def stop_at_the_third() -> bool:
        asked.append(True)
        return len(asked) == 3

    assert sweep.look(later, HOURS, stop_at_the_third) == 2
    assert len(names(tmp_path)) == 1
    assert sweep.look(later, HOURS) == 1
    assert names(tmp_path) == set()


async def test_a_serving_node_sweeps(
    database: Database, kek: KeyEncryptionKey, blobs: BlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = orphan(kek, blobs)
    writer = blobs.create()
    writer.write(b"x")
    os.utime(next(tmp_path.rglob(lost)), (1, 1))
    monkeypatch.setattr(serving, "SWEEP_SECONDS", 0.01)
    monkeypatch.setattr(sweep_module, "WATCHED", timedelta(0))
    stop = asyncio.Event()
    standing: Any = SimpleNamespace(blobs=blobs, database=database, now=lambda: datetime.now(UTC))
    task = asyncio.create_task(serving._sweeping(standing, stop))
    await until(lambda: lost not in names(tmp_path), "the orphan is gone")
    stop.set()
    await task
    assert list(blobs.open(writer.finish())) == [b"x"]
