"""Blobs are durable before anybody names them, and go only when nobody does."""

import os
import resource
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from node.store.blobs import BlobStore
from node.store.trouble import StoreUnavailable, Trouble

DAY = timedelta(days=1)


def write(blobs: BlobStore, octets: bytes) -> str:
    writer = blobs.create()
    writer.write(octets)
    return writer.finish()


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_blob_comes_back(blobs: BlobStore) -> None:
    octets = os.urandom(200_000)
    assert b"".join(blobs.open(write(blobs, octets))) == octets


def test_until_it_is_finished_a_blob_has_no_name(blobs: BlobStore, tmp_path: Path) -> None:
    writer = blobs.create()
    writer.write(b"x")
    assert list(blobs.older_than(datetime.now(UTC) + DAY)) == []
    name = writer.finish()
    assert list(blobs.older_than(datetime.now(UTC) + DAY)) == [name]
    assert [path.name for path in files(tmp_path)] == [name]


def test_files_and_folders_are_private(blobs: BlobStore, tmp_path: Path) -> None:
    write(blobs, b"x")
    for path in (tmp_path / "blobs").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_file_and_folder_are_synced_in_that_order(blobs: BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    write(blobs, b"warm up")
    steps: list[str] = []
    fsync, rename = os.fsync, Path.rename

    def spy_fsync(file: int) -> None:
        descriptor = file if isinstance(file, int) else file.fileno()
        steps.append("sync folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "sync file")
        fsync(descriptor)

    def spy_rename(path: Path, target: Path) -> Path:
        steps.append("rename")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", spy_fsync)
    monkeypatch.setattr(Path, "rename", spy_rename)
    write(blobs, b"x")
    assert [step for step in steps if step != "sync folder"] == ["sync file", "rename"]
    assert steps[-1] == "sync folder"


def test_an_aborted_blob_leaves_nothing(blobs: BlobStore, tmp_path: Path) -> None:
    writer = blobs.create()
    writer.write(b"x")
    writer.abort()
    assert files(tmp_path) == []


def test_deleting_twice_is_deleting(blobs: BlobStore, tmp_path: Path) -> None:
    name = write(blobs, b"x")
    blobs.delete(name)
    blobs.delete(name)
    assert files(tmp_path) == []


def test_a_missing_blob_is_damage(blobs: BlobStore) -> None:
    with pytest.raises(StoreUnavailable, match="missing") as caught:
        blobs.open("0" * 32)
    assert caught.value.reason is Trouble.DAMAGED


@pytest.mark.parametrize("name", ["", "..", "../../etc/passwd", "0" * 31, "0" * 33, "A" * 32, "0" * 30 + "/x"])
def test_a_name_never_leads_out_of_the_folder(blobs: BlobStore, name: str) -> None:
    for use in (blobs.open, blobs.delete):
        with pytest.raises(StoreUnavailable, match="no blob's name"):
            use(name)


def test_only_old_blobs_are_listed_and_nothing_that_is_not_ours(blobs: BlobStore, tmp_path: Path) -> None:
    old, new = write(blobs, b"old"), write(blobs, b"new")
    path = tmp_path / "blobs" / old[:2] / old
    two_days_ago = (datetime.now(UTC) - 2 * DAY).timestamp()
    os.utime(path, (two_days_ago, two_days_ago))
    (tmp_path / "blobs" / "README").write_text("not ours")
    (path.parent / "foreign").write_text("not ours")
    os.utime(path.parent / "foreign", (two_days_ago, two_days_ago))
    assert list(blobs.older_than(datetime.now(UTC) - DAY)) == [old]
    assert new not in blobs.older_than(datetime.now(UTC) - DAY)


def test_what_a_dead_writer_began_goes_and_what_a_living_one_writes_stays(blobs: BlobStore, tmp_path: Path) -> None:
    later = datetime.now(UTC) + DAY
    living = blobs.create()
    living.write(b"x")
    dead = tmp_path / "blobs" / "writing" / ("0" * 32)
    dead.write_bytes(b"x")
    assert blobs.delete_abandoned(datetime.now(UTC) - DAY) == 0
    assert dead.exists()
    assert blobs.delete_abandoned(later) == 1
    assert not dead.exists()
    assert b"".join(blobs.open(living.finish())) == b"x"


def test_sweeping_a_store_that_was_never_used_finds_nothing(blobs: BlobStore) -> None:
    assert blobs.delete_abandoned(datetime.now(UTC)) == 0
    assert list(blobs.older_than(datetime.now(UTC))) == []


def test_no_space_is_told(blobs: BlobStore, tmp_path: Path) -> None:
    writer = blobs.create()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(StoreUnavailable) as caught:
            writer.write(bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.reason is Trouble.FULL
    writer.abort()
    assert files(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnavailable) as caught:
        BlobStore(tmp_path / "file").create()
    assert caught.value.reason is Trouble.GONE
