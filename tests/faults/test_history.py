"""The check of two nodes' history finds nothing in a good one, and in each broken one what was broken."""

import ast
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.faults import history
from tests.faults.history import DISPUTED, Kept, Receipt, judge

BEGAN = datetime(2026, 11, 25, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def at(second: float) -> datetime:
    return BEGAN + second * SECOND


class Sketch:
    """Two nodes that exchange five messages: one sends a1, a2 and a3, of which a1 and a2 are in one case; two sends b1
    after a1, and b2 after all. To be broken before `kept` makes the values."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, dict[str, Any]]] = {"one": {}, "two": {}}
        self.entries: dict[str, list[dict[str, Any]]] = {"one": [], "two": []}
        self.receipts: dict[str, dict[str, Receipt]] = {"one": {}, "two": {}}
        self.numbers = {"one": (3, 2), "two": (2, 3)}
        self.more: dict[str, dict[str, Any]] = {"one": {}, "two": {}}
        self.log_size = {"one": 8, "two": 7}
        for n, (name, sender, case, sequence, seen) in enumerate(
            (("a1", "one", "c1", 1, 0), ("a2", "one", "c1", 2, 0), ("b1", "two", "c1", 1, 1), ("a3", "one", "c2", 3, 1),
             ("b2", "two", "c2", 2, 3))
        ):  # fmt: skip
            self.exchange(name, sender, case, sequence, seen, 10 * n)

    def exchange(self, name: str, sender: str, case: str, sequence: int, seen: int, second: float) -> None:
        """Queued, received two seconds later, delivered after three."""
        receiver = {"one": "two", "two": "one"}[sender]
        common = {
            "message_id": name, "conversation_id": case, "sequence": sequence, "seen": seen, "service": "s",
            "action": "a", "replaces": None, "timestamp": at(second), "digests": name.encode() * 16,
            "receipt_time": at(second + 2), "disputed_time": False,
        }  # fmt: skip
        out = common | {"direction": "out", "peer": receiver, "state": "delivered", "time": at(second)}
        came = common | {"direction": "in", "peer": sender, "state": "received", "time": at(second + 2)}
        self.rows[sender][name] = out | {"id": int(1000 * second) + 1}
        self.rows[receiver][name] = came | {"id": int(1000 * (second + 2)) + 1}
        receipt = Receipt(b"receipt of " + name.encode(), at(second + 2), name.encode() * 16)
        for party in (sender, receiver):
            self.receipts[party][name] = receipt
        self.log(sender, name, "message.queued", second)
        self.log(receiver, name, "message.received", second + 2)
        self.log(sender, name, "message.delivered", second + 3)

    def log(self, party: str, name: str, type_: str, second: float) -> dict[str, Any]:
        entries = self.entries[party]
        entry = {
            "id": int(1000 * second) + 2, "position": len(entries), "time": at(second), "type": type_,
            "message": self.rows[party][name]["id"],
        }  # fmt: skip
        entries.append(entry)
        return entry

    def entry(self, party: str, name: str, type_: str) -> dict[str, Any]:
        row = self.rows[party][name]["id"]
        return next(one for one in self.entries[party] if (one["message"], one["type"]) == (row, f"message.{type_}"))

    def swap(self, party: str, one: tuple[str, str], two: tuple[str, str]) -> None:
        """Let two entries change places in the log."""
        first, second = self.entry(party, *one), self.entry(party, *two)
        first["position"], second["position"] = second["position"], first["position"]

    def state(self, party: str, name: str, state: str) -> None:
        """As if it had come to that instead of its delivery."""
        self.rows[party][name].update(state=state, receipt_time=None)
        self.receipts[party].pop(name)
        self.entry(party, name, "delivered")["type"] = f"message.{state}"

    def kept(self, party: str) -> Kept:
        rows = list(self.rows[party].values())
        ids = [row["id"] for row in rows]
        payloads = {(row, kind, n) for row in ids for kind, n in (("part", 1), ("envelope", 0), ("response", 0))}
        made = Kept(
            party=party,
            messages=rows,
            entries=self.entries[party],
            log_size=len(self.entries[party]),
            numbers={{"one": "two", "two": "one"}[party]: self.numbers[party]},
            receipts={self.rows[party][name]["id"]: one for name, one in self.receipts[party].items()},
            parts=frozenset((row, 1) for row in ids),
            payloads=frozenset(payloads),
            keys=frozenset(payloads),
            accepted=frozenset(row["message_id"] for row in rows if row["direction"] == "out"),
            alarmed=frozenset(ids),
        )
        return replace(made, **{name: change(getattr(made, name)) for name, change in self.more[party].items()})

    def found(self) -> set[str]:
        return {one.name for one in judge(self.kept("one"), self.kept("two"))}


def test_a_good_history() -> None:
    assert judge(Sketch().kept("one"), Sketch().kept("two")) == []


def lost(s: Sketch) -> None:
    del s.rows["two"]["a3"], s.receipts["two"]["a3"]
    s.entries["two"] = [one for one in s.entries["two"] if one["message"] != 32001]


def received_twice(s: Sketch) -> None:
    twin = s.rows["two"]["a3"] | {"id": 50_000}
    s.rows["two"]["again"] = twin
    s.log("two", "again", "message.received", 50)


def never_sent(s: Sketch) -> None:
    s.rows["two"]["x"] = s.rows["two"]["a3"] | {"id": 50_000, "message_id": "x", "sequence": None}
    s.log("two", "x", "message.received", 50)


def take(s: Sketch, party: str, what: str, change: Callable[[Any], Any]) -> None:
    s.more[party][what] = change


def unsent_number(s: Sketch) -> None:
    s.numbers["one"] = (4, 2)


def same_number(s: Sketch) -> None:
    for party in ("one", "two"):
        s.rows[party]["a3"]["sequence"] = 2
    s.numbers["one"] = (2, 2)
    s.numbers["two"] = (2, 2)
    for party in ("one", "two"):
        s.rows[party]["b2"]["seen"] = 2


def number_beyond(s: Sketch) -> None:
    s.numbers["one"] = (2, 2)


def for_both(s: Sketch, name: str, **values: Any) -> None:
    for party in ("one", "two"):
        s.rows[party][name].update(values)


def seen_before_it_came(s: Sketch) -> None:
    s.swap("one", ("a3", "queued"), ("b1", "received"))


def requeued_after_delivery(s: Sketch) -> None:
    s.log("one", "a1", "message.requeued", 60)


def receipt(s: Sketch, party: str, name: str, **values: Any) -> None:
    s.receipts[party][name] = replace(s.receipts[party][name], **values)


def receipt_time(s: Sketch, name: str, when: datetime) -> None:
    for party in ("one", "two"):
        receipt(s, party, name, timestamp=when)
        s.rows[party][name]["receipt_time"] = when


def receipt_of_a_refused(s: Sketch) -> None:
    s.rows["two"]["a3"]["state"] = "rejected"
    s.entry("two", "a3", "received")["type"] = "message.rejected"


def no_alarm(s: Sketch) -> None:
    s.state("one", "a3", "given-up")
    take(s, "one", "alarmed", lambda had: frozenset())


def still_waits(s: Sketch) -> None:
    s.state("one", "a3", "queued")
    s.entries["one"] = [one for one in s.entries["one"] if one["id"] != 33_002]
    for n, one in enumerate(s.entries["one"]):
        one["position"] = n


def arrived_otherwise(s: Sketch) -> None:
    s.rows["two"]["a1"]["id"], s.rows["two"]["a2"]["id"] = s.rows["two"]["a2"]["id"], s.rows["two"]["a1"]["id"]
    s.swap("two", ("a1", "received"), ("a2", "received"))


BROKEN: list[tuple[str, Callable[[Sketch], object]]] = [
    ("delivered and not received", lost),
    ("received twice", received_twice),
    ("never sent", never_sent),
    ("accepted and gone", lambda s: take(s, "one", "accepted", lambda had: had | {"a9"})),
    ("not the same on both sides", lambda s: s.rows["two"]["a2"].update(digests=bytes(32))),
    ("number given twice", same_number),
    ("number without message", unsent_number),
    ("number beyond the counter", number_beyond),
    ("seen falls", lambda s: for_both(s, "b2", seen=0)),
    ("seen and not there", lambda s: for_both(s, "b2", seen=4)),
    ("logged before what it had seen", seen_before_it_came),
    ("mark of processed numbers", lambda s: s.numbers.update(two=(2, 2))),
    ("arrived out of order", arrived_otherwise),
    ("logged as received out of order", lambda s: s.swap("two", ("a1", "received"), ("a2", "received"))),
    ("logged as queued out of order", lambda s: s.swap("one", ("a1", "queued"), ("a2", "queued"))),
    ("receipted out of order", lambda s: s.swap("one", ("a1", "delivered"), ("a2", "delivered"))),
    ("receipt of what is not delivered", lambda s: s.rows["one"]["a3"].update(state="refused")),
    ("delivered without receipt", lambda s: s.receipts["one"].pop("a2")),
    ("receipt of something else", lambda s: receipt(s, "one", "a2", digests=bytes(32))),
    ("receipt's time noted otherwise", lambda s: s.rows["one"]["a2"].update(receipt_time=at(11))),
    ("not the receipt that was committed", lambda s: receipt(s, "one", "a2", octets=b"another")),
    ("receipt of what was refused", receipt_of_a_refused),
    ("receipt's time beyond the attempts", lambda s: receipt_time(s, "a2", at(9))),
    ("disputed without reason", lambda s: s.rows["one"]["a2"].update(disputed_time=True)),
    ("not disputed", lambda s: receipt_time(s, "a2", at(13) + DISPUTED + SECOND)),
    ("positions of the log", lambda s: s.entry("one", "b2", "received").update(position=99)),
    ("entry about nothing", lambda s: s.entry("two", "a3", "received").update(message=12345)),
    ("no such step", requeued_after_delivery),
    ("state that the log does not tell", lambda s: s.entry("one", "a3", "delivered").update(type="message.refused")),
    ("ended and still to be sent", lambda s: take(s, "one", "outbox", lambda had: had | {1})),
    ("waits and is not to be sent", still_waits),
    ("no alarm where a person must act", no_alarm),
    ("payload without key", lambda s: take(s, "one", "keys", lambda had: had - {(1, "part", 1)})),
    ("key without payload", lambda s: take(s, "one", "payloads", lambda had: had - {(1, "part", 1)})),
    ("part without payload", lambda s: take(s, "one", "payloads", lambda had: had - {(1, "part", 1)})),
    ("payload without part", lambda s: take(s, "one", "parts", lambda had: had - {(1, 1)})),
    ("payload without message", lambda s: take(s, "one", "payloads", lambda had: had | {(7, "envelope", 0)})),
    ("message without envelope", lambda s: take(s, "one", "payloads", lambda had: had - {(1, "envelope", 0)})),
    ("received without answer", lambda s: take(s, "two", "payloads", lambda had: had - {(2001, "response", 0)})),
    ("blob missing", lambda s: take(s, "one", "named_blobs", lambda had: had | {"blob"})),
    ("blob without row", lambda s: take(s, "one", "blobs", lambda had: had | {"blob"})),
]


@pytest.mark.parametrize(("name", "break_it"), BROKEN, ids=[name for name, _ in BROKEN])
def test_what_is_broken_is_found(name: str, break_it: Callable[[Sketch], object]) -> None:
    sketch = Sketch()
    break_it(sketch)
    assert name in sketch.found()


def test_every_finding_is_provoked() -> None:
    tree = ast.parse(Path(history.__file__).read_text(encoding="utf-8"))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    named = {name for name, _ in BROKEN}
    assert named <= texts
    made = [
        node.args[0] for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "Finding"
    ]
    assert {one.value for one in made if isinstance(one, ast.Constant)} <= named


def test_a_message_in_flight_is_no_finding() -> None:
    """Received, and the receipt is not settled yet."""
    sketch = Sketch()
    still_waits(sketch)
    waiting = sketch.rows["one"]["a3"]["id"]
    take(sketch, "one", "outbox", lambda had: frozenset({waiting}))
    assert sketch.found() == set()


def test_a_late_receipt_ends_what_was_given_up() -> None:
    sketch = Sketch()
    sketch.state("one", "a3", "given-up")
    sketch.rows["one"]["a3"].update(state="delivered", receipt_time=at(32))
    sketch.receipts["one"]["a3"] = sketch.receipts["two"]["a3"]
    sketch.log("one", "a3", "message.delivered", 60)
    assert sketch.found() == set()
