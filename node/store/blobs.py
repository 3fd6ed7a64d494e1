"""The blob store: sealed octets too large for a row, one file each, under random names.

A blob is written and made durable first; the transaction that names it comes after. So there may be blobs without a
row (swept after a day), and never a row without its blob. All processes of a node reach the same folder.

    FOLDER/writing/NAME      being written, locked by its writer
    FOLDER/NA/NAME           complete and durable; NAME is 32 hexadecimal digits, NA its first two
"""

import fcntl
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from io import FileIO
from pathlib import Path

from node.crash_points import crash_point
from node.store.trouble import StoreUnavailable, Trouble, trouble_of_os

_NAME = re.compile(r"[0-9a-f]{32}")
_SHARD = re.compile(r"[0-9a-f]{2}")
_READ = 1 << 18
# What was written goes to the disk while the rest is still being made: the sync at the end has little left to wait for.
_AHEAD = 8 << 20


@contextmanager
def _our_trouble() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise trouble_of_os(error) from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class BlobWriter:
    """One blob being written. End it by `finish` or `abort`; a process that dies leaves a file for the sweep."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._name = secrets.token_hex(16)
        self._path = folder / "writing" / self._name
        with _our_trouble():
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = FileIO(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600), "w")
            # Tells the sweep that its writer lives, whatever the clock says of the file's age.
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._size = self._begun = 0

    def write(self, octets: bytes | bytearray) -> None:
        """Append. Raises StoreUnavailable; then call abort."""
        with _our_trouble():
            view = memoryview(octets)
            while view:
                written = self._file.write(view)
                self._size += written
                view = view[written:]
            if self._size - self._begun >= _AHEAD:
                # On Linux this begins to write out what is dirty, and waits for nothing.
                os.posix_fadvise(self._file.fileno(), self._begun, self._size - self._begun, os.POSIX_FADV_DONTNEED)
                self._begun = self._size

    def finish(self) -> str:
        """Make the blob durable under its name, and return that. Raises StoreUnavailable; then call abort."""
        shard = self._folder / self._name[:2]
        with _our_trouble():
            os.fsync(self._file)
            crash_point("blob: written")
            try:
                shard.mkdir(mode=0o700)
            except FileExistsError:
                pass
            else:
                _sync_folder(self._folder)
            self._path.rename(shard / self._name)
            _sync_folder(shard)
            self._file.close()
        crash_point("blob: durable")
        return self._name

    def abort(self) -> None:
        """Remove what was written. Never fails: what cannot be removed now is left for the sweep."""
        self._file.close()
        try:
            self._path.unlink(missing_ok=True)
        except OSError:
            return


class BlobStore:
    """The blobs in one folder, which is made when the first blob is written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def create(self) -> BlobWriter:
        """Begin a new blob. Raises StoreUnavailable."""
        return BlobWriter(self._folder)

    def open(self, name: str) -> Iterator[bytes]:
        """The octets of a blob, in pieces. Raises StoreUnavailable, damaged when a blob that a row names is missing."""
        path = self._path(name)
        with _our_trouble():
            try:
                file = FileIO(path)
            except FileNotFoundError:
                raise StoreUnavailable(Trouble.DAMAGED, f"blob {name} is missing") from None
        return self._pieces(file)

    @staticmethod
    def _pieces(file: FileIO) -> Iterator[bytes]:
        with file, _our_trouble():
            while piece := file.read(_READ):
                yield piece

    def delete(self, name: str) -> None:
        """Remove a blob, if it is there. Raises StoreUnavailable."""
        with _our_trouble():
            self._path(name).unlink(missing_ok=True)

    def older_than(self, moment: datetime) -> Iterator[str]:
        """The names of complete blobs last written before `moment`. Raises StoreUnavailable."""
        with _our_trouble():
            for shard in self._shards():
                for entry in os.scandir(shard):
                    if _NAME.fullmatch(entry.name) and entry.stat().st_mtime < moment.timestamp():
                        yield entry.name

    def delete_abandoned(self, moment: datetime) -> int:
        """Remove what was begun, last written before `moment` and has no living writer; return how many there were."""
        removed = 0
        writing = self._folder / "writing"
        with _our_trouble():
            for entry in os.scandir(writing) if writing.is_dir() else ():
                if _NAME.fullmatch(entry.name) and entry.stat().st_mtime < moment.timestamp():
                    removed += self._delete_unlocked(Path(entry.path))
        return removed

    @staticmethod
    def _delete_unlocked(path: Path) -> bool:
        with FileIO(path) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            path.unlink(missing_ok=True)
            return True

    def _shards(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        return [path for path in self._folder.iterdir() if _SHARD.fullmatch(path.name) and path.is_dir()]

    def _path(self, name: str) -> Path:
        # Names come from the database; one that is none of ours must not lead out of the folder.
        if not _NAME.fullmatch(name):
            raise StoreUnavailable(Trouble.DAMAGED, "a row names a blob by what is no blob's name")
        return self._folder / name[:2] / name
