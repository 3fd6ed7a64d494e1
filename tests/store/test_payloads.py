"""Payloads: small ones in rows, large ones in the blob store, all sealed."""

import os
import resource
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, update

from node.store.blobs import BlobStore
from node.store.columns import table_of
from node.store.database import Database
from node.store.payloads import (
    INLINE_LIMIT,
    PayloadErased,
    PayloadWriter,
    SealedPayload,
    find_payload,
    open_payload,
    payload_rows,
    seal_payload,
    sweep,
)
from node.store.rows import insert_rows
from node.store.sealing import KeyEncryptionKey, SealBroken
from node.store.tables import Payload, PayloadKey
from node.store.trouble import StoreUnavailable

DAY = timedelta(days=1)
SIZES = [0, 1, 4096, INLINE_LIMIT, INLINE_LIMIT + 1, 300_000]


def store(database: Database, message: int, payload: SealedPayload) -> None:
    row, key = payload_rows(message, "part", 0, payload)
    with database.write() as connection:
        insert_rows(connection, table_of(Payload), [row])
        insert_rows(connection, table_of(PayloadKey), [key])


def read(database: Database, message: int, kek: KeyEncryptionKey, blobs: BlobStore) -> bytes:
    with database.read() as connection:
        stored = find_payload(connection, message, "part")
    assert stored is not None
    return b"".join(open_payload(stored, kek, blobs))


@pytest.mark.parametrize("size", SIZES)
def test_octets_at_hand_and_streamed_come_back_the_same(size: int, kek: KeyEncryptionKey, blobs: BlobStore) -> None:
    octets = os.urandom(size)
    writer = PayloadWriter(kek, blobs)
    for start in range(0, size, 10_000):
        writer.write(octets[start : start + 10_000])
    for payload in (seal_payload(octets, kek, blobs), writer.finish()):
        assert payload.size == size
        assert (payload.blob is None) == (size <= INLINE_LIMIT)
        assert (payload.inline is None) == (size > INLINE_LIMIT)
        assert b"".join(open_payload(payload, kek, blobs)) == octets


@pytest.mark.parametrize("size", [4096, 300_000])
def test_payloads_come_back_from_the_database(
    database: Database, size: int, kek: KeyEncryptionKey, blobs: BlobStore
) -> None:
    octets = os.urandom(size)
    store(database, 7, seal_payload(octets, kek, blobs))
    assert read(database, 7, kek, blobs) == octets
    with database.read() as connection:
        assert find_payload(connection, 7, "part", 1) is None
        assert find_payload(connection, 7, "envelope") is None


def test_nothing_readable_is_kept(database: Database, kek: KeyEncryptionKey, blobs: BlobStore, tmp_path: Path) -> None:
    secret = b"<Surname>SPECIMEN</Surname>"
    store(database, 1, seal_payload(secret * 10, kek, blobs))
    store(database, 2, seal_payload(secret * 10_000, kek, blobs))
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert secret not in path.read_bytes()
    with database.read() as connection:
        for message in (1, 2):
            stored = find_payload(connection, message, "part")
            assert stored is not None
            assert secret not in (stored.inline or b"")


def test_every_payload_has_a_key_of_its_own(kek: KeyEncryptionKey, blobs: BlobStore) -> None:
    first, second = (seal_payload(b"same", kek, blobs) for _ in range(2))
    assert first.inline != second.inline
    exchanged = SealedPayload(first.size, first.inline, None, second.wrapped_key)
    with pytest.raises(SealBroken):
        list(open_payload(exchanged, kek, blobs))


def test_without_its_key_a_payload_is_erased(database: Database, kek: KeyEncryptionKey, blobs: BlobStore) -> None:
    store(database, 1, seal_payload(b"x", kek, blobs))
    with database.write() as connection:
        connection.execute(delete(table_of(PayloadKey)))
    with pytest.raises(PayloadErased):
        read(database, 1, kek, blobs)


def test_a_changed_blob_is_seen(kek: KeyEncryptionKey, blobs: BlobStore, tmp_path: Path) -> None:
    payload = seal_payload(os.urandom(300_000), kek, blobs)
    (path,) = (path for path in tmp_path.rglob("*") if path.name == payload.blob)
    octets = bytearray(path.read_bytes())
    octets[200_000] ^= 1
    path.write_bytes(octets)
    with pytest.raises(SealBroken, match="chunk 3"):
        list(open_payload(payload, kek, blobs))


def test_an_aborted_payload_leaves_nothing(kek: KeyEncryptionKey, blobs: BlobStore, tmp_path: Path) -> None:
    writer = PayloadWriter(kek, blobs)
    writer.write(bytes(300_000))
    writer.abort()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    PayloadWriter(kek, blobs).abort()


def test_when_the_disk_is_full_nothing_is_left(kek: KeyEncryptionKey, blobs: BlobStore, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(StoreUnavailable, match="full"):
            seal_payload(bytes(300_000), kek, blobs)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_the_sweep_takes_old_orphans_and_nothing_else(
    database: Database, kek: KeyEncryptionKey, blobs: BlobStore, tmp_path: Path
) -> None:
    kept = seal_payload(os.urandom(100_000), kek, blobs)
    store(database, 1, kept)
    orphan = seal_payload(os.urandom(100_000), kek, blobs)
    now = datetime.now(UTC)
    assert sweep(blobs, database, now) == 0
    assert sweep(blobs, database, now + DAY - timedelta(minutes=1)) == 0
    assert sweep(blobs, database, now + DAY + timedelta(minutes=1)) == 1
    assert b"".join(open_payload(kept, kek, blobs))
    with pytest.raises(StoreUnavailable, match="missing"):
        list(open_payload(orphan, kek, blobs))
    assert sweep(blobs, database, now + 2 * DAY) == 0


def test_the_sweep_asks_for_many_names_at_once(database: Database, blobs: BlobStore) -> None:
    names = []
    for _ in range(501):
        writer = blobs.create()
        writer.write(b"x")
        names.append(writer.finish())
    row = {"message": 1, "kind": "part", "n": 0, "size": 1, "inline": None, "blob": names[250]}
    with database.write() as connection:
        connection.execute(insert(table_of(Payload)), row)
    assert sweep(blobs, database, datetime.now(UTC) + 2 * DAY) == 500
    assert list(blobs.open(names[250])) == [b"x"]
    with database.write() as connection:
        connection.execute(update(table_of(Payload)).values(blob=None))
    assert sweep(blobs, database, datetime.now(UTC) + 2 * DAY) == 1
