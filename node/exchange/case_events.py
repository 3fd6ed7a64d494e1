"""The acts of a case, read from its stored messages and from what was recorded by hand: what the engine takes.

Nothing is kept twice: the events follow from the records as they were signed, their numbers and their receipts. So what
is computed from a stored case is the same at any time, and a crash can lose nothing of it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select

from node.exchange.case_reading import CaseReading, noted
from node.exchange.erasure import KeptActs, kept_acts, times_said
from node.exchange.sequences import missing_numbers
from node.exchange.settlement import MESSAGE
from node.records.check import CheckedRecord
from node.records.domains import Domain
from node.records.procedure_acts import ActInRecord, acts_in, stated_in
from node.records.procedure_events import PENDING, SETTLED, UNDONE, Event, Span
from node.records.procedure_messages import MessageFacts, event_on_paper, events_of
from node.records.procedure_paper import without_told
from node.records.procedure_stored import read_event
from node.records.procedures import Procedure, SharedActs, other_role, role_of
from node.store.prepared import Prepared, among

_TAKEN = {"received": SETTLED, "delivered": SETTLED, "refused": UNDONE, "given-up": UNDONE}
_NAMING = Prepared(
    select(MESSAGE)
    .where(
        MESSAGE.c.peer == bindparam("peer"),
        MESSAGE.c.id > bindparam("after"),
        MESSAGE.c.service == bindparam("service"),
        among(MESSAGE.c.action, "actions"),
    )
    .order_by(MESSAGE.c.id)
)
_OF_PEER = select(MESSAGE.c.timestamp).where(
    MESSAGE.c.peer == bindparam("peer"), MESSAGE.c.direction == "in", MESSAGE.c.sequence.is_not(None)
)
_NEWEST = Prepared(_OF_PEER.order_by(MESSAGE.c.sequence.desc()).limit(1))
_NEWEST_BELOW = Prepared(
    _OF_PEER.where(MESSAGE.c.sequence < bindparam("gap")).order_by(MESSAGE.c.sequence.desc()).limit(1)
)


@dataclass(frozen=True, slots=True)
class CaseEvents:
    """`own` is our role in the case. `unread` are ids of messages whose record cannot be read any more (erased, or of a
    domain that is not here): what follows is computed without them. `heard_until`: as `procedure_view.view` takes it.
    `named` are the ConversationIds of other cases that records of this one name. `by_hand` are all acts that were
    recorded here, with those that a message of ours has told of, which count in its place.
    """

    domain: Domain
    procedure: Procedure
    own: str
    parties: Mapping[str, str]
    events: tuple[Event, ...]
    unread: tuple[str, ...]
    heard_until: datetime | None
    named: tuple[str, ...] = ()
    by_hand: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class _Read:
    """A message (its row) with its record, or what was kept of one that was erased; neither: it cannot be read."""

    row: Mapping[str, Any]
    record: CheckedRecord | None
    kept: KeptActs | None
    acts: Sequence[ActInRecord]
    said: Mapping[str, str | None]

    @property
    def unread(self) -> bool:
        return self.record is None and self.kept is None


@dataclass(frozen=True, slots=True)
class _Naming:
    """The messages with a peer whose records may name several cases: by the ConversationIds that they name."""

    by_case: Mapping[str, Sequence[_Read]]
    unread: Sequence[_Read]
    replaced: frozenset[str]


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
    own, conversation = role_of(node.party, case["opener"]), case["conversation_id"]
    naming = _naming(reading, domain, peer, case["id"]) if elsewhere else _Naming({}, (), frozenset())
    messages = reading.messages(case["id"])
    replaced = naming.replaced.union(row["replaces"] for row in messages if row["replaces"])
    of_case = [one for row in messages if (one := _read(reading, row, domain)) is not None]
    others = [one for one in naming.by_case.get(conversation, ()) if _is_elsewhere(one, case)]
    unread = [one for one in of_case if one.unread]
    unread += [one for one in naming.unread if _is_elsewhere(one, case)]
    found: list[Event] = []
    for one in (*of_case, *others):
        row = one.row
        writer = own if row["direction"] == "out" else role_of(row["peer"], case["opener"])
        facts = _facts(row, one.said, writer, stale_replaced=row["message_id"] in replaced)
        found += events_of(facts, one.acts, conversation)
        told = None if one.record is None else stated_in(one.record)
        if told is not None and row["conversation_id"] == conversation:
            found.append(event_on_paper(row["message_id"], told, writer, row["timestamp"], facts.status))
    by_hand = _by_hand(reading, case["id"])
    found += without_told(by_hand, found)
    named = {act.case for one in of_case for act in one.acts if act.case not in (None, conversation)}
    return CaseEvents(
        domain=domain,
        procedure=domain.procedure,
        own=own,
        parties={own: node.party, other_role(own): peer},
        events=tuple(found),
        unread=tuple(sorted(one.row["message_id"] for one in unread)),
        heard_until=reading.once(("heard", peer), lambda: _heard_until(connection, peer)),
        named=tuple(sorted(one for one in named if one is not None)),
        by_hand=tuple(by_hand),
    )


def naming_records(domain: Domain) -> list[str]:
    """The records of the domain that may name other cases than their own (lists of persons of several cases)."""
    procedure = domain.procedure
    if not isinstance(procedure, Procedure):
        return []
    return sorted(
        {source.record for act in procedure.acts.values() for source in act.sources if source.case is not None}
    )


def named_in(reading: CaseReading, row: Any, domain: Domain) -> set[str]:
    """The ConversationIds of the cases that a record of `domain` names besides its own (its message's row)."""
    read = _read_once(reading, row, domain)
    return set() if read is None else {act.case for act in read.acts if act.case is not None}


def _is_elsewhere(one: _Read, case: Mapping[str, Any]) -> bool:
    """Whether it is of another case and came after this one was opened."""
    return bool(one.row["id"] > case["id"] and one.row["case_id"] != case["id"])


def _naming(reading: CaseReading, domain: Domain, peer: str, case_id: int) -> _Naming:
    records = naming_records(domain)
    if not records:
        return _Naming({}, (), frozenset())
    first = case_id if reading.first_case is None else min(case_id, reading.first_case)

    def find() -> _Naming:
        rows = _NAMING.rows(reading.connection, peer=peer, after=first, service=domain.namespace, actions=records)
        read = [one for row in rows if (one := _read_once(reading, row, domain)) is not None]
        by_case: dict[str, list[_Read]] = {}
        for one in read:
            for named in {act.case or one.row["conversation_id"] for act in one.acts}:
                by_case.setdefault(named, []).append(one)
        replaced = frozenset(row.replaces for row in rows if row.replaces)
        return _Naming(by_case, [one for one in read if one.unread], replaced)

    return reading.once(("naming", peer, domain.namespace, first), find)


def _read_once(reading: CaseReading, row: Any, domain: Domain) -> _Read | None:
    return reading.once(("read", row.id, domain.namespace), lambda: _read(reading, row._asdict(), domain))


def _read(reading: CaseReading, row: Mapping[str, Any], domain: Domain) -> _Read | None:
    """A message of a case of `domain`; None for one that holds no record, or nothing that a procedure knows."""
    of_message = reading.node.domains.find(row["service"])
    if row["state"] == "rejected" or of_message is None:
        return None
    if of_message is domain:
        # The case names the domain since it was opened: so it was here, and its records were judged as they came.
        record = reading.accepted(row)
    elif isinstance(of_message.procedure, SharedActs):
        record = reading.record(row)
    elif reading.is_kept(row):
        return None
    else:
        record = None
    if record is not None:
        return _Read(row, record, None, acts_in(record, domain), times_said(record))
    kept = kept_acts(reading.connection, row["id"])
    return _Read(row, None, kept, () if kept is None else kept.acts, {} if kept is None else kept.said)


def _by_hand(reading: CaseReading, case_id: int) -> list[Event]:
    """The acts of a case that were recorded by hand here, oldest first."""
    notes = (noted(reading, row_id) for row_id in reading.on_paper(case_id))
    return [replace(read_event(json.loads(one)), by_hand=True) for one in notes if one is not None]


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


def _heard_until(connection: Connection, peer: str) -> datetime | None:
    """The time of the peer's newest message below the first gap in its numbers; None where it never wrote any."""
    gaps = missing_numbers(connection, peer, 1)
    if gaps:
        newest = _NEWEST_BELOW.scalar(connection, peer=peer, gap=gaps[0][0])
    else:
        newest = _NEWEST.scalar(connection, peer=peer)
    return newest if isinstance(newest, datetime) else None
