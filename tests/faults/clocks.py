"""Clocks of machines that tests set, for real processes: an hour, a day, a year, either way."""

import mmap
import shutil
import struct
import subprocess
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

SOURCE = Path(__file__).with_name("machine_clock.c")
COMPILER = shutil.which("cc")
SKIPPED = "clocks were not set: no C compiler (cc) is here"


def compiled(folder: Path, source: Path = SOURCE) -> Path:
    """The library for LD_PRELOAD, made in `folder`."""
    library = folder / f"{source.stem}.so"
    if not library.exists():
        words = [str(COMPILER), "-shared", "-fPIC", "-O2", "-Wall", "-o", str(library), str(source), "-ldl"]
        subprocess.run(words, check=True)
    return library


class MachineClock:
    """What processes with its `environment` take for the time of day; right until it is set."""

    def __init__(self, folder: Path, name: str) -> None:
        path = folder / f"{name}.clock"
        path.write_bytes(bytes(8))
        with path.open("r+b") as file:
            self._ahead = mmap.mmap(file.fileno(), 8)
        self.environment: Mapping[str, str] = {
            "LD_PRELOAD": str(compiled(folder)),
            "MACHINE_CLOCK_FILE": str(path),
        }

    def set(self, ahead: timedelta) -> None:
        """From now on it stands so far ahead of the right time, or (negative) behind it."""
        self._ahead[:] = struct.pack("q", ahead // timedelta(microseconds=1) * 1000)
