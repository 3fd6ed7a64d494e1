"""A disk whose next write or sync of one kind of file fails, for real processes."""

import mmap
import struct
from collections.abc import Mapping
from enum import IntEnum
from pathlib import Path

from tests.faults.clocks import compiled

SOURCE = Path(__file__).with_name("failing_disk.c")


class Step(IntEnum):
    """What fails: a kind of file times two, one more for a sync."""

    DATABASE_WRITE = 4
    DATABASE_SYNC = 5
    WAL_WRITE = 6
    WAL_SYNC = 7
    BLOB_WRITE = 8
    BLOB_SYNC = 9
    KEYS_WRITE = 10
    KEYS_SYNC = 11
    FOLDER_SYNC = 13


class FailingDisk:
    """The disk under a node's `home`, for processes with its `environment`; it fails only when it is told to."""

    def __init__(self, folder: Path, home: Path) -> None:
        path = folder / f"{home.name}.disk"
        path.write_bytes(bytes(24))
        with path.open("r+b") as file:
            self._control = mmap.mmap(file.fileno(), 24)
        self.environment: Mapping[str, str] = {
            "LD_PRELOAD": str(compiled(folder, SOURCE)),
            "FAILING_DISK_FILE": str(path),
            "FAILING_DISK_HOME": str(home),
        }

    @property
    def failures(self) -> int:
        """How often it has failed."""
        return int(struct.unpack_from("q", self._control, 16)[0])

    def fail_next(self, step: Step, errno: int) -> None:
        """Let the next of these fail with this error; those after it are well."""
        struct.pack_into("q", self._control, 8, errno)
        struct.pack_into("q", self._control, 0, step)
