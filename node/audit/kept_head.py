"""The size and root of our log as last sequenced, kept in a file beside the keys: apart from the database.

A database that has less, or another tree of that size, is not the one that this node went on from: a replica that was
promoted behind, a machine that was rolled back, a backup.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from node.store.columns import table_of
from node.store.database import Database
from node.store.prepared import Prepared
from node.store.tables import LogState

FILE = "log-head.json"

_state = table_of(LogState)
_HEAD = Prepared(select(_state.c.size, _state.c.root, _state.c.frozen))


@dataclass(frozen=True, slots=True)
class Head:
    """How far the log has come: entries, and the root over them (32 bytes)."""

    size: int
    root: bytes

    def is_behind(self, kept: "Head | None") -> bool:
        """Whether a database with this head is not the one that `kept` was kept of, or an older state of it."""
        return kept is not None and (self.size < kept.size or (self.size == kept.size and self.root != kept.root))


def head_of(database: Database) -> tuple[Head, bool]:
    """The head of the log in the database, and whether the log is frozen. Raises StoreUnavailable."""
    with database.read() as connection:
        [row] = _HEAD.rows(connection)
    return Head(row.size, bytes(row.root)), bool(row.frozen)


def read_head(folder: Path) -> Head | None:
    """The head kept in `folder`; None before the first. Raises ValueError for a file that is damaged."""
    try:
        text = (folder / FILE).read_text(encoding="ascii")
    except FileNotFoundError:
        return None
    try:
        value = json.loads(text)
        return Head(int(value["size"]), bytes.fromhex(value["root"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{folder / FILE} cannot be read ({error}): it says how far the log had come. If the database is the last "
            "one, delete the file; it is written again."
        ) from None


def keep_head(folder: Path, head: Head) -> None:
    """Keep `head` in `folder`: the file is the old or the new one, whenever the process dies or the power fails.
    Raises OSError."""
    written = folder / f"{FILE}.new"
    with written.open("w", encoding="ascii") as file:
        file.write(json.dumps({"size": head.size, "root": head.root.hex()}) + "\n")
        file.flush()
        # Else a file system may have the new name on disk before the octets, and the next start finds an empty file.
        os.fsync(file.fileno())
    written.replace(folder / FILE)
