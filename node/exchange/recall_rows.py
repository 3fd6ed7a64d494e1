"""Recalls as they are stored: written when one comes or is answered, listed, and due as long as nobody answered."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, update

from node.exchange.cases import CASE, alias, seen_by_unit
from node.exchange.listing import instant_text
from node.exchange.settlement import MESSAGE
from node.records.clocks import Deadline, Ends, Silence
from node.records.recalls import REQUEST, RecallTold
from node.store.columns import new_row_id, table_of
from node.store.rows import insert_new_rows
from node.store.tables import Recall

RECALL = table_of(Recall)
ANSWER_TIME = timedelta(hours=72)
"""No law gives a partner a time to erase in; so long its sender has to tell the supervisory authority of the breach."""
ERASURE = "erasure of a message sent to the wrong party"


@dataclass(frozen=True, slots=True)
class RecallCame:
    """A record about a recall that was received: its message's row, case, sender and time."""

    told: RecallTold
    message: int
    case_id: int
    peer: str
    at: datetime


def recalls_came(connection: Connection, came: Sequence[RecallCame]) -> None:
    """Keep what peers say of recalls, in the transaction that stores their messages.

    A peer recalls what it sent to us, and confirms what we asked it for: what speaks of anything else is a message like
    others and changes nothing here.
    """
    for one in came:
        if one.told.kind == REQUEST:
            recalled = _row_of(connection, one.told.concerning, one.peer, "in")
            if recalled is not None and recalled.state == "received":
                write_recall(connection, "in", recalled.id, one.message, one.case_id, one.peer, one.at)
        elif (request := _row_of(connection, one.told.concerning, one.peer, "out")) is not None:
            values = {"answered_at": one.at, "outcome": one.told.outcome, "confirmation": one.message}
            ours = (RECALL.c.request == request.id, RECALL.c.direction == "out")
            connection.execute(update(RECALL).where(*ours).values(**values))


def write_recall(
    connection: Connection, direction: str, message: int, request: int, case_id: int, peer: str, at: datetime
) -> int | None:
    """Keep a new recall; returns its row id, None where the message was recalled before."""
    row_id = new_row_id(at)
    row = {
        "id": row_id, "direction": direction, "message": message, "request": request, "case_id": case_id,
        "peer": peer, "asked_at": at,
    }  # fmt: skip
    return row_id if insert_new_rows(connection, RECALL, [row], ["message"]) else None


def list_recalls(connection: Connection, unit: str | None = None, answered: bool = False) -> list[dict[str, Any]]:
    """Recalls that nobody has answered, oldest first; with `answered` all that there were. Of `unit`, and of none.

    Dicts {message, request, confirmation, direction, peer, case, number, unit, asked, end, answered, outcome}.
    """
    query = _query(unit)
    if not answered:
        query = query.where(RECALL.c.answered_at.is_(None))
    return [_described(dict(row)) for row in connection.execute(query).mappings()]


def recalls_due(connection: Connection, unit: str | None) -> Iterator[Deadline]:
    """The erasures that are asked for and not confirmed, as `due` takes them."""
    for row in connection.execute(_query(unit).where(RECALL.c.answered_at.is_(None))).mappings():
        ours = row["direction"] == "in"
        yield Deadline(
            case=alias(row["alias_year"], row["alias_number"]),
            act=ERASURE,
            started=row["asked_at"],
            ends=Ends.at(row["asked_at"] + ANSWER_TIME),
            unit=row["unit"] or "",
            officer=row["officer"],
            silence=Silence.OVERDUE,
            ours=ours,
            undelivered=not ours and row["request_state"] != "delivered",
            opened=not ours or row["opened_at"] is not None,
            own_rule=True,
        )


def recall_requests(connection: Connection) -> frozenset[str]:
    """The ids of the messages that ask for an erasure which is not confirmed."""
    query = select(MESSAGE.c.message_id).join(RECALL, RECALL.c.request == MESSAGE.c.id)
    return frozenset(connection.scalars(query.where(RECALL.c.answered_at.is_(None))))


_RECALLED, _REQUEST, _ANSWER = MESSAGE.alias("recalled"), MESSAGE.alias("request"), MESSAGE.alias("answer")


def _query(unit: str | None) -> Any:
    return (
        select(
            RECALL, _RECALLED.c.message_id, _REQUEST.c.message_id.label("request_id"), _REQUEST.c.opened_at,
            _REQUEST.c.state.label("request_state"), _ANSWER.c.message_id.label("answer_id"), CASE.c.conversation_id,
            CASE.c.alias_year, CASE.c.alias_number, CASE.c.unit, CASE.c.officer,
        )
        .join(CASE, CASE.c.id == RECALL.c.case_id)
        .join(_RECALLED, _RECALLED.c.id == RECALL.c.message)
        .join(_REQUEST, _REQUEST.c.id == RECALL.c.request)
        .outerjoin(_ANSWER, _ANSWER.c.id == RECALL.c.confirmation)
        .where(*seen_by_unit(unit))
        .order_by(RECALL.c.id)
    )  # fmt: skip


def _described(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "message": row["message_id"],
        "request": row["request_id"],
        "confirmation": row["answer_id"],
        "direction": row["direction"],
        "peer": row["peer"],
        "case": row["conversation_id"],
        "number": alias(row["alias_year"], row["alias_number"]),
        "unit": row["unit"],
        "asked": instant_text(row["asked_at"]),
        "end": instant_text(row["asked_at"] + ANSWER_TIME),
        "answered": instant_text(row["answered_at"]),
        "outcome": row["outcome"],
    }


def _row_of(connection: Connection, message_id: str, peer: str, direction: str) -> Any:
    query = select(MESSAGE.c.id, MESSAGE.c.state).where(
        MESSAGE.c.message_id == message_id, MESSAGE.c.peer == peer, MESSAGE.c.direction == direction
    )
    return connection.execute(query).one_or_none()
