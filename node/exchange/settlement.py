"""What becomes of a message after an attempt: one transaction for a group of attempts, evidence and log entry in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from node.audit.entry import LogEntry, append, entry
from node.crash_points import crash_point
from node.exchange import outbox
from node.exchange.node import Node
from node.exchange.outbox import Claim
from node.exchange.responses import ON_THE_WAY, Judgement
from node.exchange.retry import jitter
from node.exchange.turns import states_changed
from node.journal import journal
from node.store.columns import new_row_id, table_of
from node.store.payloads import SealedPayload, payload_rows, seal_payload
from node.store.prepared import Prepared, among
from node.store.rows import insert_rows
from node.store.tables import Alarm, Event, LoggedEntry, Message, Payload, PayloadKey

MESSAGE = table_of(Message)
PAYLOAD = table_of(Payload)
PAYLOAD_KEY = table_of(PayloadKey)
LOG_ENTRY = table_of(LoggedEntry)
ALARM = table_of(Alarm)
EVENT = table_of(Event)

GIVEN_UP = "EBMS:0301"
NOT_COVERED = "EBMS:0010"
NOT_SENT = "not sent: no agreement in force covers it any more (AgreementRef, Service and Action)"
ATTEMPT_EVENT = "attempt"

_STATES = Prepared(select(MESSAGE.c.id, MESSAGE.c.state, MESSAGE.c.attempts).where(among(MESSAGE.c.id, "messages")))
_DELIVERED = Prepared(
    update(MESSAGE)
    .where(MESSAGE.c.id == bindparam("message"))
    .values(
        state="delivered",
        receipt_time=bindparam("receipt"),
        disputed_time=bindparam("disputed"),
        error_code=None,
        error_detail=None,
    )
)
_HAD_ANSWERS = Prepared(
    select(PAYLOAD.c.message, func.max(PAYLOAD.c.n).label("last"))
    .where(among(PAYLOAD.c.message, "messages"), PAYLOAD.c.kind == "response")
    .group_by(PAYLOAD.c.message)
)

log = journal("exchange.settlement")


@dataclass(frozen=True, slots=True)
class Settlement:
    """One attempt, from `began` to `at`, and what it came to. `receipt` is the answer's sealed bytes when it is
    evidence."""

    claim: Claim
    judgement: Judgement
    receipt: SealedPayload | None
    disputed_time: bool
    began: datetime
    at: datetime
    may_give_up: bool = True
    """not while our clock is in doubt: by it no time is over"""


def seal_answer(node: Node, body: bytes) -> SealedPayload:
    """Seal the bytes of an answer, to be kept as evidence with its message."""
    return seal_payload(body, node.kek, node.blobs)


def settle(node: Node, settlements: Sequence[Settlement]) -> list[Exception | None]:
    """Write what a group of attempts came to, in one transaction; what came too late to count is left out."""
    with node.database.write() as connection:
        counting = _counting(connection, settlements)
        delivered = [one for one in counting if one.judgement.kind == "delivered"]
        if delivered:
            _write_delivered(node, connection, delivered)
        for one in counting:
            if one.judgement.kind != "delivered":
                _write_other(node, connection, one)
        crash_point("settlement: before commit")
    crash_point("settlement: after commit")
    return [None] * len(settlements)


def failures_on_the_way(connection: Connection, message: int) -> int:
    """How many attempts of a message have ended with an error of the peer's that may come of the way there."""
    failed = select(EVENT.c.detail).where(EVENT.c.message == message, EVENT.c.kind == ATTEMPT_EVENT)
    return sum(detail.get("code") in ON_THE_WAY for detail in connection.scalars(failed))


def _counting(connection: Connection, settlements: Sequence[Settlement]) -> list[Settlement]:
    """Those that may still be written.

    A claim that ran out may have been taken up by another process, and settled. A receipt proves the delivery all the
    same, unless one is kept already; any other outcome counts only while its claim holds.
    """
    ids = [one.claim.message for one in settlements]
    outbox.lock(connection, ids)
    now = {row.id: (row.state, row.attempts) for row in _STATES.rows(connection, messages=ids)}
    counting: list[Settlement] = []
    for one in settlements:
        state, attempts = now[one.claim.message]
        proved = one.judgement.kind == "delivered" and state != "delivered"
        if proved or (state == "sending" and attempts == one.claim.attempts):
            counting.append(one)
        else:
            log.warning("settled already", message=one.claim.message_id, peer=one.claim.peer, state=state)
    return counting


def _keep_answers(connection: Connection, answers: Sequence[tuple[int, SealedPayload]]) -> None:
    """Keep the answers of these messages, each under number 0; an answer that a message had before moves aside."""
    ids = [message for message, _ in answers]
    for message, last in _HAD_ANSWERS.rows(connection, messages=ids):
        for table in (PAYLOAD, PAYLOAD_KEY):
            newest = (table.c.message == message) & (table.c.kind == "response") & (table.c.n == 0)
            connection.execute(update(table).where(newest).values(n=last + 1))
    rows, keys = zip(*(payload_rows(message, "response", 0, sealed) for message, sealed in answers), strict=True)
    insert_rows(connection, PAYLOAD, rows)
    insert_rows(connection, PAYLOAD_KEY, keys)


def stale(node: Node, claim: Claim, detail: str) -> None:
    """Mark a message whose certificate is no longer accepted: it waits for a person, or a rule, to send a new one."""
    now = node.now()
    with node.database.write() as connection:
        outbox.block(connection, claim.message)
        _set_state(connection, claim.message, "stale", "EBMS:0101", detail)
        _alarm(connection, now, "stale", claim, detail)
        crash_point("stale: before commit")
    crash_point("stale: after commit")


def _write_delivered(node: Node, connection: Connection, delivered: Sequence[Settlement]) -> None:
    answers, changes, entries = [], [], []
    for one in delivered:
        receipt = one.judgement.receipt
        if receipt is None or one.receipt is None:
            raise ValueError("a delivery needs its receipt")
        answers.append((one.claim.message, one.receipt))
        changes.append({"message": one.claim.message, "receipt": receipt.timestamp, "disputed": one.disputed_time})
        entries.append(
            _entry_of(one, "delivered", {"receipt": receipt.message_id, "receipt_time": _iso(receipt.timestamp)})
        )
    _DELIVERED.run_many(connection, changes)
    states_changed(connection, [one.claim.message for one in delivered])
    _keep_answers(connection, answers)
    outbox.finish(connection, [one.claim.message for one in delivered])
    outbox.peer_answered(connection, [one.claim.peer for one in delivered], delivered[-1].at)
    append(connection, entries, node.kek)


def _write_other(node: Node, connection: Connection, one: Settlement) -> None:
    claim, judgement = one.claim, one.judgement
    code, detail = judgement.code or "EBMS:0004", judgement.detail or ""
    match judgement.kind:
        case "refused":
            if one.receipt is not None:
                _keep_answers(connection, [(claim.message, one.receipt)])
            outbox.finish(connection, [claim.message])
            outbox.peer_answered(connection, [claim.peer], one.at)
            _set_state(connection, claim.message, "refused", code, detail)
            _alarm(connection, one.at, "refused", claim, f"{code}: {detail}")
            append(connection, [_entry_of(one, "refused", {"code": code})], node.kek)
        case "unconfirmed":
            outbox.block(connection, claim.message)
            outbox.peer_answered(connection, [claim.peer], one.at)
            _set_state(connection, claim.message, "unconfirmed", code, detail)
            _alarm(connection, one.at, "unconfirmed", claim, f"{code}: {detail}")
            append(connection, [_entry_of(one, "unconfirmed", {"code": code})], node.kek)
        case "not-ready" if outbox.has_answered(connection, claim.peer, one.began, one.at):
            # It took others meanwhile: it has too many at once, and is as far from silent as can be.
            until = node.retries.next_attempt(one.at, 1, jitter(), judgement.retry_after)
            _again(node, connection, one, until, code, detail)
        case "unreachable" | "not-ready":
            until = outbox.peer_failed(
                connection, claim.peer, one.at, f"{code}: {detail}", node.retries, jitter(), judgement.retry_after,
                claim.peer_failures,
            )  # fmt: skip
            _again(node, connection, one, until, code, detail)
            overdue = outbox.overdue(connection, claim.peer, one.at, node.retries) if one.may_give_up else ()
            for message in overdue:
                if message != claim.message:
                    _give_up(node, connection, message, claim.peer, one.at, detail)
        case "uncovered":
            with_id = {"message": claim.message, "message_id": claim.message_id, "peer": claim.peer}
            refuse_uncovered(node, connection, [with_id], one.at)
            outbox.probe_at(connection, claim.peer, one.at)
        case _:
            until = node.retries.next_attempt(one.at, claim.attempts, jitter(), judgement.retry_after)
            _again(node, connection, one, until, code, detail)
            outbox.probe_at(connection, claim.peer, until)
            if judgement.on_the_way:
                _note_attempt(connection, one, code)


def refuse_uncovered(
    node: Node, connection: Connection, messages: Sequence[Mapping[str, Any]], now: datetime
) -> None:  # fmt: skip
    """End waiting messages (message: the row id, message_id, peer) that were never sent and may not be any more.

    They leave the outbox as refused by ourselves, EBMS:0010, each with an alarm: a person has to say otherwise what
    they said, or open an agreement again and send them again.
    """
    ids = [message["message"] for message in messages]
    outbox.finish(connection, ids)
    ended = {"state": "refused", "error_code": NOT_COVERED, "error_detail": NOT_SENT}
    connection.execute(update(MESSAGE).where(MESSAGE.c.id.in_(ids)).values(ended))
    states_changed(connection, ids)
    alarms, entries = [], []
    for message in messages:
        row, peer = message["message"], message["peer"]
        detail = f"{NOT_COVERED}: {NOT_SENT}"
        alarms.append(
            {"id": new_row_id(now), "time": now, "kind": "uncovered", "peer": peer, "message": row, "detail": detail}
        )
        entries.append(
            entry(
                type="message.refused",
                at=now,
                actor="node",
                facts={"code": NOT_COVERED},
                peer=peer,
                message=message["message_id"],
                message_row=row,
            )
        )
    insert_rows(connection, ALARM, alarms)
    append(connection, entries, node.kek)


def _note_attempt(connection: Connection, one: Settlement, code: str) -> None:
    detail = {"attempt": one.claim.attempts, "code": code}
    connection.execute(
        insert(EVENT).values(
            id=new_row_id(one.at), message=one.claim.message, kind=ATTEMPT_EVENT, detail=detail, time=one.at
        )
    )


def _again(node: Node, connection: Connection, one: Settlement, until: datetime, code: str, detail: str) -> None:
    if one.may_give_up and one.at >= one.claim.gives_up_at:
        _give_up(node, connection, one.claim.message, one.claim.peer, one.at, f"{code}: {detail}")
        return
    outbox.postpone(connection, one.claim.message, until, body_sent=not one.judgement.readable)
    _set_state(connection, one.claim.message, "queued", code, detail)


def _give_up(node: Node, connection: Connection, message: int, peer: str, now: datetime, last: str) -> None:
    outbox.block(connection, message)
    detail = f"no receipt within {node.settings.retry_hours:g} hours; last: {last}"
    _set_state(connection, message, "given-up", GIVEN_UP, detail)
    connection.execute(
        insert(ALARM).values(
            id=new_row_id(now), time=now, kind="given-up", peer=peer, message=message, detail=f"{GIVEN_UP}: {detail}"
        )
    )
    logged = entry(
        type="message.given-up", at=now, actor="node", facts={"code": GIVEN_UP}, peer=peer, message_row=message
    )
    append(connection, [logged], node.kek)


def _set_state(connection: Connection, message: int, state: str, code: str | None, detail: str | None) -> None:
    connection.execute(
        update(MESSAGE).where(MESSAGE.c.id == message).values(state=state, error_code=code, error_detail=detail)
    )
    states_changed(connection, [message])


def _alarm(connection: Connection, now: datetime, kind: str, claim: Claim, detail: str) -> None:
    connection.execute(
        insert(ALARM).values(
            id=new_row_id(now), time=now, kind=kind, peer=claim.peer, message=claim.message, detail=detail
        )
    )


def _entry_of(one: Settlement, what: str, facts: dict[str, str]) -> LogEntry:
    return entry(
        type=f"message.{what}",
        at=one.at,
        actor="node",
        facts=facts,
        peer=one.claim.peer,
        message=one.claim.message_id,
        message_row=one.claim.message,
    )


def _iso(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
