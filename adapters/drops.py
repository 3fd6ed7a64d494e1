"""What another program drops into a folder to have it sent: one folder for each message, and what it says.

It holds the record, its attachments, and `send.json`, which says to whom. That file is the last one: only once it is
there as whole JSON is anything else looked at, so what is half written is never read. Whoever cannot write it last
moves the whole folder in under its name.
"""

import json
import stat
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from node.exchange.judgement import SubmissionRefused, refused_record
from node.exchange.node import Node
from node.exchange.parts_to_send import PartToSend
from node.exchange.submission import Submission
from node.records.check import CheckedRecord, check
from node.records.reading import MAX_RECORD_BYTES

ORDER = "send.json"
OUTCOME = "outcome.json"
WORDS = "error.txt"
RECORD = "record.xml"
ACTOR = "folder"
HALF_WRITTEN = timedelta(seconds=60)
"""An order that is no JSON for longer than this is wrong, not half written; what has none for so long has lost it."""
NO_ORDER = (
    f'{ORDER}: found none, expected one as {{"to": "SRB-MOI"}} in a folder with the record. Each message is a folder '
    f"of its own: name the record {RECORD}, write {ORDER} beside it, and move this folder back into send."
)
LARGEST_ORDER = 64 * 1024
_TEXTS = ("to", "case", "unit", "record")
_KEYS = (*_TEXTS, "confirm")


@dataclass(frozen=True, slots=True)
class Order:
    """What `send.json` says: to whom, in which case, for which unit, which points a person has confirmed."""

    to: str
    record: str = RECORD
    case: str | None = None
    unit: str | None = None
    confirm: tuple[str, ...] = ()


def read_order(drop: Path, now: datetime) -> Order | None:
    """The order of a drop; None while it is not there as a whole.

    Raises SubmissionRefused for one that is wrong, or missing while nobody works on the drop; FileNotFoundError for a
    drop that was taken away.
    """
    path = drop / ORDER
    try:
        content = _content(path, LARGEST_ORDER)
    except FileNotFoundError:
        if not left_alone(drop, now):
            return None
        raise SubmissionRefused(NO_ORDER) from None
    try:
        value = json.loads(content)
    except ValueError as error:
        if now.timestamp() - path.stat().st_mtime < HALF_WRITTEN.total_seconds():
            return None
        raise SubmissionRefused(f'{ORDER}: found no JSON ({error}), expected as {{"to": "SRB-MOI"}}.') from None
    return _order(value)


def left_alone(path: Path, now: datetime) -> bool:
    """Whether nobody has changed a file, or anything in a folder, for so long that it will not be made whole any more.
    Raises FileNotFoundError."""
    there = [path, *path.iterdir()] if path.is_dir() and not path.is_symlink() else [path]
    # A rename changes ctime alone, a copy may keep an old mtime.
    newest = max(max(found.st_mtime, found.st_ctime) for found in (one.lstat() for one in there))
    return now.timestamp() - newest >= HALF_WRITTEN.total_seconds()


def _order(value: Any) -> Order:
    if not isinstance(value, dict):
        raise SubmissionRefused(f'{ORDER}: found no object, expected as {{"to": "SRB-MOI"}}.')
    for name, one in value.items():
        if name not in _KEYS:
            raise SubmissionRefused(f"{ORDER}: found {name!r}, expected one of {', '.join(_KEYS)}. Correct the name.")
        wrong_list = name == "confirm" and not (isinstance(one, list) and all(isinstance(code, str) for code in one))
        if wrong_list or (name != "confirm" and not (isinstance(one, str) and one)):
            expected = "a list of codes" if name == "confirm" else "a text"
            raise SubmissionRefused(f"{ORDER}: {name}: found {one!r}, expected {expected}.")
    if "to" not in value:
        raise SubmissionRefused(f"{ORDER}: to: found nothing, expected the party id of a partner. Add it.")
    record = value.get("record", RECORD)
    if Path(record).name != record:
        raise SubmissionRefused(f"{ORDER}: record: found {record!r}, expected the name of a file in the same folder.")
    texts = {name: value[name] for name in _TEXTS if name in value}
    return Order(**texts, confirm=tuple(value.get("confirm", ())))


def submission_of(node: Node, drop: Path, order: Order) -> Submission:
    """What the drop is to have sent. Raises SubmissionRefused for what is no such thing."""
    content = _record(drop, order.record)
    found = check(content, node.domains)
    if not isinstance(found, CheckedRecord):
        raise refused_record(order.record, found)
    parts = [PartToSend.of_bytes(content, "application/xml", order.record)]
    for name in _others(drop, order.record):
        _require_plain(drop / name)
        parts.append(PartToSend.of_file(drop / name))
    return Submission(
        peer=order.to,
        service=found.service,
        action=found.action,
        parts=parts,
        case=order.case,
        unit=order.unit,
        actor=ACTOR,
        confirmed=order.confirm,
        ask_fit=True,
    )


def _record(drop: Path, name: str) -> bytes:
    try:
        return _content(drop / name, MAX_RECORD_BYTES)
    except FileNotFoundError:
        raise SubmissionRefused(
            f"{name}: found no such file, expected the record. Add it, or name it in {ORDER}."
        ) from None


def _others(drop: Path, record: str) -> list[str]:
    """The names of attachments: all files but those that are ours, the record and hidden ones."""
    own = {ORDER, OUTCOME, WORDS, record}
    return sorted(one.name for one in drop.iterdir() if one.name not in own and not one.name.startswith("."))


def _require_plain(path: Path) -> None:
    """Links could lead to files that are not meant to be sent."""
    if not stat.S_ISREG(path.lstat().st_mode):
        raise SubmissionRefused(
            f"{path.name}: found a folder, link or device, expected a file. Put the file itself there."
        )


def _content(path: Path, largest: int) -> bytes:
    """What a file holds. Raises FileNotFoundError; SubmissionRefused for what is no file, unreadable or larger."""
    if not path.is_symlink() and not path.exists():
        raise FileNotFoundError(path)
    _require_plain(path)
    try:
        with path.open("rb") as file:
            content = file.read(largest + 1)
    except PermissionError:
        raise SubmissionRefused(f"{path.name}: this service may not read it. Change its rights.") from None
    if len(content) > largest:
        raise SubmissionRefused(f"{path.name}: found more than {largest} octets, expected at most so many.")
    return content
