"""Events for programs that want to be told: what the log records of messages and cases, and what others `announce`.

Each event waits in the store, once for each address that the setting `webhooks` names, until that one has taken it.
Events of the log follow its positions, so that none is left out or comes before an earlier one. They hold ids, states
and names of parties, services and acts; nothing of what a record says and no name of a person. `adapters.webhook` posts
them.
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Update, delete, func, select, update

from node.as4 import TEST_SERVICE
from node.exchange.cases import CASE, alias
from node.exchange.listing import instant_text
from node.exchange.node import Node
from node.exchange.retry import jitter
from node.exchange.settlement import LOG_ENTRY, MESSAGE
from node.store.columns import new_row_id, table_of
from node.store.rows import insert_new_rows, insert_rows
from node.store.tables import WebhookEvent, WebhookReceiver

EVENT = table_of(WebhookEvent)
RECEIVER = table_of(WebhookReceiver)
AT_ONCE = 200
CLAIM = timedelta(seconds=60)
"""So long no other process delivers to a receiver that one has taken up."""
_OF_LOG = ("message.", "case.")


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event that a receiver has not taken: `event` is its id, the same for every receiver and attempt."""

    id: int
    event: str
    body: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """A receiver that is this process's until `until`, with the next events for it."""

    until: datetime
    waiting: list[Waiting]


def announce(node: Node, connection: Connection, kind: str, data: Mapping[str, Any]) -> None:
    """Tell every receiver, once the caller's transaction is committed: `kind` as `case.due`, `data` without personal
    data. Does nothing where no receiver is set."""
    now = node.now()
    body, event = _body(node, kind, now, data), f"event-{uuid.uuid4()}"
    insert_rows(connection, EVENT, [_row(address, event, body, now) for address in node.settings.webhooks])


def take_up(node: Node, address: str) -> Claimed | None:
    """The next events for a receiver, oldest first, those that the log has now among them; the receiver is then this
    process's for CLAIM, or until `done`. None where there is nothing to do: another process has it, its next attempt is
    still to come, or nothing has happened."""
    now = node.now()
    with node.database.read() as connection:
        if not _is_due(node, connection, address, now):
            return None
    with node.database.write() as connection:
        if not _claimed(node, connection, address, now):
            return None
        _add_of_log(node, connection, address, now)
        query = select(EVENT.c.id, EVENT.c.event, EVENT.c.body).where(EVENT.c.address == address)
        waiting = [Waiting(*row) for row in connection.execute(query.order_by(EVENT.c.id).limit(AT_ONCE))]
        return Claimed(now + CLAIM, waiting)


def taken(node: Node, address: str, claimed: Claimed, one: Waiting) -> bool:
    """The receiver has taken this event. Whether it is still this process's: one that stood still for longer than CLAIM
    has lost it to another, which delivers the next events."""
    with node.database.write() as connection:
        connection.execute(delete(EVENT).where(EVENT.c.id == one.id))
        values = {"failures": 0, "failing_since": None, "answer": None}
        return bool(connection.execute(_ours(address, claimed).values(**values)).rowcount)


def done(node: Node, address: str, claimed: Claimed) -> None:
    """There is nothing more for a receiver now: any process may look again. Changes nothing once another has it."""
    with node.database.write() as connection:
        connection.execute(_ours(address, claimed).values(next_attempt_at=node.now()))


def failed(node: Node, address: str, claimed: Claimed, answer: str) -> int:
    """The receiver did not take an event, `answer` says why: it is tried again later. Returns how many events are left
    out, because they have waited longer than the setting `retry_hours`. Changes nothing once another process has it."""
    now = node.now()
    with node.database.write() as connection:
        row = connection.execute(select(RECEIVER).where(RECEIVER.c.address == address)).one()
        failing = connection.execute(
            _ours(address, claimed).values(
                failures=row.failures + 1,
                failing_since=row.failing_since or now,
                next_attempt_at=node.retries.next_attempt(now, row.failures + 1, jitter()),
                answer=answer,
            )
        )
        if not failing.rowcount:
            return 0
        old = (EVENT.c.address == address) & (EVENT.c.created_at <= now - node.retries.span)
        return connection.execute(delete(EVENT).where(old)).rowcount


def forget_others(node: Node) -> None:
    """Let go of receivers that the settings do not name any more, with what waits for them."""
    with node.database.write() as connection:
        for table in (EVENT, RECEIVER):
            connection.execute(delete(table).where(table.c.address.not_in(node.settings.webhooks)))


def failing(connection: Connection) -> dict[str, tuple[datetime, str]]:
    """Receivers that did not take their last event: since when, and what the last attempt came to."""
    query = select(RECEIVER).where(RECEIVER.c.failing_since.is_not(None))
    return {row.address: (row.failing_since, row.answer or "") for row in connection.execute(query)}


def _ours(address: str, claimed: Claimed) -> Update:
    return update(RECEIVER).where(RECEIVER.c.address == address, RECEIVER.c.next_attempt_at == claimed.until)


def _is_due(node: Node, connection: Connection, address: str, now: datetime) -> bool:
    """Whether there may be something for a receiver: a look that writes nothing."""
    is_due = node.retries.is_due(RECEIVER.c.next_attempt_at, now, CLAIM).label("is_due")
    known = select(RECEIVER.c.position, is_due).where(RECEIVER.c.address == address)
    row = connection.execute(known).one_or_none()
    if row is None:
        return True
    if not row.is_due:
        return False
    if connection.scalar(select(EVENT.c.id).where(EVENT.c.address == address).limit(1)) is not None:
        return True
    last = connection.scalar(select(func.max(LOG_ENTRY.c.position)))
    return last is not None and last > row.position


def _claimed(node: Node, connection: Connection, address: str, now: datetime) -> bool:
    is_due = node.retries.is_due(RECEIVER.c.next_attempt_at, now, CLAIM)
    claim = update(RECEIVER).where(RECEIVER.c.address == address, is_due)
    if connection.execute(claim.values(next_attempt_at=now + CLAIM)).rowcount:
        return True
    if connection.scalar(select(RECEIVER.c.address).where(RECEIVER.c.address == address)) is not None:
        return False
    # From now on: what was before it was set is for the lists.
    last = connection.scalar(select(func.max(LOG_ENTRY.c.position)))
    position = -1 if last is None else last
    row = {
        "address": address, "position": position, "failures": 0, "failing_since": None, "next_attempt_at": now + CLAIM,
        "answer": None,
    }  # fmt: skip
    # Another process may have been first.
    return bool(insert_new_rows(connection, RECEIVER, [row]))


def _add_of_log(node: Node, connection: Connection, address: str, now: datetime) -> None:
    """Make events of what the log has recorded since the last look."""
    position = connection.scalar(select(RECEIVER.c.position).where(RECEIVER.c.address == address))
    later = (
        select(
            LOG_ENTRY.c.id.label("entry"),
            LOG_ENTRY.c.position,
            LOG_ENTRY.c.type,
            LOG_ENTRY.c.time.label("at"),
            MESSAGE.c.message_id,
            MESSAGE.c.direction,
            MESSAGE.c.peer,
            MESSAGE.c.service,
            MESSAGE.c.action,
            CASE.c.alias_year,
            CASE.c.alias_number,
        )
        .select_from(LOG_ENTRY)
        .join(MESSAGE, MESSAGE.c.id == LOG_ENTRY.c.message, isouter=True)
        .join(CASE, CASE.c.id == func.coalesce(MESSAGE.c.case_id, LOG_ENTRY.c.case_id), isouter=True)
        .where(LOG_ENTRY.c.position > position)
        .order_by(LOG_ENTRY.c.position)
        .limit(AT_ONCE)
    )
    rows = connection.execute(later).all()
    told = [row for row in rows if row.type.startswith(_OF_LOG) and row.service != TEST_SERVICE]
    events = [_row(address, f"entry-{row.entry}", _body(node, row.type, row.at, _data(row)), now) for row in told]
    insert_rows(connection, EVENT, events)
    if rows:
        connection.execute(update(RECEIVER).where(RECEIVER.c.address == address).values(position=rows[-1].position))


def _data(row: Any) -> dict[str, Any]:
    return {
        "message": row.message_id,
        "direction": row.direction,
        "peer": row.peer,
        "service": row.service,
        "action": row.action,
        "case": None if row.alias_year is None else alias(row.alias_year, row.alias_number),
    }


def _body(node: Node, kind: str, at: datetime, data: Mapping[str, Any]) -> str:
    value = {"type": kind, "timestamp": instant_text(at), "party": node.party, "data": dict(data)}
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _row(address: str, event: str, body: str, now: datetime) -> dict[str, Any]:
    return {"id": new_row_id(now), "address": address, "event": event, "body": body, "created_at": now}
