"""Messages that came, each written once into a folder of its own, in the order of the log.

A message is written as a whole under `.working`; then the state file says that it is about to be moved; then it is
moved; then the state file says that it was. So after a crash it is known whether it was moved, also when whoever takes
records away has taken it by then.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from adapters.durable_files import folders_in, make_folder, remove_folder, sync_folder, write_json, write_whole
from node.as4 import TEST_SERVICE
from node.crash_points import crash_point
from node.exchange.contents import PART, ContentGone, part_content
from node.exchange.listing import show_message
from node.exchange.node import Node
from node.exchange.part_scans import INFECTED
from node.exchange.settlement import LOG_ENTRY, MESSAGE
from node.operations.parts_written import extension
from node.store.payloads import PayloadErased

RECEIVED = "received"
STATE = "received.json"
WRITING = "writing"
AT_ONCE = 100
_TAKEN = "message.received"


@dataclass(frozen=True, slots=True)
class _State:
    """`position`: in the log, of the last one that was moved. `moving`: the name of one that is about to be."""

    position: int = -1
    moving: str | None = None
    moving_position: int = -1


class Received:
    """Writes what came into `received` below `path`; what it must remember stands in `working`."""

    def __init__(self, node: Node, path: Path, working: Path) -> None:
        self._node = node
        self._into = path / RECEIVED
        self._state_file = working / STATE
        self._writing = working / WRITING
        for folder in (self._into, self._writing):
            make_folder(folder)
        self._state = self._found()
        self._put_right()

    def write_new(self) -> int:
        """Write what has come since; how many messages. Raises StoreUnavailable, OSError."""
        count = 0
        while rows := self._following():
            for position, row_id, message_id, time in rows:
                name = f"{time:%Y%m%dT%H%M%SZ}-{position:08d}"
                folder = self._writing / name
                self._write(folder, row_id, message_id)
                self._note(_State(self._state.position, name, position))
                crash_point("received: before the move")
                self._move(name)
                self._note(_State(position))
                count += 1
        return count

    def _following(self) -> list[Any]:
        query = (
            select(LOG_ENTRY.c.position, MESSAGE.c.id, MESSAGE.c.message_id, MESSAGE.c.time)
            .join(MESSAGE, MESSAGE.c.id == LOG_ENTRY.c.message)
            .where(
                LOG_ENTRY.c.position > self._state.position,
                LOG_ENTRY.c.type == _TAKEN,
                MESSAGE.c.service != TEST_SERVICE,
            )
            .order_by(LOG_ENTRY.c.position)
            .limit(AT_ONCE)
        )
        with self._node.database.read() as connection:
            return [*connection.execute(query)]

    def _write(self, folder: Path, row_id: int, message_id: str) -> None:
        remove_folder(folder)
        make_folder(folder)
        with self._node.database.read() as connection:
            message = show_message(connection, message_id)
            parts = connection.execute(
                select(PART.c.n, PART.c.compressed, PART.c.media_type)
                .where(PART.c.message == row_id)
                .order_by(PART.c.n)
            ).all()
        record = self._node.domains.find(message["service"]) is not None
        for described, part in zip(message["parts"], parts, strict=True):
            is_record = record and part.n == 1
            described["file"] = "record.xml" if is_record else f"part-{part.n}{extension(part.media_type)}"
            if described["scan"] is not None and described["scan"]["verdict"] == INFECTED:
                described["file"] = None  # handed out only on purpose, by a person
                continue
            try:
                write_whole(folder / described["file"], part_content(self._node, row_id, part.n, part.compressed))
            except (ContentGone, PayloadErased):
                described["file"] = None
        write_json(folder / "message.json", message)

    def _move(self, name: str) -> None:
        (self._writing / name).rename(self._into / name)
        crash_point("received: moved")
        sync_folder(self._into)
        sync_folder(self._writing)

    def _put_right(self) -> None:
        """Finish what a crash cut off."""
        moving = self._state.moving
        if moving is not None:
            if (self._writing / moving).exists():
                self._move(moving)
            self._note(_State(self._state.moving_position))
        for left in list(folders_in(self._writing)):
            remove_folder(left)

    def _note(self, state: _State) -> None:
        write_json(self._state_file, asdict(state))
        self._state = state

    def _found(self) -> _State:
        try:
            return _State(**json.loads(self._state_file.read_bytes()))
        except FileNotFoundError:
            return _State()
