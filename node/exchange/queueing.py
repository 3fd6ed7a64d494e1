"""Queueing messages: in one transaction, for a group of them, each its place in a case, its sequence number, its
signature, its row in the outbox and its log entry. After the commit they are durably queued."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from node.as4 import ROLE_INITIATOR, ROLE_RESPONDER, Party, Property, SignedMessage, UserMessage, sign
from node.audit.entry import Json, LogEntry, append, entry
from node.exchange import outbox
from node.exchange.agreements import OpenPair
from node.exchange.cases import (
    CASE,
    NewCase,
    alias,
    begins_like_alias,
    find_cases,
    members_of,
    open_cases,
    resolve_case,
)
from node.exchange.contents import PART, digests_of, part_row
from node.exchange.judgement import SubmissionRefused
from node.exchange.node import Node
from node.exchange.parts_to_send import PartToSend, PreparedPart
from node.exchange.peers import PEER, KnownPeer
from node.exchange.search_index import write_rows
from node.exchange.sequences import highest_seen
from node.exchange.settlement import MESSAGE, PAYLOAD, PAYLOAD_KEY
from node.exchange.turns import NewMessage, messages_came
from node.records.notices import is_notice
from node.store.columns import new_row_id, row_ids_follow
from node.store.payloads import Kind, SealedPayload, payload_rows, seal_payload
from node.store.prepared import Prepared, among
from node.store.rows import insert_rows

_LAST_OF_CASE = Prepared(select(func.max(MESSAGE.c.id)).where(MESSAGE.c.case_id == bindparam("of_case")))
_CASE = Prepared(select(CASE).where(CASE.c.id == bindparam("of_case")))
_NUMBERS = Prepared(select(CASE.c.id, CASE.c.alias_year, CASE.c.alias_number).where(among(CASE.c.id, "cases")))
_NEXT_SEQUENCES = Prepared(
    update(PEER)
    .where(PEER.c.party == bindparam("to"))
    .values(sequence_out=PEER.c.sequence_out + bindparam("count"))
    .returning(PEER.c.sequence_out)
)


@dataclass(frozen=True, slots=True)
class Submission:
    """What is to be sent, to whom, and within which case (a number or ConversationId; None opens a new one).

    `case_id` names the case by its row instead: for one who has it at hand, since a peer's ConversationId may look like
    a number of ours. `confirmed` holds the codes of findings that a person has confirmed (see `judgement`).
    `ask_fit`: whoever sends it is asked where it does not fit the case (see `case_fit`). `strip_metadata`: images go
    without what is written beside the picture. `on_queued` is called in the transaction that queues the message; what
    it raises comes through, and the message is not queued.
    """

    peer: str
    service: str
    action: str
    parts: Sequence[PartToSend]
    service_type: str | None = None
    case: str | None = None
    case_id: int | None = None
    ref_to_message_id: str | None = None
    replaces: str | None = None
    unit: str | None = None
    actor: str = "command line"
    properties: Sequence[Property] = ()
    confirmed: Sequence[str] = ()
    strip_metadata: bool = False
    ask_fit: bool = False
    on_queued: Callable[[Connection, "Submitted"], None] | None = None


@dataclass(frozen=True, slots=True)
class ReadySubmission:
    """A submission that was judged: its peer, the pair that covers it (None: the test service), its sealed parts, and
    what its record is found by (None: it has no record)."""

    request: Submission
    peer: KnownPeer
    pair: OpenPair | None
    parts: Sequence[PreparedPart]
    terms: str | None = None

    @property
    def unilateral(self) -> bool:
        """It goes by terms of our own word alone."""
        return self.pair is not None and self.pair.kind == "unilateral"


@dataclass(frozen=True, slots=True)
class Submitted:
    """A message that is durably queued: its wire id, its case's ConversationId and number, whether it opened that."""

    id: str
    case: str
    number: str
    state: str = "queued"
    opened: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a message stands: its case, that one's ConversationId, number and unit, and whether it opens it."""

    case_id: int
    conversation: str
    number: str
    unit: str | None
    opened: bool


@dataclass(frozen=True, slots=True)
class _Numbered:
    """The next number for a message to its peer, and the highest of that one's own that we have processed."""

    sequence: int | None = None
    seen: int | None = None


@dataclass(frozen=True, slots=True)
class _Frozen:
    """A message as it is signed."""

    ready: ReadySubmission
    place: _Place
    numbered: _Numbered
    header: UserMessage
    signed: SignedMessage


class OneAfterTheOther(Exception):
    """Members of the group concern each other: each has to be queued by itself, in their order."""


def queue(node: Node, connection: Connection, group: Sequence[ReadySubmission], now: datetime) -> list[Submitted]:
    """Write these messages into the transaction, in their order; a case that one opens is opened at `now`.

    Raises SubmissionRefused for the first that cannot be queued, OneAfterTheOther; then the transaction must end.
    """
    places = _place_in_cases(node, connection, group, now)
    numbers = _next_numbers(connection, [ready.peer for ready in group])
    # Taken here: what it says it has seen may have been received while this waited for its turn to write.
    now = node.now()
    frozen = [_frozen(node, *one, now) for one in zip(group, places, numbers, strict=True)]
    ids = _row_ids(connection, places, now)
    insert_rows(connection, MESSAGE, [_message_row(row, one, now) for row, one in zip(ids, frozen, strict=True)])
    payloads, keys, parts = [], [], []
    for row, one in zip(ids, frozen, strict=True):
        sealed: list[tuple[Kind, int, SealedPayload]] = [
            ("part", n, part.sealed) for n, part in enumerate(one.ready.parts, 1)
        ]
        sealed.append(("envelope", 0, seal_payload(one.signed.xml, node.kek, node.blobs)))
        for kind, n, payload in sealed:
            of_payload, of_key = payload_rows(row, kind, n, payload)
            payloads.append(of_payload)
            keys.append(of_key)
        parts += [part_row(row, n, part, part.name) for n, part in enumerate(one.ready.parts, start=1)]
    insert_rows(connection, PAYLOAD, payloads)
    insert_rows(connection, PAYLOAD_KEY, keys)
    insert_rows(connection, PART, parts)
    found_by = [
        {"message": row, "case_id": one.place.case_id, "terms": one.ready.terms}
        for row, one in zip(ids, frozen, strict=True)
        if one.ready.terms is not None
    ]
    write_rows(connection, found_by)
    waiting = [(row, one.ready.peer.party, one.place.case_id) for row, one in zip(ids, frozen, strict=True)]
    outbox.enqueue_all(connection, waiting, now, node.retries)
    came = [
        NewMessage(one.place.case_id, row, "out", "queued", is_notice(node.domains, one.header.service))
        for row, one in zip(ids, frozen, strict=True)
    ]
    messages_came(connection, came, now)
    append(connection, [_entry(row, one, now) for row, one in zip(ids, frozen, strict=True)], node.kek)
    return [
        Submitted(one.header.message_id, one.place.conversation, one.place.number, opened=one.place.opened)
        for one in frozen
    ]


def _place_in_cases(
    node: Node, connection: Connection, group: Sequence[ReadySubmission], now: datetime
) -> list[_Place]:
    """The case of each message; those that there are not yet are opened."""
    known = [_known_case(node, connection, ready) for ready in group]
    opening = [ready for ready, place in zip(group, known, strict=True) if place is None]
    named = [ready.request.case for ready in opening if ready.request.case is not None]
    if len(set(named)) < len(named):
        raise OneAfterTheOther
    opened = iter(_opened(node, connection, opening, now))
    return [place if place is not None else next(opened) for place in known]


def _known_case(node: Node, connection: Connection, ready: ReadySubmission) -> _Place | None:
    """The place of a message in a case that there is; None for one that opens its own."""
    request, peer = ready.request, ready.peer
    known: Mapping[str, Any] | None = None
    if request.case_id is not None:
        known = _case(connection, request.case_id)
    elif request.case is not None:
        known = resolve_case(connection, request.case)
        if known is not None and known["conversation_id"] == request.case:
            mine = find_cases(connection, node.party, peer.party, [request.case]).get(request.case)
            known = _case(connection, mine) if mine else known
    if known is None:
        if request.case is not None and begins_like_alias(request.case):
            raise SubmissionRefused(
                f"There is no case {request.case}. `depesha case list` shows those that there are; without --case a "
                "new one is opened and gets its number."
            )
        return None
    if peer.party not in members_of(connection, known["id"]):
        called = request.case or known["conversation_id"]
        raise SubmissionRefused(f"{peer.party} is not a member of case {called}. Send to one that is.")
    number = alias(known["alias_year"], known["alias_number"])
    return _Place(known["id"], known["conversation_id"], number, request.unit or known["unit"] or None, opened=False)


def _case(connection: Connection, case_id: int) -> Mapping[str, Any]:
    [row] = _CASE.rows(connection, of_case=case_id)
    found: Mapping[str, Any] = row._asdict()
    return found


def _opened(node: Node, connection: Connection, opening: Sequence[ReadySubmission], now: datetime) -> list[_Place]:
    """New cases, one for each of these messages."""
    if not opening:
        return []
    cases = []
    for ready in opening:
        domain = node.domains.find(ready.request.service)
        cases.append(
            NewCase(
                node.party,
                ready.request.case or str(uuid.uuid4()),
                (node.party, ready.peer.party),
                now,
                domain.name if domain else None,
                domain.version if domain else None,
                ready.request.unit,
            )
        )
    ids = open_cases(connection, cases)
    numbers = {row.id: alias(row.alias_year, row.alias_number) for row in _NUMBERS.rows(connection, cases=ids)}
    return [
        _Place(case_id, case.conversation_id, numbers[case_id], case.unit, opened=True)
        for case_id, case in zip(ids, cases, strict=True)
    ]


def _next_numbers(connection: Connection, peers: Sequence[KnownPeer]) -> list[_Numbered]:
    """The numbers of messages to these peers, in their order; none for those that do not count."""
    counts: dict[str, int] = {}
    for peer in peers:
        if peer.depesha:
            counts[peer.party] = counts.get(peer.party, 0) + 1
    last = {}
    seen = {}
    for party, count in sorted(counts.items()):
        last[party] = (_NEXT_SEQUENCES.scalar(connection, to=party, count=count) or 0) - count
        seen[party] = highest_seen(connection, party)
    numbers = []
    for peer in peers:
        if peer.depesha:
            last[peer.party] += 1
            numbers.append(_Numbered(last[peer.party], seen[peer.party]))
        else:
            numbers.append(_Numbered())
    return numbers


def _frozen(node: Node, ready: ReadySubmission, place: _Place, numbered: _Numbered, now: datetime) -> _Frozen:
    request, peer, pair = ready.request, ready.peer, ready.pair
    header = UserMessage(
        message_id=f"{uuid.uuid4()}@depesha",
        timestamp=now,
        sender=Party(node.party, node.settings.party_type, ROLE_INITIATOR),
        receiver=Party(peer.party, peer.party_type, ROLE_RESPONDER),
        service=request.service,
        service_type=pair.service_type if pair is not None else request.service_type,
        action=request.action,
        conversation_id=place.conversation,
        agreement=pair.ref if pair is not None else None,
        ref_to_message_id=request.ref_to_message_id,
        properties=_properties(node, ready, place.unit, numbered),
        parts=tuple(part.info for part in ready.parts),
    )
    signed = sign(header, [part.digest for part in ready.parts], node.signing, node.suite)
    return _Frozen(ready, place, numbered, header, signed)


def _properties(node: Node, ready: ReadySubmission, unit: str | None, numbered: _Numbered) -> tuple[Property, ...]:
    request, peer = ready.request, ready.peer
    given = {prop.name for prop in request.properties}
    made = [Property("originalSender", unit or node.party), Property("finalRecipient", peer.party)]
    if numbered.sequence is not None:
        made += [Property("sequence", str(numbered.sequence)), Property("seen", str(numbered.seen))]
    if request.replaces is not None:
        made.append(Property("replaces", request.replaces))
    if ready.unilateral and peer.depesha:
        made.append(Property("terms", "unilateral"))
    return (*(prop for prop in made if prop.name not in given), *request.properties)


def _row_ids(connection: Connection, places: Sequence[_Place], now: datetime) -> list[int]:
    """The row ids of these messages.

    Deliveries of a case go in the order of row ids: each must stand after those of other processes too.
    """
    seen: set[int] = set()
    ids = []
    for place in places:
        if not (place.opened or place.case_id in seen):
            # The number after the last one may be that of another message of a burst: whatever follows is drawn.
            row_ids_follow(_LAST_OF_CASE.scalar(connection, of_case=place.case_id) or 0, now)
        seen.add(place.case_id)
        ids.append(new_row_id(now))
    return ids


def _message_row(row: int, one: _Frozen, now: datetime) -> dict[str, object]:
    header = one.header
    return {
        "id": row,
        "message_id": header.message_id,
        "direction": "out",
        "peer": header.receiver.id,
        "state": "queued",
        "service": header.service,
        "service_type": header.service_type,
        "action": header.action,
        "agreement_ref": header.agreement,
        "case_id": one.place.case_id,
        "conversation_id": header.conversation_id,
        "ref_to_message_id": header.ref_to_message_id,
        "replaces": one.ready.request.replaces,
        "timestamp": header.timestamp,
        "time": now,
        "sequence": one.numbered.sequence,
        "seen": one.numbered.seen,
        "unit": one.place.unit,
        "original_sender": header.property("originalSender"),
        "final_recipient": header.property("finalRecipient"),
        "digests": digests_of(one.signed.references),
        "unilateral": one.ready.unilateral,
    }


def _entry(row: int, one: _Frozen, now: datetime) -> LogEntry:
    header, request = one.header, one.ready.request
    facts: dict[str, Json] = {
        "service": header.service,
        "action": header.action,
        "digests": digests_of(one.signed.references).hex(),
    }
    if request.confirmed:
        facts["confirmed"] = [*sorted(set(request.confirmed))]
    return entry(
        type="message.queued",
        at=now,
        actor=request.actor,
        facts=facts,
        peer=header.receiver.id,
        case=header.conversation_id,
        message=header.message_id,
        message_row=row,
    )
