"""A folder that other programs put records into and take records from.

    send/NAME/      put here what is to be sent (see `drops`)
    sent/NAME/      queued, on its way: outcome.json beside the record says its id, case, number and state
    done/NAME/      delivered: the partner's signed receipt came
    failed/NAME/    not sent, refused or given up: error.txt says why and what to do
    received/NAME/  one folder for each message that came: message.json, record.xml, its attachments

Each look goes on from where the last one came to, whatever ended it. A drop is marked with a key of its own before it
is submitted, and the key is kept with the message in one transaction: what is found again is not sent again. What came
is taken in the order of the log, and where that has come to stands in a file that is changed in one step.
"""

import fcntl
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.drops import NO_ORDER, ORDER, OUTCOME, WORDS, left_alone, read_order, submission_of
from adapters.durable_files import (
    enclose,
    folders_in,
    make_folder,
    move_folder,
    strays_in,
    sync_folder,
    write_json,
    write_whole,
)
from adapters.received import Received
from node.crash_points import crash_point
from node.exchange.directory import Directory
from node.exchange.judgement import ConfirmationNeeded, SubmissionRefused
from node.exchange.listing import NotFound, show_message
from node.exchange.node import Node
from node.exchange.submission import Submitted
from node.exchange.submitted_once import forget, submit_once, submitted_under
from node.journal import journal

log = journal("folder")

SEND, SENT, DONE, FAILED = "send", "sent", "done", "failed"
WORKING = ".working"
CLAIM = ".claim"
NOT_SENT = "not-sent"
# A person may still try these again; until then they lie in `sent` with their state.
WHERE = {"delivered": DONE, "refused": FAILED, "given-up": FAILED, NOT_SENT: FAILED}


class FolderInUse(Exception):
    """Another process has this folder."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path}: another process works with this folder. Stop that one first.")


@dataclass(slots=True)
class Looked:
    """What one look did: how many drops were queued and how many not, came to their end, and messages that came."""

    queued: int = 0
    refused: int = 0
    ended: int = 0
    received: int = 0

    @property
    def anything(self) -> bool:
        return bool(self.queued or self.refused or self.ended or self.received)


class Folder:
    """The adapter on one folder; made within `held`."""

    def __init__(self, node: Node, path: Path) -> None:
        self._node = node
        self._directory = Directory(node)
        self._path = path
        for name in (SEND, SENT, DONE, FAILED, WORKING):
            make_folder(path / name)
        self._received = Received(node, path, path / WORKING)

    def look(self) -> Looked:
        """Take up what was dropped, see what became of what was sent, write what came. Raises StoreUnavailable; OSError
        for a folder that cannot be written. The next look goes on from there."""
        looked = Looked()
        for stray in strays_in(self._path / SEND):
            self._alone(self._put_back, stray, looked)
        for drop in folders_in(self._path / SEND):
            self._alone(self._take_up, drop, looked)
        for drop in folders_in(self._path / SENT):
            self._alone(self._follow, drop, looked)
        looked.received = self._received.write_new()
        return looked

    def _alone(self, work: Any, drop: Path, looked: Looked) -> None:
        """One drop takes no other down with it. It may have been taken away meanwhile."""
        try:
            work(drop, looked)
        except FileNotFoundError:
            log.info("a drop was taken away while it was looked at")

    def _take_up(self, drop: Path, looked: Looked) -> None:
        outcome = _kept_outcome(self._node, drop)
        if outcome is None:
            try:
                order = read_order(drop, self._node.now())
                if order is None:
                    return
                submission = submission_of(self._node, drop, order)
                outcome = _queued(drop, submit_once(self._node, self._directory.snapshot(), submission, _claim(drop)))
                looked.queued += 1
            except (SubmissionRefused, PermissionError) as error:
                outcome = self._refuse(drop, error, looked)
        if outcome["id"] is not None:
            (drop / WORDS).unlink(missing_ok=True)
        write_json(drop / OUTCOME, outcome)
        move_folder(drop, self._path / WHERE.get(outcome["state"], SENT))

    def _put_back(self, stray: Path, looked: Looked) -> None:
        """What was dropped without a folder cannot say to whom it goes."""
        if left_alone(stray, self._node.now()):
            drop = enclose(stray)
            write_json(drop / OUTCOME, self._refuse(drop, SubmissionRefused(NO_ORDER), looked))
            move_folder(drop, self._path / FAILED)

    @staticmethod
    def _refuse(drop: Path, error: Exception, looked: Looked) -> dict[str, Any]:
        write_whole(drop / WORDS, [_words(error).encode() + b"\n"])
        looked.refused += 1
        return _refused(drop, error)

    def _follow(self, drop: Path, looked: Looked) -> None:
        outcome = _read_json(drop / OUTCOME)
        if outcome is None or outcome.get("id") is None:
            return
        try:
            with self._node.database.read() as connection:
                message = show_message(connection, outcome["id"])
        except NotFound:
            return
        where = WHERE.get(message["state"])
        if message["state"] != outcome["state"]:
            told = {name: message[name] for name in ("state", "receipt_time", "attempts", "error")}
            if where == FAILED:
                write_whole(drop / WORDS, [_why(message).encode() + b"\n"])
            write_json(drop / OUTCOME, outcome | told)
        if where is None:
            return
        claim = drop / CLAIM
        if claim.exists():
            forget(self._node, claim.read_text(encoding="ascii"))
            crash_point("folder: forgotten")
            claim.unlink()
        move_folder(drop, self._path / where)
        looked.ended += 1


@contextmanager
def held(node: Node, path: Path) -> Iterator[Folder]:
    """The adapter, while no other process has the folder. Raises FolderInUse, and OSError."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_folder(path / WORKING)
    descriptor = os.open(path / WORKING / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield Folder(node, path)
    except BlockingIOError:
        raise FolderInUse(path) from None
    finally:
        os.close(descriptor)


def _kept_outcome(node: Node, drop: Path) -> dict[str, Any] | None:
    """What became of a drop that was taken up before; None for a new one, and for one that failed and was put back."""
    outcome = _read_json(drop / OUTCOME)
    if outcome is not None:
        return None if WHERE.get(outcome["state"]) == FAILED else outcome
    claim = drop / CLAIM
    done = submitted_under(node, claim.read_text(encoding="ascii")) if claim.exists() else None
    return None if done is None else _queued(drop, done)


def _claim(drop: Path) -> str:
    """The key of a drop: made once, and durable before anything is submitted under it."""
    path = drop / CLAIM
    if not path.exists():
        write_whole(path, [str(uuid.uuid4()).encode()])
        crash_point("folder: claimed")
    else:
        sync_folder(drop)
    return path.read_text(encoding="ascii")


def _queued(drop: Path, done: Submitted) -> dict[str, Any]:
    return {
        "name": drop.name,
        "id": done.id,
        "case": done.case,
        "number": done.number,
        "state": done.state,
        "receipt_time": None,
        "attempts": 0,
        "error": None,
        "findings": [],
    }


def _refused(drop: Path, error: Exception) -> dict[str, Any]:
    coded: list[tuple[str | None, Any]] = []
    if isinstance(error, ConfirmationNeeded):
        coded = [(one.code, one.problem) for one in error.findings]
    elif isinstance(error, SubmissionRefused):
        coded = [(None, problem) for problem in error.problems]
    findings = [{"code": code, "rule": problem.rule, **problem.as_row()} for code, problem in coded]
    nothing: dict[str, Any] = dict.fromkeys(("id", "case", "number"))
    return {"name": drop.name, **nothing, "state": NOT_SENT, "receipt_time": None, "attempts": 0,
            "error": {"code": None, "detail": _words(error)}, "findings": findings}  # fmt: skip


def _words(error: Exception) -> str:
    if isinstance(error, PermissionError):
        name = Path(os.fsdecode(error.filename)).name if error.filename else "a file"
        return f"{name}: this service may not read it. Change its rights, then drop it again."
    if isinstance(error, ConfirmationNeeded):
        return f'{error}\nTo confirm, drop it again with the codes in {ORDER}: "confirm": ["CODE"].'
    return str(error)


def _why(message: dict[str, Any]) -> str:
    error = message["error"] or {"code": "", "detail": "no reason is known"}
    return (
        f"{message['state']}: {error['code']} {error['detail']}\n"
        f"`depesha message show {message['id']}` shows it. Once the reason is gone, put the folder into {SEND} again."
    )


def _read_json(path: Path) -> dict[str, Any] | None:
    """What a file of ours says; None where there is none. A file of another hand by that name is no outcome."""
    try:
        value = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return value if isinstance(value, dict) and "state" in value else None
