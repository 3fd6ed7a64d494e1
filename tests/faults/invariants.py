"""What must be true of two nodes once everything has come to rest, whatever was killed before. Findings are sentences.

The nodes are stopped meanwhile; everything is read from what they keep.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cryptography import x509
from sqlalchemy import func, select, text

from node.as4 import SIGNAL_CONTENT_TYPE, FailedAuthentication, read_signed, verify_receipt
from node.audit.verify import verify_log
from node.exchange.contents import PART, answer_of, digests_of, envelope_of, part_content
from node.exchange.due import OUTBOX
from node.exchange.node import BLOBS, Node
from node.exchange.peers import PEER
from node.exchange.settlement import LOG_ENTRY, MESSAGE, PAYLOAD, PAYLOAD_KEY
from node.records.notices import is_notice
from node.store.payloads import sweep
from tests.faults.ledger import Intent, Ledger

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Side:
    """One node, what its sender was told, and the messages that a person took back."""

    node: Node
    ledger: Ledger
    withdrawn: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """For findings."""
        return self.node.party


def findings(one: Side, two: Side) -> list[str]:
    """Everything that is wrong; empty when all is well."""
    found = []
    for sender, receiver in ((one, two), (two, one)):
        found += [f"{sender.name} to {receiver.name}: {what}" for what in _exchange(sender, receiver)]
    for side in (one, two):
        found += [f"{side.name}: {what}" for what in (*_store(side.node), *_log(side.node))]
    return found


def _exchange(sender: Side, receiver: Side) -> Iterator[str]:
    out = _messages(sender.node, "out")
    arrived = _messages(receiver.node, "in")
    yield from _outgoing(sender, out)
    yield from _arrived_once(sender, out, arrived)
    there = {row["message_id"]: row for row in arrived}
    # No two submissions begin with the same octets.
    by_first_part = {intent.parts[0]: intent for intent in sender.ledger.intents.values()}
    intents: dict[str, str] = {}
    for row in out:
        if row["message_id"] in sender.withdrawn or row["message_id"] not in there:
            continue
        twin = there[row["message_id"]]
        yield from _same_content(sender, receiver, row, twin, by_first_part, intents)
        yield from _receipt(sender, receiver, row, twin)
    yield from _ledger(sender, intents)
    yield from _order(sender, out, arrived, intents)
    yield from _sequence(sender, receiver, out, arrived)


def _messages(node: Node, direction: str) -> Rows:
    with node.database.read() as connection:
        query = select(MESSAGE).where(MESSAGE.c.direction == direction).order_by(MESSAGE.c.id)
        return [dict(row) for row in connection.execute(query).mappings()]


def _outgoing(sender: Side, out: Rows) -> Iterator[str]:
    for row in out:
        wanted = "refused" if row["message_id"] in sender.withdrawn else "delivered"
        if row["state"] != wanted:
            why = f"{row['error_code']}: {row['error_detail']}, {row['attempts']} attempts"
            yield f"{row['message_id']} is {row['state']}, not {wanted} ({why})"
    with sender.node.database.read() as connection:
        for left in connection.execute(select(OUTBOX)).mappings():
            yield f"still in the outbox: {dict(left)}"


def _arrived_once(sender: Side, out: Rows, arrived: Rows) -> Iterator[str]:
    counted = Counter(row["message_id"] for row in arrived)
    sent = {row["message_id"] for row in out} - sender.withdrawn
    for message_id, count in counted.items():
        if count > 1:
            yield f"{message_id} was received {count} times"
    for message_id in sent - set(counted):
        yield f"{message_id} never arrived"
    for message_id in set(counted) - sent:
        known = "was withdrawn before any attempt" if message_id in sender.withdrawn else "is none that was sent"
        yield f"{message_id} was received and {known}"
    for row in arrived:
        if row["state"] != "received":
            yield f"{row['message_id']} is {row['state']} at its receiver: {row['error_detail']}"


def _same_content(
    sender: Side,
    receiver: Side,
    row: dict[str, Any],
    twin: dict[str, Any],
    by_first_part: Mapping[str, Intent],
    intents: dict[str, str],
) -> Iterator[str]:
    message_id = row["message_id"]
    if row["digests"] != twin["digests"]:
        yield f"{message_id} has other signed digests at its receiver"
    if row["conversation_id"] != twin["conversation_id"]:
        yield f"{message_id} is in another conversation at its receiver"
    sent, received = _contents(sender.node, row["id"]), _contents(receiver.node, twin["id"])
    if sent != received:
        yield f"{message_id} has other contents at its receiver"
        return
    if is_notice(sender.node.domains, row["service"]):
        return  # the node wrote it by itself
    intent = by_first_part.get(sent[0])
    if intent is None:
        yield f"{message_id} was never submitted"
        return
    if intent.intent in intents:
        yield f"{message_id} and {intents[intent.intent]} are one submission"
    intents[intent.intent] = message_id
    if sent != intent.parts:
        yield f"{message_id} has other contents than were submitted"


def _contents(node: Node, message: int) -> list[str]:
    """SHA-256 of each part as it can be read back; the rows must say the same."""
    with node.database.read() as connection:
        rows = connection.execute(select(PART).where(PART.c.message == message).order_by(PART.c.n)).mappings().all()
    read = []
    for row in rows:
        digest, size = hashlib.sha256(), 0
        for octets in part_content(node, message, row["n"], row["compressed"]):
            digest.update(octets)
            size += len(octets)
        if digest.digest() != row["sha256"] or size != row["size"]:
            raise AssertionError(f"part {row['n']} of message row {message} at {node.party} is not what its row says")
        read.append(digest.hexdigest())
    return read


def _receipt(sender: Side, receiver: Side, row: dict[str, Any], twin: dict[str, Any]) -> Iterator[str]:
    """The receipt that makes this a delivery: it verifies, and is the one that was committed with the message."""

    def accepts(certificate: x509.Certificate) -> None:
        if certificate != receiver.node.keys.signing_certificate:
            raise FailedAuthentication("signed by another certificate")

    signed = read_signed(envelope_of(sender.node, row["id"]))
    if digests_of(signed.references) != row["digests"]:
        yield f"{row['message_id']}: the stored envelope is not the one that its row speaks of"
    held = answer_of(sender.node, row["id"])
    receipt = verify_receipt(held, SIGNAL_CONTENT_TYPE, signed, receiver.node.suite, accepts)
    if receipt.timestamp != row["receipt_time"]:
        yield f"{row['message_id']}: receipt of {receipt.timestamp}, noted as {row['receipt_time']}"
    if held != answer_of(receiver.node, twin["id"]):
        yield f"{row['message_id']}: the sender holds another receipt than its receiver committed"


def _ledger(sender: Side, intents: dict[str, str]) -> Iterator[str]:
    """What the sender was told is true. A submission cut off by a kill may be there or not."""
    for intent in sender.ledger.intents.values():
        accepted, there = intent.message_id, intents.get(intent.intent)
        if accepted in sender.withdrawn:
            continue
        if accepted is not None and there != accepted:
            yield f"{accepted} was accepted, and what arrived of that submission is {there}"


def _order(sender: Side, out: Rows, arrived: Rows, intents: dict[str, str]) -> Iterator[str]:
    """In each case: the order of submission, of the sender's rows and of arrival are the same."""
    place = {intents[name]: n for n, name in enumerate(sender.ledger.intents) if name in intents}
    received: dict[str, list[str]] = {}
    for row in arrived:
        received.setdefault(row["conversation_id"], []).append(row["message_id"])
    sent: dict[str, list[str]] = {}
    for row in out:
        if row["message_id"] not in sender.withdrawn:
            sent.setdefault(row["conversation_id"], []).append(row["message_id"])
    for case, ids in sent.items():
        there = received.get(case, [])
        if there != ids:
            n = next((n for n, (a, b) in enumerate(zip(ids, there, strict=False)) if a != b), min(len(ids), len(there)))
            sent_there, received_there = ids[n : n + 3], there[n : n + 3]
            yield f"case {case} came otherwise from its message {n + 1}: {sent_there} sent, {received_there} received"
        # Replacements come later than what they replace, so they are left out of this comparison.
        replaced = {row["message_id"] for row in out if row["replaces"] is not None}
        plain = [one for one in ids if one in place and one not in replaced]
        if plain != sorted(plain, key=lambda one: place[one]):
            yield f"case {case} was queued in another order than it was submitted in: {plain}"


def _sequence(sender: Side, receiver: Side, out: Rows, arrived: Rows) -> Iterator[str]:
    """Between two of ours each message has a number, without gaps; one withdrawn before any attempt leaves its gap."""
    numbers = [row["sequence"] for row in out if row["sequence"] is not None]
    with sender.node.database.read() as connection:
        last = connection.scalar(select(PEER.c.sequence_out).where(PEER.c.party == receiver.node.party))
    if numbers and sorted(numbers) != list(range(1, (last or 0) + 1)):
        yield f"sequence numbers given are {sorted(numbers)}, the last is {last}"
    by_id = {row["message_id"]: row["sequence"] for row in out}
    for row in arrived:
        if by_id.get(row["message_id"], row["sequence"]) != row["sequence"]:
            yield f"{row['message_id']}: sequence {by_id[row['message_id']]} sent, {row['sequence']} received"


def _store(node: Node) -> Iterator[str]:
    """No blob without a row (once swept), no row without its blob, no payload without its key."""
    with node.database.read() as connection:
        if node.database.dialect == "sqlite":
            sound = connection.execute(text("PRAGMA integrity_check")).scalars().all()
            if sound != ["ok"]:
                yield f"the database is damaged: {sound}"
            if broken := connection.execute(text("PRAGMA foreign_key_check")).all():
                yield f"rows that refer to nothing: {broken}"
        named = set(connection.scalars(select(PAYLOAD.c.blob).where(PAYLOAD.c.blob.is_not(None))))
        keyed = select(PAYLOAD_KEY.c.message, PAYLOAD_KEY.c.kind, PAYLOAD_KEY.c.n)
        stored = select(PAYLOAD.c.message, PAYLOAD.c.kind, PAYLOAD.c.n)
        payloads, keys = set(connection.execute(stored)), set(connection.execute(keyed))
        messages = set(connection.scalars(select(MESSAGE.c.id)))
        parts = set(connection.execute(select(PART.c.message, PART.c.n)))
    if payloads ^ keys:
        yield f"payloads without key or keys without payload: {sorted(payloads ^ keys)}"
    if strangers := {row[0] for row in payloads} - messages:
        yield f"payloads of messages that are not there: {sorted(strangers)}"
    if parts != {(message, n) for message, kind, n in payloads if kind == "part"}:
        yield "parts and their payloads are not the same"
    if missing := named - blob_files(node):
        yield f"rows name blobs that are missing: {sorted(missing)}"
    sweep(node.blobs, node.database, node.now() + timedelta(days=2))
    if left := blob_files(node) - named:
        yield f"blobs without a row are left after the sweep: {sorted(left)}"
    if swept := named - blob_files(node):
        yield f"the sweep removed blobs that rows name: {sorted(swept)}"


def blob_files(node: Node) -> set[str]:
    """Names of all blob files, begun ones too."""
    return {path.name for path in (node.home / BLOBS).rglob("*") if path.is_file()}


def orphans(node: Node) -> int:
    """How many blob files no row names."""
    with node.database.read() as connection:
        return len(blob_files(node) - set(connection.scalars(select(PAYLOAD.c.blob))))


def _log(node: Node) -> Iterator[str]:
    report = verify_log(node.database, node.kek)
    for finding in report.findings:
        yield f"the log at {finding.position}: {finding.what}"
    with node.database.read() as connection:
        total = connection.scalar(select(func.count()).select_from(LOG_ENTRY))
        rows = connection.execute(select(LOG_ENTRY.c.message, LOG_ENTRY.c.type)).all()
        states = dict(connection.execute(select(MESSAGE.c.id, MESSAGE.c.direction)).all())
        delivered = set(connection.scalars(select(MESSAGE.c.id).where(MESSAGE.c.state == "delivered")))
    if report.pending or report.size != total:
        yield f"{report.pending} entries of the log wait, {report.size} of {total} have a position"
    types: dict[int, Counter[str]] = {}
    for message, type_ in rows:
        types.setdefault(message, Counter())[type_] += 1
    for message, direction in states.items():
        wanted: Sequence[str] = ["message.received"] if direction == "in" else ["message.queued"]
        if message in delivered:
            wanted = ["message.queued", "message.delivered"]
        had = types.get(message, Counter())
        for type_ in wanted:
            if had[type_] != 1:
                yield f"message row {message} has {had[type_]} entries {type_} in the log"
        if direction == "out" and message not in delivered and had["message.delivered"]:
            yield f"message row {message} is not delivered, and the log says that it is"
    if strangers := set(types) - set(states):
        yield f"the log speaks of messages that are not there: {strangers}"


def waiting(node: Node) -> str:
    """What is still to be done, in words; empty when the node is at rest."""
    with node.database.read() as connection:
        queued = connection.execute(select(OUTBOX)).mappings().all()
        pending = connection.scalar(select(func.count()).select_from(LOG_ENTRY).where(LOG_ENTRY.c.position.is_(None)))
    left = [f"{len(queued)} messages in the outbox, the first {dict(queued[0])}"] if queued else []
    if pending:
        left.append(f"{pending} entries of the log without position")
    return "; ".join(left)
