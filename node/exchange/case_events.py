"""The acts of a case, read from its stored messages and from what was recorded by hand: what the engine takes.

Nothing is kept twice: the events follow from the records as they were signed, their numbers and their receipts. So what
is computed from a stored case is the same at any time, and a crash can lose nothing of it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from node.exchange.case_reading import CaseReading
from node.exchange.contents import ContentGone, sealed_octets
from node.exchange.erasure import KeptActs, kept_acts, times_said
from node.exchange.node import Node
from node.exchange.sequences import missing_numbers
from node.exchange.settlement import MESSAGE
from node.records.check import CheckedRecord
from node.records.domains import Domain
from node.records.procedure_acts import ActInRecord, acts_in, stated_in
from node.records.procedure_events import PENDING, SETTLED, UNDONE, Event, Span
from node.records.procedure_messages import MessageFacts, event_on_paper, events_of
from node.records.procedure_stored import read_event
from node.records.procedure_view import SAME_ACT
from node.records.procedures import Procedure, other_role, role_of
from node.store.columns import table_of
from node.store.payloads import PayloadErased
from node.store.tables import PaperAct

PAPER = table_of(PaperAct)
_TAKEN = {"received": SETTLED, "delivered": SETTLED, "refused": UNDONE, "given-up": UNDONE}


@dataclass(frozen=True, slots=True)
class CaseEvents:
    """`own` is our role in the case. `unread` are ids of messages whose record cannot be read any more (erased, or of a
    domain that is not here): what follows is computed without them. `heard_until`: as `procedure_view.view` takes it.
    """

    domain: Domain
    procedure: Procedure
    own: str
    parties: Mapping[str, str]
    events: tuple[Event, ...]
    unread: tuple[str, ...]
    heard_until: datetime | None


def events_of_case(
    reading: CaseReading, case: Mapping[str, Any], peer: str, *, elsewhere: bool = True
) -> CaseEvents | None:
    """What happened in a case (a row of `exchange_case`) with `peer`; None where its domain has no procedure.

    Without `elsewhere` acts that stand in messages of other cases are left out.
    """
    node, connection = reading.node, reading.connection
    domain = None if case["domain"] is None else node.domains.named(case["domain"], case["version"])
    if domain is None or not isinstance(domain.procedure, Procedure):
        return None
    own = role_of(node.party, case["opener"])
    found: list[Event] = []
    unread: list[str] = []
    rows = list(_messages(connection, case, domain, peer, elsewhere))
    replaced = {row["replaces"] for row in rows if row["replaces"]}
    for row in rows:
        if row["state"] == "rejected" or node.domains.find(row["service"]) is None:
            continue
        record = reading.record(row) if row["case_id"] == case["id"] else reading.shared_record(row)
        kept = kept_acts(connection, row["id"]) if record is None else None
        if record is None and kept is None:
            unread.append(row["message_id"])
            continue
        by_us = row["direction"] == "out"
        writer = own if by_us else role_of(row["peer"], case["opener"])
        acts, said = _acts_and_times(record, kept, domain)
        facts = _facts(row, said, writer, stale_replaced=row["message_id"] in replaced)
        found += events_of(facts, acts, case["conversation_id"])
        told = None if record is None else stated_in(record)
        if told is not None and row["conversation_id"] == case["conversation_id"]:
            found.append(event_on_paper(row["message_id"], told, writer, row["timestamp"], facts.status))
    found += [one for one in by_hand(node, connection, case["id"]) if not _told_on_the_wire(one, found)]
    return CaseEvents(
        domain=domain,
        procedure=domain.procedure,
        own=own,
        parties={own: node.party, other_role(own): peer},
        events=tuple(found),
        unread=tuple(sorted(unread)),
        heard_until=reading.once(("heard", peer), lambda: _heard_until(connection, peer)),
    )


def by_hand(node: Node, connection: Connection, case_id: int) -> list[Event]:
    """The acts of a case that were recorded by hand here, oldest first."""
    ids = connection.scalars(select(PAPER.c.id).where(PAPER.c.case_id == case_id).order_by(PAPER.c.id))
    found = []
    for row_id in list(ids):
        try:
            octets = b"".join(sealed_octets(node, row_id, "note", 0, connection))
        except (PayloadErased, ContentGone):
            continue
        found.append(read_event(json.loads(octets)))
    return found


def _messages(
    connection: Connection, case: Mapping[str, Any], domain: Domain, peer: str, everywhere: bool
) -> Iterator[Mapping[str, Any]]:
    """The messages of a case; `everywhere`: and those of other cases with `peer` whose records may name this one
    (lists of persons of several cases)."""
    own = select(MESSAGE).where(MESSAGE.c.case_id == case["id"])
    yield from map(dict, connection.execute(own.order_by(MESSAGE.c.id)).mappings())
    procedure = domain.procedure
    assert isinstance(procedure, Procedure)
    naming = {source.record for act in procedure.acts.values() for source in act.sources if source.case is not None}
    if naming and everywhere:
        elsewhere = select(MESSAGE).where(
            MESSAGE.c.peer == peer,
            MESSAGE.c.id > case["id"],
            MESSAGE.c.service == domain.namespace,
            MESSAGE.c.action.in_(sorted(naming)),
            MESSAGE.c.case_id != case["id"],
        )
        yield from map(dict, connection.execute(elsewhere.order_by(MESSAGE.c.id)).mappings())


def _acts_and_times(
    record: CheckedRecord | None, kept: KeptActs | None, domain: Domain
) -> tuple[tuple[ActInRecord, ...], Mapping[str, str | None]]:
    """Which acts a message holds, and when it says that they were; of one that was erased what was kept of it."""
    if record is not None:
        return acts_in(record, domain), times_said(record)
    return ((), {}) if kept is None else (kept.acts, kept.said)


def _facts(
    row: Mapping[str, Any], said: Mapping[str, str | None], writer: str, *, stale_replaced: bool
) -> MessageFacts:
    status = UNDONE if stale_replaced and row["state"] == "stale" else _TAKEN.get(row["state"], PENDING)
    return MessageFacts(
        id=row["message_id"],
        writer=writer,
        conversation=row["conversation_id"],
        sent=row["timestamp"],
        received=None if row["receipt_time"] is None else Span.at(row["receipt_time"]),
        sequence=row["sequence"],
        seen=row["seen"],
        status=status,
        disputed=bool(row["disputed_time"]),
        occurred=_instant(said.get("occurred")),
        recorded=_instant(said.get("recorded")),
    )


def _instant(text: str | None) -> datetime | None:
    """An instant with its zone; a day, month or year alone is none."""
    if not text or "T" not in text:
        return None
    found = datetime.fromisoformat(text)
    return None if found.tzinfo is None else found


def _told_on_the_wire(one: Event, events: list[Event]) -> bool:
    """Whether we have told the other side of the same act by a message: then that counts, once."""
    return any(
        other.on_paper
        and other.stated_by == one.stated_by
        and (other.act, other.actor, other.persons) == (one.act, one.actor, one.persons)
        and abs(other.sent - one.sent) <= SAME_ACT
        for other in events
    )


def _heard_until(connection: Connection, peer: str) -> datetime | None:
    """The time of the peer's newest message below the first gap in its numbers; None where it never wrote any."""
    of_peer = select(MESSAGE.c.timestamp).where(
        MESSAGE.c.peer == peer, MESSAGE.c.direction == "in", MESSAGE.c.sequence.is_not(None)
    )
    if gaps := missing_numbers(connection, peer, 1):
        of_peer = of_peer.where(MESSAGE.c.sequence < gaps[0][0])
    newest = connection.scalar(of_peer.order_by(MESSAGE.c.sequence.desc()).limit(1))
    return newest if isinstance(newest, datetime) else None
