"""phase4 to phase4 beside Depesha to Depesha: the same record in the same minutes, in turn.

phase4 is one JVM that sends and one that receives (`tests/interop/phase4`): signed, encrypted, compressed, the receipt
signed and verified, connections kept alive. It keeps nothing: what arrives is decompressed and thrown away. Depesha is
as `tests.bench.exchange` measures it: durable on both sides, by SQLite, the record's schema and rules checked.
"""

import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.exchange.node import Node, open_node
from node.journal import start_journal
from tests.bench import exchange
from tests.bench.exchange import Arrangement, Rate
from tests.bench.offices import ACTION, LOG_LEVEL, SERVICE, Office, cpu_seconds
from tests.interop.keys import PartyKeys, make_party
from tests.interop.phase4 import Phase4, build, require_java

SUITE = "eddsa-x25519"
AGREEMENT = "urn:depesha:bench"
GOAL, LEAST = 12, 8
JAVA_OPTIONS = ("-XX:+UseParallelGC", "-Xms512m", "-Xmx1g")
IN_FLIGHT = (1, 16, 64)
# phase4 stumbles over its own messages now and then (see KNOWN_STUMBLE): more than these were another fault
TOLERATED = 0.01


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured: rounds, messages of a round with one in flight and with more, messages before the first."""

    rounds: int
    alone: int
    together: int
    warm_up: int


SHORT = Size(3, 150, 400, 1000)
FULL = Size(5, 500, 2000, 3000)


class Pair:
    """Two JVMs, one of which sends to the other."""

    def __init__(self, folder: Path) -> None:
        self._keys = {name: make_party(folder / "keys", name, SUITE) for name in ("sender", "receiver")}
        self._record = folder / "record.xml"
        self._record.write_bytes(exchange.record())
        self.sender, self.receiver = (Phase4(folder / name, JAVA_OPTIONS) for name in ("sender", "receiver"))
        self._url = self.receiver.order(
            "serve",
            path="/as4",
            suite=SUITE,
            party="receiver",
            peer="sender",
            agreement=AGREEMENT,
            pairs=[{"service": SERVICE, "service_type": None, "action": ACTION}],
            keys=self._keys["receiver"].as_order(),
            peer_sign_cert=str(self._keys["sender"].sign_cert),
        )["url"]

    def close(self) -> None:
        """End both."""
        self.sender.close()
        self.receiver.close()

    def send(self, count: int, in_flight: int) -> Rate:
        """Let so many messages through. Raises RuntimeError if more than a few came back without a receipt."""
        theirs: PartyKeys = self._keys["receiver"]
        own, others = cpu_seconds(self.sender.process), cpu_seconds(self.receiver.process)
        answer: dict[str, Any] = self.sender.order(
            "load",
            url=self._url,
            suite=SUITE,
            keys=self._keys["sender"].as_order(),
            peer_sign_cert=str(theirs.sign_cert),
            receiver_cert=str(theirs.kex_cert),
            **{"from": {"id": "sender"}, "to": {"id": "receiver"}},
            agreement=AGREEMENT,
            service=SERVICE,
            action=ACTION,
            parts=[{"file": str(self._record), "media_type": "application/xml"}],
            count=count,
            in_flight=in_flight,
        )
        own, others = cpu_seconds(self.sender.process) - own, cpu_seconds(self.receiver.process) - others
        receipts = answer["outcomes"].get("receipt", 0)
        if receipts < count * (1 - TOLERATED):
            raise RuntimeError(f"phase4 to phase4, {in_flight} in flight: {answer['outcomes']} of {count}")
        return Rate(receipts / answer["seconds"], own / receipts * 1e6, others / receipts * 1e6, 0)


def table(size: Size) -> Iterator[str]:
    """Both in turn, round by round: the medians, and Depesha's as a multiple of phase4's, line by line.

    Raises NotAvailable without Java and Maven.
    """
    require_java()
    build(lambda text: print(text, file=sys.stderr))
    yield (
        f"record {len(exchange.record())} bytes, {SUITE}, HTTP; µs of CPU of an exchange; "
        f"medians of {size.rounds} rounds in turn of {size.alone} messages with 1 in flight, {size.together} with more"
    )
    yield f"{'':34}{'a second':>9}{'sender':>8}{'receiver':>9}   times phase4: {'rate':>6}{'CPU':>7}"
    best = 0.0
    for in_flight, phase4, depesha in _medians(size):
        rate = depesha.per_second / phase4.per_second
        cpu = (phase4.sender + phase4.receiver) / (depesha.sender + depesha.receiver)
        best = max(best, rate)
        yield _line(f"phase4, in memory, {in_flight} in flight", phase4)
        yield _line(f"Depesha, durable, {in_flight} in flight", depesha) + f"{'':17}{rate:6.2f}{cpu:7.2f}"
    yield (
        f"goal: {GOAL} times phase4, at least {LEAST}: {best:.2f} times at best, "
        f"{'reached' if best >= GOAL else 'not reached' if best < LEAST else 'the least is reached, the goal is not'}"
    )


def _line(what: str, rate: Rate) -> str:
    return f"{what:34}{rate.per_second:9.0f}{rate.sender:8.0f}{rate.receiver:9.0f}"


def lines() -> list[str]:
    """What stands at the beginning of the lines between head and goal."""
    return [f"{who}, {n} in flight" for n in IN_FLIGHT for who in ("phase4, in memory", "Depesha, durable")]


def _medians(size: Size) -> Iterator[tuple[int, Rate, Rate]]:
    start_journal(LOG_LEVEL)
    with tempfile.TemporaryDirectory(prefix="depesha-bench-") as folder:
        offices = (
            Office(Path(folder) / "ours/sender", "sender", False, None),
            Office(Path(folder) / "ours/receiver", "receiver", False, None),
        )
        offices[0].know(offices[1])
        offices[1].know(offices[0])
        node = open_node(offices[0].folder)
        pair = Pair(Path(folder) / "phase4")
        try:
            with offices[1].serving() as receiver:
                pair.send(size.warm_up, max(IN_FLIGHT))
                for in_flight in IN_FLIGHT:
                    count = size.alone if in_flight == 1 else size.together
                    yield in_flight, *_in_turn(size.rounds, count, in_flight, pair, offices, node, receiver)
        finally:
            pair.close()
            node.database.close()


def _in_turn(
    rounds: int, count: int, in_flight: int, pair: Pair, offices: tuple[Office, Office], node: Node, receiver: int
) -> tuple[Rate, Rate]:
    phase4, depesha = [], []
    for _ in range(rounds):
        phase4.append(pair.send(count, in_flight))
        depesha.append(exchange.measure(Arrangement(False, "SQLite", in_flight, count), offices, node, receiver))
    return _median(phase4), _median(depesha)


def _median(rates: list[Rate]) -> Rate:
    names = ("per_second", "sender", "receiver", "group")
    return Rate(*(statistics.median(getattr(rate, name) for rate in rates) for name in names))
