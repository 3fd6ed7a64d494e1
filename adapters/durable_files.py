"""Files and folders that are there whole or not at all, whatever ends this process or the machine."""

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from node.crash_points import crash_point

NEW = ".new-"
_FOR_GROUP, _FILE = 0o770, 0o660


def write_whole(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a file under a name that nobody looks at, make it durable, then give it its own. Who may read and write it
    is as for its folder. Raises OSError."""
    beside = path.with_name(NEW + path.name)
    mode = path.parent.stat().st_mode & _FILE
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        for chunk in chunks:
            file.write(chunk)
        os.fchmod(file.fileno(), mode)
        file.flush()
        os.fsync(file.fileno())
    crash_point("file: before its name")
    beside.replace(path)
    sync_folder(path.parent)
    crash_point("file: durable")


def write_json(path: Path, value: Any) -> None:
    """The same for one JSON value."""
    write_whole(path, [json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"])


def make_folder(path: Path) -> None:
    """Make a folder, if it is not there, durably. Who may look into it is as for the one above it."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        return
    path.chmod(path.parent.stat().st_mode & _FOR_GROUP)
    sync_folder(path.parent)


def move_folder(source: Path, into: Path) -> Path:
    """Move a folder into another one, durably; its path there. A name that is taken gets a number."""
    target, n = into / source.name, 1
    while target.exists():
        n += 1
        target = into / f"{source.name}-{n}"
    source.rename(target)
    crash_point("folder: moved")
    sync_folder(into)
    sync_folder(source.parent)
    return target


def remove_folder(path: Path) -> None:
    """Remove a folder with all in it, if it is there."""
    if path.exists():
        shutil.rmtree(path)


def enclose(file: Path) -> Path:
    """Put a file into a folder of its own beside where it was, durably; that folder. An empty one is used again."""
    target, n = file.with_name(f"{file.name}.folder"), 1
    while target.exists() and (not target.is_dir() or any(target.iterdir())):
        n += 1
        target = file.with_name(f"{file.name}.folder-{n}")
    make_folder(target)
    file.rename(target / file.name)
    sync_folder(target)
    sync_folder(file.parent)
    return target


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def strays_in(path: Path) -> list[Path]:
    """What is no folder in a folder, by name: files, links, devices; those with a hidden name left out."""
    with os.scandir(path) as entries:
        names = [one.name for one in entries if not one.is_dir(follow_symlinks=False) and not one.name.startswith(".")]
    return [path / name for name in sorted(names)]


def folders_in(path: Path) -> Iterator[Path]:
    """The folders in a folder by name, those with a hidden name and links left out."""
    with os.scandir(path) as entries:
        names = sorted(
            one.name for one in entries if one.is_dir(follow_symlinks=False) and not one.name.startswith(".")
        )
    return (path / name for name in names)
