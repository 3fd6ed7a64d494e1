"""Alarms as a person sees and settles them, and what a person records of a message that the peer seems to have.

The note of such an act stays in this node, sealed with its salt as the contents of messages are, and is erased with
them; the log holds a salted digest of it only.
"""

import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from node.audit.entry import append, entry
from node.crash_points import crash_point
from node.exchange import outbox
from node.exchange.judgement import SubmissionRefused
from node.exchange.kept_words import keep_words, kept_words
from node.exchange.listing import NotFound, find_message, instant_text
from node.exchange.node import Node
from node.exchange.settlement import ALARM, EVENT, MESSAGE
from node.store.columns import new_row_id, row_id_of, table_of
from node.store.tables import Outbox, Payload

NOTE_LIMIT = 500
PEER_HAS_IT = "recorded by a person of ours: the peer has it (no receipt is held)"

SETTLED = "alarm.settled"

_OUTBOX, _PAYLOAD = table_of(Outbox), table_of(Payload)


class NoteRefused(SubmissionRefused):
    """The note says nothing, or too much."""


class AlarmSettled(SubmissionRefused):
    """The alarm was settled before."""


def list_alarms(node: Node, settled: bool = False) -> list[dict[str, Any]]:
    """Open alarms, oldest first; with `settled` all that there were. Dicts {id, time, kind, peer, message, detail,
    settled, note}, the message by its id on the wire; `note` is None where there is none, or it was erased."""
    query = select(ALARM, MESSAGE.c.message_id).outerjoin(MESSAGE, MESSAGE.c.id == ALARM.c.message).order_by(ALARM.c.id)
    if not settled:
        query = query.where(ALARM.c.settled_at.is_(None))
    with node.database.read() as connection:
        rows = [dict(row) for row in connection.execute(query).mappings()]
        return [_described(row, _note_of(node, connection, row)) for row in rows]


def settle_alarm(node: Node, alarm: str, note: str, actor: str) -> dict[str, Any]:
    """Settle an open alarm, with a note of what was found; the message that it is about stays as it is.

    Returns it as in the list. Raises NotFound, AlarmSettled, or NoteRefused.
    """
    text = _note(note)
    now = node.now()
    found = select(ALARM, MESSAGE.c.message_id, MESSAGE.c.conversation_id)
    query = found.outerjoin(MESSAGE, MESSAGE.c.id == ALARM.c.message).where(ALARM.c.id == _row_id(alarm))
    with node.database.write() as connection:
        closed = connection.execute(
            update(ALARM).where(ALARM.c.id == _row_id(alarm), ALARM.c.settled_at.is_(None)).values(settled_at=now)
        )
        row = connection.execute(query).mappings().one_or_none()
        if row is None:
            raise NotFound(f"There is no alarm {alarm!r}. `depesha alarm list --all` shows those that there are.")
        if not closed.rowcount:
            raise AlarmSettled(f"Alarm {alarm} was settled at {instant_text(row['settled_at'])}: nothing to do.")
        found_row = dict(row)
        facts = {"alarm": str(row["id"]), "kind": row["kind"]}
        _record(node, connection, SETTLED, actor, text, facts, found_row, row["message"])
        crash_point("settle: before commit")
    crash_point("settle: after commit")
    return _described(found_row, text)


def confirm_message(node: Node, message_id: str, note: str, actor: str) -> dict[str, Any]:
    """Record that the peer has a message that is `unconfirmed`, as it told a person; those after it in its case may go.

    It is our own statement: the message stays `unconfirmed` and is never shown as delivered without a receipt. Returns
    {id, state}. Raises NotFound, or SubmissionRefused for another state, a second time, or an unusable note.
    """
    text = _note(note)
    with node.database.write() as connection:
        outbox.lock(connection, [find_message(connection, message_id, "out")["id"]])
        row = find_message(connection, message_id, "out")
        if row["direction"] != "out" or row["state"] != "unconfirmed":
            raise SubmissionRefused(f"{message_id} is {row['state']}: only an unconfirmed message can be confirmed.")
        if connection.execute(select(_OUTBOX.c.message).where(_OUTBOX.c.message == row["id"])).first() is None:
            raise SubmissionRefused(f"{message_id}: it is recorded already that the peer has it.")
        outbox.finish(connection, [row["id"]])
        detail = PEER_HAS_IT if row["error_detail"] is None else f"{PEER_HAS_IT}; before: {row['error_detail']}"
        connection.execute(update(MESSAGE).where(MESSAGE.c.id == row["id"]).values(error_detail=detail))
        settle_alarms_of(connection, row["id"], node.now())
        _record(node, connection, "message.peer-has-it", actor, text, {"state": row["state"]}, row, row["id"])
        crash_point("confirm: before commit")
    crash_point("confirm: after commit")
    return {"id": message_id, "state": "unconfirmed"}


def settle_alarms_of(connection: Connection, message: int, now: datetime) -> None:
    """Settle what is open about this message: a person has acted on it."""
    connection.execute(
        update(ALARM).where(ALARM.c.message == message, ALARM.c.settled_at.is_(None)).values(settled_at=now)
    )


def _record(
    node: Node, connection: Connection, what: str, actor: str, note: str, facts: dict[str, str],
    row: Mapping[str, Any], message: int | None,
) -> None:  # fmt: skip
    """Keep the note, sealed, with the message or with an alarm that is about none; a log entry commits to it."""
    now, n = node.now(), int.from_bytes(os.urandom(4)) >> 1
    digest = keep_words(node, connection, row["id"] if message is None else message, n, note)
    if message is not None:
        event = {"id": new_row_id(now), "message": message, "kind": what, "detail": {"note": n, **facts}, "time": now}
        connection.execute(insert(EVENT).values(event))
    made = entry(
        type=what,
        at=now,
        actor=actor,
        facts={**facts, "note_digest": digest},
        peer=row["peer"],
        case=row["conversation_id"],
        message=row["message_id"],
        message_row=message,
    )
    append(connection, [made], node.kek)


def _note_of(node: Node, connection: Connection, alarm: Mapping[str, Any]) -> str | None:
    """What a person noted when settling this alarm."""
    if alarm["settled_at"] is None:
        return None
    if (about := alarm["message"]) is None:
        about = alarm["id"]
        own = select(_PAYLOAD.c.n).where(_PAYLOAD.c.message == about, _PAYLOAD.c.kind == "note")
        notes = list(connection.scalars(own))
    else:
        acts = select(EVENT.c.detail).where(EVENT.c.message == about, EVENT.c.kind == SETTLED)
        notes = [one["note"] for one in connection.scalars(acts) if one["alarm"] == str(alarm["id"])]
    return kept_words(node, connection, about, notes[0]) if notes else None


def _note(note: str) -> str:
    text = note.strip()
    if not text or not text.isprintable() or len(text) > NOTE_LIMIT:
        raise NoteRefused(f"--note {note!r}: say what was found, in 1 to {NOTE_LIMIT} printable characters.")
    return text


def _row_id(alarm: str) -> int:
    found = row_id_of(alarm)
    if found is None:
        raise NotFound(f"There is no alarm {alarm!r}: an id is a number. `depesha alarm list` shows them.")
    return found


def _described(row: Mapping[str, Any], note: str | None) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "time": instant_text(row["time"]),
        "kind": row["kind"],
        "peer": row["peer"],
        "message": row["message_id"],
        "detail": row["detail"],
        "settled": instant_text(row["settled_at"]),
        "note": note,
    }
