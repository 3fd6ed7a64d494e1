"""The linear history of two nodes, judged by the rows that both keep: what was said, in which order, with what proof.

Pure: rows in, findings out, each with a name. It holds at any moment at which nothing is being written, also while
messages wait; `invariants` adds what must be so at rest, and opens what is sealed.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

Row = Mapping[str, Any]
# Two honest clocks may differ so far (docs/explanation/order-and-time.md); beyond it a receipt's time is disputed.
DISPUTED = timedelta(minutes=2)
# Processes of one machine read its clock one after the other, in whole milliseconds.
ONE_CLOCK = timedelta(milliseconds=2)

WAITING = frozenset({"queued", "sending", "stale"})
# (what a message was, the entry of the log) → what it is.
STEPS = {
    ("", "message.queued"): "queued",
    ("", "message.received"): "received",
    ("", "message.rejected"): "rejected",
    **{
        (state, "message.delivered"): "delivered"
        for state in ("queued", "unconfirmed", "given-up", "refused", "peer-has-it")
    },
    **{("queued", f"message.{state}"): state for state in ("refused", "unconfirmed", "given-up")},
    ("unconfirmed", "message.peer-has-it"): "peer-has-it",
    **{(state, "message.requeued"): "queued" for state in ("queued", "unconfirmed", "given-up", "refused")},
    **{(state, "message.withdrawn"): "refused" for state in ("queued", "unconfirmed", "given-up", "refused")},
}
# What the row may say where the log says this.
ROW_STATES = {"queued": WAITING, "peer-has-it": frozenset({"unconfirmed"})}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that cannot be true together."""

    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.name}: {self.text}"


@dataclass(frozen=True)
class Receipt:
    """A kept receipt: its octets, and what it says."""

    octets: bytes
    timestamp: datetime
    digests: bytes
    """SHA-256 over the digests that it declares received, as `message.digests`"""


@dataclass(frozen=True)
class Kept:
    """What one node keeps: rows of `message`, of `log_entry` (without what is sealed), and the rest by their keys."""

    party: str
    messages: Sequence[Row]
    entries: Sequence[Row]
    log_size: int
    numbers: Mapping[str, tuple[int, int]]
    """of each peer (sequence_out, sequence_in)"""
    receipts: Mapping[int, Receipt]
    """the answer to each message, by its row, where that is a receipt"""
    outbox: frozenset[int] = frozenset()
    parts: frozenset[tuple[int, int]] = frozenset()
    payloads: frozenset[tuple[int, str, int]] = frozenset()
    keys: frozenset[tuple[int, str, int]] = frozenset()
    named_blobs: frozenset[str] = frozenset()
    blobs: frozenset[str] = frozenset()
    accepted: frozenset[str] = frozenset()
    """ids of messages of which a person or program was told that they are queued"""
    alarmed: frozenset[int] = field(default_factory=frozenset)
    """rows that an alarm was raised about"""

    def way(self, direction: str, peer: str) -> list[Row]:
        """Messages to (out) or from (in) a peer, in the order of their rows."""
        rows = [row for row in self.messages if row["direction"] == direction and row["peer"] == peer]
        return sorted(rows, key=lambda row: int(row["id"]))

    def positions(self, *types: str) -> dict[int, int]:
        """Of each message's entry of one of these types, its first position in the log; pending ones are left out."""
        found: dict[int, int] = {}
        for one in sorted(self.entries, key=_position):
            if one["type"] in types and one["position"] is not None:
                found.setdefault(one["message"], one["position"])
        return found


def judge(one: Kept, two: Kept, clocks: timedelta = ONE_CLOCK) -> list[Finding]:
    """Everything that contradicts itself in what two nodes keep; their clocks may differ by `clocks`."""
    found = [finding for kept in (one, two) for finding in (*_log(kept), *_states(kept), *_store(kept))]
    for sender, receiver in ((one, two), (two, one)):
        for finding in _way(sender, receiver, clocks):
            found.append(Finding(finding.name, f"{sender.party} to {receiver.party}: {finding.text}"))
    return found


def _way(sender: Kept, receiver: Kept, clocks: timedelta) -> Iterator[Finding]:
    out, arrived = sender.way("out", receiver.party), receiver.way("in", sender.party)
    yield from _once(sender, out, arrived)
    yield from _numbers(sender, receiver, out, arrived, clocks)
    yield from _order(sender, receiver, out, arrived)
    there = {row["message_id"]: row for row in arrived}
    for row in out:
        twin = there.get(row["message_id"])
        yield from _proof(sender, receiver, row, twin, clocks)
        if twin is not None:
            yield from _same(row, twin)


def _once(sender: Kept, out: list[Row], arrived: list[Row]) -> Iterator[Finding]:
    sent, came = Counter(row["message_id"] for row in out), Counter(row["message_id"] for row in arrived)
    for message_id, count in came.items():
        if count > 1:
            yield Finding("received twice", f"{message_id}, {count} times")
        if message_id not in sent:
            yield Finding("never sent", f"{message_id} was received")
    for message_id in sender.accepted - set(sent):
        yield Finding("accepted and gone", f"{message_id} has no row at its sender")
    for row in out:
        if row["state"] == "delivered" and row["message_id"] not in came:
            yield Finding("delivered and not received", row["message_id"])


def _same(row: Row, twin: Row) -> Iterator[Finding]:
    for column in ("digests", "conversation_id", "service", "action", "timestamp", "sequence", "seen", "replaces"):
        if row[column] != twin[column]:
            yield Finding("not the same on both sides", f"{row['message_id']}: {column}")


def _numbers(sender: Kept, receiver: Kept, out: list[Row], arrived: list[Row], clocks: timedelta) -> Iterator[Finding]:
    """Numbers go up by one; `seen` never falls, and names nothing that was not processed before."""
    last, _ = sender.numbers[receiver.party]
    numbered = sorted((row for row in out if row["sequence"] is not None), key=lambda row: int(row["sequence"]))
    given = [row["sequence"] for row in numbered]
    for number, count in Counter(given).items():
        if count > 1:
            yield Finding("number given twice", f"{number}, to {count} messages")
    if missing := sorted(set(range(1, last + 1)) - set(given)):
        yield Finding("number without message", f"{missing[:5]} of {last}")
    if given and given[-1] > last:
        yield Finding("number beyond the counter", f"{given[-1]}, the counter says {last}")
    for before, row in pairwise(numbered):
        if row["seen"] < before["seen"]:
            yield Finding("seen falls", f"{row['message_id']}: {row['seen']} after {before['seen']}")
    processed = {row["sequence"]: row for row in sender.way("in", receiver.party) if row["sequence"] is not None}
    came, queued = sender.positions("message.received", "message.rejected"), sender.positions("message.queued")
    for row in numbered:
        if not row["seen"]:
            continue
        seen = processed.get(row["seen"])
        if seen is None:
            yield Finding("seen and not there", f"{row['message_id']}: {row['seen']}")
        # Two processes of a node write both, and the log takes what it finds together in the order of their clock.
        elif (
            clocks <= ONE_CLOCK and seen["id"] in came and row["id"] in queued and came[seen["id"]] > queued[row["id"]]
        ):
            yield Finding("logged before what it had seen", f"{row['message_id']} and {seen['message_id']}")
    _, mark = receiver.numbers[sender.party]
    there = {row["sequence"] for row in arrived}
    whole = next(number for number in range(len(there) + 1) if number + 1 not in there)
    if mark != whole:
        yield Finding("mark of processed numbers", f"{mark} where all up to {whole} are there")


def _order(sender: Kept, receiver: Kept, out: list[Row], arrived: list[Row]) -> Iterator[Finding]:
    """In each case: sent, arrived, receipted and logged in one order."""
    place = {row["message_id"]: n for n, row in enumerate(out)}
    for case in _cases(arrived):
        known = [row["message_id"] for row in case if row["message_id"] in place]
        for a, b in pairwise(known):
            if place[a] > place[b]:
                yield Finding("arrived out of order", f"{b} after {a}, sent before it")
        yield from _rising("logged as received out of order", case, receiver.positions("message.received"))
    for case in _cases(out):
        yield from _rising("logged as queued out of order", case, sender.positions("message.queued"))
        yield from _rising("receipted out of order", case, sender.positions("message.delivered"))


def _cases(rows: list[Row]) -> Iterable[list[Row]]:
    cases: dict[str, list[Row]] = {}
    for row in rows:
        cases.setdefault(row["conversation_id"], []).append(row)
    return cases.values()


def _rising(name: str, case: list[Row], positions: Mapping[int, int]) -> Iterator[Finding]:
    for a, b in pairwise(row for row in case if row["id"] in positions):
        if positions[a["id"]] > positions[b["id"]]:
            yield Finding(name, f"{a['message_id']} before {b['message_id']}")


def _proof(sender: Kept, receiver: Kept, row: Row, twin: Row | None, clocks: timedelta) -> Iterator[Finding]:
    """No delivery without its receipt, the one that was committed with the message; its time is within the attempt."""
    message_id, receipt = row["message_id"], sender.receipts.get(row["id"])
    if row["state"] != "delivered":
        if row["receipt_time"] is not None or receipt is not None:
            yield Finding("receipt of what is not delivered", message_id)
        return
    if receipt is None:
        yield Finding("delivered without receipt", message_id)
        return
    if receipt.digests != row["digests"]:
        yield Finding("receipt of something else", message_id)
    if receipt.timestamp != row["receipt_time"]:
        yield Finding("receipt's time noted otherwise", f"{message_id}: {receipt.timestamp}, {row['receipt_time']}")
    if twin is not None and receipt != receiver.receipts.get(twin["id"]):
        yield Finding("not the receipt that was committed", message_id)
    if twin is not None and twin["state"] != "received":
        yield Finding("receipt of what was refused", f"{message_id} is {twin['state']}")
    settled = next(
        (one["time"] for one in sender.entries if one["message"] == row["id"] and one["type"] == "message.delivered"),
        None,
    )
    if settled is None:
        return  # told by the states
    if not row["timestamp"] - clocks <= receipt.timestamp <= settled + clocks:
        yield Finding("receipt's time beyond the attempts", f"{message_id}: {receipt.timestamp}, settled {settled}")
    if row["disputed_time"] and row["timestamp"] <= receipt.timestamp <= settled and clocks < DISPUTED:
        yield Finding("disputed without reason", message_id)
    if not row["disputed_time"] and receipt.timestamp > settled + DISPUTED:
        yield Finding("not disputed", f"{message_id}: {receipt.timestamp}, settled {settled}")


def _position(entry: Row) -> tuple[bool, int, int]:
    """Pending entries last, in the order in which they will be sequenced."""
    return entry["position"] is None, entry["position"] or 0, entry["id"]


def _log(kept: Kept) -> Iterator[Finding]:
    placed = sorted(one["position"] for one in kept.entries if one["position"] is not None)
    if placed != list(range(kept.log_size)):
        wrong = next((n for n, place in enumerate(placed) if n != place), len(placed))
        yield Finding(
            "positions of the log", f"{kept.party}: {len(placed)} for a size of {kept.log_size}, from {wrong}"
        )
    rows = {row["id"] for row in kept.messages}
    for one in kept.entries:
        if one["message"] is not None and one["message"] not in rows:
            yield Finding("entry about nothing", f"{kept.party}: {one['type']}")


def _states(kept: Kept) -> Iterator[Finding]:
    """Each state is where the entries lead, one after the other."""
    entries: dict[int, list[str]] = {}
    for one in sorted(kept.entries, key=_position):
        if one["message"] is not None and one["type"].startswith("message."):
            entries.setdefault(one["message"], []).append(one["type"])
    for row in kept.messages:
        state, where = "", f"{kept.party}: {row['message_id']} ({row['direction']})"
        for type_ in entries.get(row["id"], ()):
            if (following := STEPS.get((state, type_))) is None:
                yield Finding("no such step", f"{where}: {type_} when it was {state or 'nothing'}")
                break
            state = following
        else:
            if row["state"] not in ROW_STATES.get(state, {state}):
                yield Finding("state that the log does not tell", f"{where} is {row['state']}, by the log {state}")
        ended = row["state"] in ("delivered", "received", "rejected")
        if ended and row["id"] in kept.outbox:
            yield Finding("ended and still to be sent", where)
        if row["direction"] == "out" and row["state"] in WAITING and row["id"] not in kept.outbox:
            yield Finding("waits and is not to be sent", where)
        if row["state"] in ("unconfirmed", "stale", "given-up") and row["id"] not in kept.alarmed:
            yield Finding("no alarm where a person must act", f"{where} is {row['state']}")


def _store(kept: Kept) -> Iterator[Finding]:
    rows = {row["id"] for row in kept.messages}
    for name, left in (
        ("payload without key", kept.payloads - kept.keys),
        ("key without payload", kept.keys - kept.payloads),
        ("part without payload", {(m, "part", n) for m, n in kept.parts} - kept.payloads),
        ("payload without part", {(m, n) for m, kind, n in kept.payloads if kind == "part"} - kept.parts),
        ("payload without message", {key for key in kept.payloads if key[1] != "note" and key[0] not in rows}),
        ("message without envelope", rows - {m for m, kind, _ in kept.payloads if kind == "envelope"}),
        (
            "received without answer",
            {row["id"] for row in kept.messages if row["direction"] == "in"}
            - {m for m, kind, _ in kept.payloads if kind == "response"},
        ),
        ("blob missing", kept.named_blobs - kept.blobs),
        ("blob without row", kept.blobs - kept.named_blobs),
    ):
        if left:
            yield Finding(name, f"{kept.party}: {sorted(left)[:5]}")
