"""Durable exchanges a second between two nodes: a record accepted, signed and committed; sent; opened, checked by its
schema and rules, committed; its receipt verified and committed.

The receiver is a whole node in a process of its own. This process is the sender: courier and sequencer as a node runs
them, and a driver that keeps so many messages in flight: each is submitted by a caller of its own, as by concurrent
users of a national system. The floor of an exchange is the floor of the wire both ways, one POST by the same client and
server with the same sizes, and the rows that the exchange left in both databases, written again by the driver alone
with the same group size and durable commits.
"""

import asyncio
import contextlib
import gc
import os
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from sqlalchemy import func, select

from node.audit.sequencer import sequence
from node.exchange import delivery
from node.exchange.delivery import Courier
from node.exchange.directory import Directory
from node.exchange.node import Node, open_node
from node.exchange.outbox import Claim
from node.exchange.packing import Packed
from node.exchange.parts_to_send import PartToSend
from node.exchange.settlement import MESSAGE, Settlement, settle
from node.exchange.submission import Submission, Submissions
from node.journal import start_journal
from node.records.example import new_nonce
from tests.bench.floor import post_cost, rows_cost
from tests.bench.offices import ACTION, LOG_LEVEL, ROOT, SERVICE, Office, cpu_seconds, databases, wall

EXAMPLE = (ROOT / "schemas/returns/1/examples/good/application.xml").read_text(encoding="utf-8")
WRITTEN_NONCE = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
WARM_UP = 40
SEQUENCE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What is measured: over what, on which database, with how many in flight, how many messages."""

    tls: bool
    database: str
    in_flight: int
    messages: int

    def __str__(self) -> str:
        return f"{self.database}, {'TLS' if self.tls else 'HTTP'}, {self.in_flight} in flight"


@dataclass(frozen=True, slots=True)
class Rate:
    """Exchanges a second, and CPU microseconds of one on either side; `group`: messages a commit of receipts."""

    per_second: float
    sender: float
    receiver: float
    group: float


class _Watched(Courier):
    """A courier that tells when an attempt is settled."""

    def __init__(self, node: Node, directory: Directory, settled: Callable[[], None]) -> None:
        super().__init__(node, directory)
        self._settled = settled

    async def _attempt(self, session: aiohttp.ClientSession, claim: Claim, packed: Packed | Exception) -> None:
        await super()._attempt(session, claim, packed)
        self._settled()


def _of_about_4_kb(example: str) -> str:
    """The example without the files that it names, and with its document three times."""
    alone = re.sub(r"\s*<(Attachments|Photograph|Copy)>.*?</\1>", "", example, flags=re.S)
    return re.sub(r"(\s*<Document .*?</Document>)", r"\1\1\1", alone, flags=re.S)


RECORD = _of_about_4_kb(EXAMPLE)


def record() -> bytes:
    """A valid record with a nonce of its own."""
    return RECORD.replace(WRITTEN_NONCE, new_nonce(os.urandom)).encode()


def measure(arrangement: Arrangement, offices: tuple[Office, Office], node: Node, receiver: int) -> Rate:
    """Let so many messages through, and see that each was delivered with a receipt."""
    groups: list[int] = []

    def counted(of: Node, group: Sequence[Settlement]) -> list[Exception | None]:
        groups.append(len(group))
        return settle(of, group)

    delivered = _delivered(node)
    with _replaced(counted):
        rate = asyncio.run(_drive(arrangement, offices[1].party, node, receiver, groups))
    found = _delivered(node) - delivered
    if found != arrangement.messages + WARM_UP:
        raise RuntimeError(f"{arrangement}: {found} messages delivered, {arrangement.messages + WARM_UP} submitted")
    return rate


@contextlib.contextmanager
def _replaced(counted: Callable[[Node, Sequence[Settlement]], list[Exception | None]]) -> Iterator[None]:
    delivery.settle = counted
    try:
        yield
    finally:
        delivery.settle = settle


def _delivered(node: Node) -> int:
    with node.database.read() as connection:
        of_state = select(func.count()).select_from(MESSAGE).where(MESSAGE.c.state == "delivered")
        return connection.scalar(of_state) or 0


async def _drive(arrangement: Arrangement, peer: str, node: Node, receiver: int, groups: list[int]) -> Rate:
    directory = Directory(node)
    free = asyncio.Semaphore(arrangement.in_flight)
    courier = _Watched(node, directory, free.release)
    stop = asyncio.Event()
    work = [asyncio.create_task(courier.run()), asyncio.create_task(_sequencing(node, stop))]

    submissions = Submissions(node, directory, courier.wake)

    async def submit() -> None:
        part = PartToSend.of_bytes(record(), "application/xml", "application.xml")
        await submissions.submit(Submission(peer=peer, service=SERVICE, action=ACTION, parts=[part]))

    async def let_through(count: int) -> None:
        async with asyncio.TaskGroup() as submitting:
            for _ in range(count):
                await free.acquire()
                submitting.create_task(submit())
        for _ in range(arrangement.in_flight):
            await free.acquire()
        for _ in range(arrangement.in_flight):
            free.release()

    await let_through(WARM_UP)
    groups.clear()
    # As a node does once it serves.
    gc.collect()
    gc.freeze()
    began, own, others = wall(), time.process_time(), cpu_seconds(receiver)
    await let_through(arrangement.messages)
    seconds, own, others = wall() - began, time.process_time() - own, cpu_seconds(receiver) - others
    await submissions.close()
    stop.set()
    courier.stop()
    await asyncio.gather(*work)
    count = arrangement.messages
    return Rate(count / seconds, own / count * 1e6, others / count * 1e6, statistics.mean(groups))


async def _sequencing(node: Node, stop: asyncio.Event) -> None:
    while not stop.is_set():
        while sequence(node.database):
            continue
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), SEQUENCE_SECONDS)


def table(arrangements: Sequence[Arrangement], wire_floor: float, repeats: int) -> Iterator[str]:
    """Measure all arrangements; the medians, each against its floor, line by line.

    wire_floor: microseconds of the primitives of the wire both ways.
    """
    yield f"record {len(record())} bytes, its schema and rules checked; µs of an exchange; " + (
        f"medians of {repeats} runs" if repeats > 1 else "single runs"
    )
    yield (
        f"{'':34}{'a second':>9}{'sender':>8}{'receiver':>9}{'group':>6}"
        f"   floor: {'wire':>5}{'POST':>6}{'rows':>6}{'ratio':>7}"
    )
    start_journal(LOG_LEVEL)
    kinds = dict.fromkeys((a.database, a.tls) for a in arrangements)
    for database, tls in kinds:
        with databases(database) as urls, tempfile.TemporaryDirectory(prefix="depesha-bench-") as folder:
            offices = (
                Office(Path(folder) / "sender", "sender", tls, urls[0]),
                Office(Path(folder) / "receiver", "receiver", tls, urls[1]),
            )
            offices[0].know(offices[1])
            offices[1].know(offices[0])
            of_this_kind = [a for a in arrangements if (a.database, a.tls) == (database, tls)]
            yield from _of_one_kind(of_this_kind, offices, wire_floor, repeats)


def _of_one_kind(
    arrangements: Sequence[Arrangement], offices: tuple[Office, Office], wire_floor: float, repeats: int
) -> Iterator[str]:
    node = open_node(offices[0].folder)
    rates: dict[Arrangement, list[Rate]] = {a: [] for a in arrangements}
    try:
        with offices[1].serving() as receiver:
            for _ in range(repeats):
                for arrangement in arrangements:
                    rates[arrangement].append(measure(arrangement, offices, node, receiver))
    finally:
        node.database.close()
    for arrangement, of_it in rates.items():
        per_second, sender, receiving, group = (
            statistics.median(getattr(rate, name) for rate in of_it)
            for name in ("per_second", "sender", "receiver", "group")
        )
        posting = post_cost(offices, arrangement.tls, arrangement.in_flight)
        rows = rows_cost(offices, max(1, round(group)))
        floor = wire_floor + posting + rows
        # with one in flight nothing overlaps; with more, two cores share the work
        fastest = 1e6 / floor * (1 if arrangement.in_flight == 1 else 2)
        yield (
            f"{arrangement!s:34}{per_second:9.0f}{sender:8.0f}{receiving:9.0f}{group:6.1f}"
            f"          {wire_floor:5.0f}{posting:6.0f}{rows:6.0f}{per_second / fastest:7.0%}"
        )
