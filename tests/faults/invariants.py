"""What must be true of two nodes once everything has come to rest, whatever was killed before. Findings are sentences.

The nodes are stopped meanwhile; everything is read from what they keep.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import permutations

from cryptography import x509
from sqlalchemy import func, select, text

from node.as4 import SIGNAL_CONTENT_TYPE, As4Error, FailedAuthentication, read_signed, verify_receipt
from node.audit.verify import verify_log
from node.exchange.cases import CASE
from node.exchange.contents import PART, ContentGone, answer_of, digests_of, envelope_of, part_content
from node.exchange.due import OUTBOX
from node.exchange.node import Node
from node.exchange.settlement import LOG_ENTRY, PAYLOAD
from node.records.notices import is_notice
from node.store.payloads import sweep
from tests.faults.history import ONE_CLOCK, Row, judge
from tests.faults.ledger import Intent, Ledger
from tests.faults.reading import blob_files, kept


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


def findings(one: Side, two: Side, clocks: timedelta = ONE_CLOCK) -> list[str]:
    """Everything that is wrong; empty when all is well. The nodes' clocks may differ by `clocks`."""
    found = [f"{side.name}: {what}" for side in (one, two) for what in (*_database(side.node), *_log(side.node))]
    rows = kept(one.node, one.ledger.accepted_ids()), kept(two.node, two.ledger.accepted_ids())
    found += [str(finding) for finding in judge(*rows, clocks=clocks)]
    for (sender, sent), (receiver, received) in permutations(zip((one, two), rows, strict=True)):
        found += [
            f"{sender.name} to {receiver.name}: {what}"
            for what in _exchange(sender, receiver, sent.way("out", receiver.name), received.way("in", sender.name))
        ]
    return found


def _exchange(sender: Side, receiver: Side, out: Sequence[Row], arrived: Sequence[Row]) -> Iterator[str]:
    yield from _at_rest(sender, out, arrived)
    there = {row["message_id"]: row for row in arrived}
    # No two submissions begin with the same octets.
    by_first_part = {intent.parts[0]: intent for intent in sender.ledger.intents.values()}
    intents: dict[str, str] = {}
    for row in out:
        if row["message_id"] in sender.withdrawn or row["message_id"] not in there:
            continue
        twin = there[row["message_id"]]
        yield from _same_content(sender, receiver, row, twin, by_first_part, intents)
        yield from _receipt(sender, receiver, row)
    yield from _ledger(sender, intents)
    yield from _order(sender, out, intents)


def _at_rest(sender: Side, out: Sequence[Row], arrived: Sequence[Row]) -> Iterator[str]:
    """All is delivered that was not taken back, and nothing else arrived."""
    for row in out:
        wanted = "refused" if row["message_id"] in sender.withdrawn else "delivered"
        if row["state"] != wanted:
            why = f"{row['error_code']}: {row['error_detail']}, {row['attempts']} attempts"
            yield f"{row['message_id']} is {row['state']}, not {wanted} ({why})"
    for row in arrived:
        if row["message_id"] in sender.withdrawn:
            yield f"{row['message_id']} was received and was withdrawn before any attempt"
        if row["state"] != "received":
            yield f"{row['message_id']} is {row['state']} at its receiver: {row['error_detail']}"


def _same_content(
    sender: Side,
    receiver: Side,
    row: Row,
    twin: Row,
    by_first_part: Mapping[str, Intent],
    intents: dict[str, str],
) -> Iterator[str]:
    message_id = row["message_id"]
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


def _receipt(sender: Side, receiver: Side, row: Row) -> Iterator[str]:
    """The receipt that makes this a delivery verifies, over the envelope that is kept."""

    def accepts(certificate: x509.Certificate) -> None:
        if certificate != receiver.node.keys.signing_certificate:
            raise FailedAuthentication("signed by another certificate")

    signed = read_signed(envelope_of(sender.node, row["id"]))
    if digests_of(signed.references) != row["digests"]:
        yield f"{row['message_id']}: the stored envelope is not the one that its row speaks of"
    try:
        verify_receipt(answer_of(sender.node, row["id"]), SIGNAL_CONTENT_TYPE, signed, receiver.node.suite, accepts)
    except (As4Error, ContentGone) as error:
        yield f"{row['message_id']}: its receipt proves nothing: {error}"


def _ledger(sender: Side, intents: dict[str, str]) -> Iterator[str]:
    """What the sender was told is true. A submission cut off by a kill may be there or not."""
    for intent in sender.ledger.intents.values():
        accepted, there = intent.message_id, intents.get(intent.intent)
        if accepted in sender.withdrawn:
            continue
        if accepted is not None and there != accepted:
            yield f"{accepted} was accepted, and what arrived of that submission is {there}"


def _order(sender: Side, out: Sequence[Row], intents: dict[str, str]) -> Iterator[str]:
    """In each case the rows stand in the order of submission."""
    place = {intents[name]: n for n, name in enumerate(sender.ledger.intents) if name in intents}
    cases: dict[str, list[str]] = {}
    for row in out:
        # Replacements come later than what they replace, so they are left out of this comparison.
        if row["message_id"] in place and row["replaces"] is None:
            cases.setdefault(row["conversation_id"], []).append(row["message_id"])
    for case, ids in cases.items():
        if ids != sorted(ids, key=lambda one: place[one]):
            yield f"case {case} was queued in another order than it was submitted in: {ids}"


def _database(node: Node) -> Iterator[str]:
    """The database is sound, and a sweep of blobs leaves those that rows name."""
    with node.database.read() as connection:
        if node.database.dialect == "sqlite":
            sound = connection.execute(text("PRAGMA integrity_check")).scalars().all()
            if sound != ["ok"]:
                yield f"the database is damaged: {sound}"
            if broken := connection.execute(text("PRAGMA foreign_key_check")).all():
                yield f"rows that refer to nothing: {broken}"
        named = set(connection.scalars(select(PAYLOAD.c.blob).where(PAYLOAD.c.blob.is_not(None))))
    before = named & blob_files(node)
    sweep(node.blobs, node.database, node.now() + timedelta(days=2))
    if swept := before - blob_files(node):
        yield f"the sweep removed blobs that rows name: {sorted(swept)}"


def orphans(node: Node) -> int:
    """How many blob files no row names."""
    with node.database.read() as connection:
        return len(blob_files(node) - set(connection.scalars(select(PAYLOAD.c.blob))))


def _log(node: Node) -> Iterator[str]:
    report = verify_log(node.database, node.kek)
    for finding in report.findings:
        yield f"the log at {finding.position}: {finding.what}"
    if report.pending:
        yield f"{report.pending} entries of the log wait"


def waiting(node: Node) -> str:
    """What is still to be done, in words; empty when the node is at rest."""
    with node.database.read() as connection:
        queued = connection.execute(select(OUTBOX)).mappings().all()
        pending = connection.scalar(select(func.count()).select_from(LOG_ENTRY).where(LOG_ENTRY.c.position.is_(None)))
        # What they come to may be told to the peer.
        clocks = connection.scalar(select(func.count()).select_from(CASE).where(CASE.c.clock_at <= node.now()))
    left = [f"{len(queued)} messages in the outbox, the first {dict(queued[0])}"] if queued else []
    if pending:
        left.append(f"{pending} entries of the log without position")
    if clocks:
        left.append(f"{clocks} cases whose clock is to be looked at")
    return "; ".join(left)
