"""Submitting a message: its parts compressed and sealed, then in one transaction its place in a case, its sequence
number, its signature, its row in the outbox and its log entry. After the commit it is durably queued."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from sqlalchemy import Connection, bindparam, func, select, update

from node.as4 import (
    ROLE_INITIATOR,
    ROLE_RESPONDER,
    TEST_ACTION,
    TEST_SERVICE,
    Party,
    Property,
    SignedMessage,
    UserMessage,
    sign,
)
from node.audit.entry import Json, append, entry
from node.crash_points import crash_point
from node.exchange import outbox
from node.exchange.agreements import OpenPair
from node.exchange.cases import (
    CASE,
    alias,
    begins_like_alias,
    find_cases,
    members_of,
    open_case,
    resolve_case,
    touch_cases,
)
from node.exchange.contents import PART, digests_of
from node.exchange.directory import Snapshot
from node.exchange.judgement import Route, SubmissionRefused, require_attached, require_sendable
from node.exchange.node import Node
from node.exchange.parts_to_send import PartToSend, PreparedPart, prepare_part
from node.exchange.peers import PEER, KnownPeer
from node.exchange.sequences import highest_seen
from node.exchange.settlement import MESSAGE, PAYLOAD, PAYLOAD_KEY
from node.records.reading import octets_of_record
from node.store.columns import new_row_id
from node.store.payloads import Kind, SealedPayload, payload_rows, seal_payload
from node.store.rows import insert_rows

# Made once: to put a statement together takes several times as long as to run it.
_LAST_OF_CASE = select(func.max(MESSAGE.c.id)).where(MESSAGE.c.case_id == bindparam("of_case"))
_NUMBER_OF_CASE = select(CASE.c.alias_year, CASE.c.alias_number).where(CASE.c.id == bindparam("of_case"))
_NEXT_SEQUENCE = (
    update(PEER)
    .where(PEER.c.party == bindparam("to"))
    .values(sequence_out=PEER.c.sequence_out + 1)
    .returning(PEER.c.sequence_out)
)


@dataclass(frozen=True, slots=True)
class Submission:
    """What is to be sent, to whom, and within which case (a number or ConversationId; None opens a new one).

    `case_id` names the case by its row instead: for one who has it at hand, since a peer's ConversationId may look like
    a number of ours. `confirmed` holds the codes of findings that a person has confirmed (see `judgement`).
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


@dataclass(frozen=True, slots=True)
class Submitted:
    """A message that is durably queued: its wire id, its case's ConversationId and number, whether it opened that."""

    id: str
    case: str
    number: str
    state: str = "queued"
    opened: bool = False


def submit(
    node: Node, snapshot: Snapshot, request: Submission, along: Callable[[Connection], None] | None = None
) -> Submitted:
    """Queue a message durably, and do `along` in the same transaction: what it raises comes through, nothing is queued.

    A record is judged first. Raises SubmissionRefused, ConfirmationNeeded for a record that a person must look at
    again, or StoreUnavailable when the store cannot take it.
    """
    peer, pair = _require_open(node, snapshot, request)
    prepared = _prepare(node, request, peer)
    now = node.now()
    with node.database.write() as connection:
        if along is not None:
            along(connection)
        submitted = _write(node, connection, request, peer, pair, prepared, now)
        crash_point("submission: before commit")
    crash_point("submission: after commit")
    return submitted


def _require_open(node: Node, snapshot: Snapshot, request: Submission) -> tuple[KnownPeer, OpenPair | None]:
    peer = snapshot.peers.get(request.peer)
    if peer is None or peer.state == "removed":
        raise SubmissionRefused(f"There is no peer {request.peer!r}. `depesha peer list` shows those that are known.")
    if peer.kind == "paper" or peer.url is None:
        raise SubmissionRefused(f"{peer.party} has no node: its messages go on paper. Record what you send by hand.")
    if (request.service, request.action) == (TEST_SERVICE, TEST_ACTION):
        return peer, None
    if peer.state == "unconfirmed":
        raise SubmissionRefused(
            f"{peer.party} is not confirmed yet: compare the eight words by telephone, then "
            f'`depesha peer confirm {peer.party} --words "…"`.'
        )
    pair = snapshot.pair_for_sending(peer.party, request.service, request.service_type, request.action)
    if pair is None:
        raise SubmissionRefused(
            f"No agreement in force with {peer.party} covers {request.service} {request.action}. "
            "`depesha agreement list` shows what is open; `depesha agreement unilateral` opens a pair by your own word."
        )
    return peer, pair


def _prepare(node: Node, request: Submission, peer: KnownPeer) -> list[PreparedPart]:
    """The parts, sealed; those of a domain that we have only after its record was judged fit to be sent."""
    if node.domains.find(request.service) is None:
        return [prepare_part(node, part) for part in request.parts]
    if not request.parts:
        raise SubmissionRefused(f"{request.service} {request.action}: the first part must be the record. Attach it.")
    first, *others = request.parts
    content = octets_of_record(first.content())
    name = first.name or "the record"
    record = require_sendable(
        content,
        name,
        (request.service, request.action),
        node.domains,
        Route(peer.party, node.settings.country, peer.country),
        None if request.replaces is not None else request.confirmed,
        partial(_exchanged_with, node, peer.party),
    )
    prepared = [prepare_part(node, part) for part in (replace(first, content=lambda: (content,)), *others)]
    try:
        attached = [(part.name or f"part {n}", part.sha256.hex()) for n, part in enumerate(prepared[1:], start=2)]
        require_attached(record, name, attached)
    except SubmissionRefused:
        for part in prepared:
            if part.sealed.blob is not None:
                node.blobs.delete(part.sealed.blob)
        raise
    return prepared


def _exchanged_with(node: Node, peer: str, message_ids: Sequence[str]) -> set[str]:
    """Those of the message ids that were sent to the peer or received from it."""
    query = select(MESSAGE.c.message_id).where(MESSAGE.c.message_id.in_(message_ids), MESSAGE.c.peer == peer)
    with node.database.read() as connection:
        return set(connection.scalars(query))


def _write(
    node: Node,
    connection: Connection,
    request: Submission,
    peer: KnownPeer,
    pair: OpenPair | None,
    prepared: Sequence[PreparedPart],
    now: datetime,
) -> Submitted:
    case_id, conversation, number, unit, opened = _place_in_case(node, connection, request, peer, now)
    sequence, seen = _next_sequence(connection, peer)
    header = UserMessage(
        message_id=f"{uuid.uuid4()}@depesha",
        timestamp=now,
        sender=Party(node.party, node.settings.party_type, ROLE_INITIATOR),
        receiver=Party(peer.party, peer.party_type, ROLE_RESPONDER),
        service=request.service,
        service_type=pair.service_type if pair is not None else request.service_type,
        action=request.action,
        conversation_id=conversation,
        agreement=pair.ref if pair is not None else None,
        ref_to_message_id=request.ref_to_message_id,
        properties=_properties(node, request, peer, pair, unit, sequence, seen),
        parts=tuple(part.info for part in prepared),
    )
    signed = sign(header, [part.digest for part in prepared], node.signing, node.suite)
    message = _message_row(connection, request, header, signed, case_id, unit, sequence, seen, pair, now)
    payloads: list[tuple[Kind, int, SealedPayload]] = [("part", n, part.sealed) for n, part in enumerate(prepared, 1)]
    payloads.append(("envelope", 0, seal_payload(signed.xml, node.kek, node.blobs)))
    rows, keys = zip(*(payload_rows(message, kind, n, sealed) for kind, n, sealed in payloads), strict=True)
    insert_rows(connection, PAYLOAD, rows)
    insert_rows(connection, PAYLOAD_KEY, keys)
    if prepared:
        insert_rows(connection, PART, [_part_row(message, n, part) for n, part in enumerate(prepared, start=1)])
    outbox.enqueue(connection, message, peer.party, case_id, now, node.retries)
    touch_cases(connection, [case_id], now)
    facts: dict[str, Json] = {
        "service": header.service,
        "action": header.action,
        "digests": digests_of(signed.references).hex(),
    }
    if request.confirmed:
        facts["confirmed"] = [*sorted(set(request.confirmed))]
    logged = entry(
        type="message.queued",
        at=now,
        actor=request.actor,
        facts=facts,
        peer=peer.party,
        case=conversation,
        message=header.message_id,
        message_row=message,
    )
    append(connection, [logged], node.kek)
    return Submitted(id=header.message_id, case=conversation, number=number, opened=opened)


def _place_in_case(
    node: Node, connection: Connection, request: Submission, peer: KnownPeer, now: datetime
) -> tuple[int, str, str, str | None, bool]:
    """The case (row id, ConversationId, number, unit, whether opened now) of a message."""
    known: Mapping[str, object] | None = None
    if request.case_id is not None:
        known = dict(connection.execute(select(CASE).where(CASE.c.id == request.case_id)).mappings().one())
    elif request.case is not None:
        known = resolve_case(connection, request.case)
        if known is not None and known["conversation_id"] == request.case:
            mine = find_cases(connection, node.party, peer.party, [request.case]).get(request.case)
            known = dict(connection.execute(select(CASE).where(CASE.c.id == mine)).mappings().one()) if mine else known
    if known is not None:
        case_id, conversation = int(str(known["id"])), str(known["conversation_id"])
        if peer.party not in members_of(connection, case_id):
            called = request.case or conversation
            raise SubmissionRefused(f"{peer.party} is not a member of case {called}. Send to one that is.")
        unit = request.unit or (str(known["unit"]) if known["unit"] else None)
        return case_id, conversation, alias(int(str(known["alias_year"])), int(str(known["alias_number"]))), unit, False
    if request.case is not None and begins_like_alias(request.case):
        raise SubmissionRefused(
            f"There is no case {request.case}. `depesha case list` shows those that there are; without --case a new "
            "one is opened and gets its number."
        )
    conversation = request.case or str(uuid.uuid4())
    domain = node.domains.find(request.service)
    case_id = open_case(
        connection,
        opener=node.party,
        conversation_id=conversation,
        members=(node.party, peer.party),
        now=now,
        domain=domain.name if domain else None,
        version=domain.version if domain else None,
        unit=request.unit,
    )
    row = connection.execute(_NUMBER_OF_CASE, {"of_case": case_id}).one()
    return case_id, conversation, alias(row.alias_year, row.alias_number), request.unit, True


def _next_sequence(connection: Connection, peer: KnownPeer) -> tuple[int | None, int | None]:
    """The next number for a message to this peer and the highest of its own that we have processed."""
    if not peer.depesha:
        return None, None
    return connection.execute(_NEXT_SEQUENCE, {"to": peer.party}).scalar_one(), highest_seen(connection, peer.party)


def _properties(
    node: Node,
    request: Submission,
    peer: KnownPeer,
    pair: OpenPair | None,
    unit: str | None,
    sequence: int | None,
    seen: int | None,
) -> tuple[Property, ...]:
    given = {prop.name for prop in request.properties}
    made = [Property("originalSender", unit or node.party), Property("finalRecipient", peer.party)]
    if sequence is not None:
        made += [Property("sequence", str(sequence)), Property("seen", str(seen))]
    if request.replaces is not None:
        made.append(Property("replaces", request.replaces))
    if pair is not None and pair.kind == "unilateral" and peer.depesha:
        made.append(Property("terms", "unilateral"))
    return (*(prop for prop in made if prop.name not in given), *request.properties)


def _message_row(
    connection: Connection,
    request: Submission,
    header: UserMessage,
    signed: SignedMessage,
    case_id: int,
    unit: str | None,
    sequence: int | None,
    seen: int | None,
    pair: OpenPair | None,
    now: datetime,
) -> int:
    # Deliveries of a case go in the order of row ids: this one must stand after those of other processes too.
    last = connection.scalar(_LAST_OF_CASE, {"of_case": case_id}) or 0
    message = max(new_row_id(now), last + 1)
    row = {
        "id": message,
        "message_id": header.message_id,
        "direction": "out",
        "peer": header.receiver.id,
        "state": "queued",
        "service": header.service,
        "service_type": header.service_type,
        "action": header.action,
        "agreement_ref": header.agreement,
        "case_id": case_id,
        "conversation_id": header.conversation_id,
        "ref_to_message_id": header.ref_to_message_id,
        "replaces": request.replaces,
        "timestamp": header.timestamp,
        "time": now,
        "sequence": sequence,
        "seen": seen,
        "unit": unit,
        "original_sender": header.property("originalSender"),
        "final_recipient": header.property("finalRecipient"),
        "digests": digests_of(signed.references),
        "unilateral": pair is not None and pair.kind == "unilateral",
    }
    insert_rows(connection, MESSAGE, [row])
    return message


def _part_row(message: int, n: int, part: PreparedPart) -> dict[str, object]:
    return {
        "message": message,
        "n": n,
        "content_id": part.info.content_id,
        "name": part.name,
        "media_type": part.info.mime_type,
        "compressed": part.info.compressed,
        "size": part.size,
        "sha256": part.sha256,
        "signed_size": part.signed_size,
        "signed_sha256": part.signed_sha256,
    }
