"""After an outage: messages queued while the peer was down, from the moment at which it is back.

The steady rate is that of `tests.bench.exchange` in the same run, 64 in flight, submission included. Then the receiver
is ended, messages are queued, the sender's courier runs until it has failed and for `outage` seconds more, and the
receiver starts again. All as in that bench: the receiver is a whole node in a process of its own.
"""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from node.exchange.delivery import Courier
from node.exchange.directory import Directory
from node.exchange.node import Node, open_node
from node.exchange.outbox import PEER_DELIVERY
from node.exchange.parts_to_send import PartToSend
from node.exchange.settlement import MESSAGE
from node.exchange.submission import Submission, submit
from node.journal import start_journal
from tests.bench import exchange
from tests.bench.exchange import Arrangement
from tests.bench.offices import ACTION, LOG_LEVEL, SERVICE, Office, cpu_seconds, two_offices, wall

GOAL = 0.8
IN_FLIGHT = 64
LOOK_SECONDS = 0.02
PATIENCE_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class Drain:
    """Seconds from the peer's readiness to the first receipt and to the last; CPU µs a message on either side."""

    first: float
    last: float
    sender: float
    receiver: float


def table(messages: int, steady_messages: int, outage: float) -> Iterator[str]:
    """The steady rate, then the drain of so many messages, line by line."""
    start_journal(LOG_LEVEL)
    with tempfile.TemporaryDirectory(prefix="depesha-bench-") as folder:
        offices = two_offices(Path(folder), [None, None])
        node = open_node(offices[0].folder)
        try:
            with offices[1].serving() as receiver:
                arrangement = Arrangement(False, "SQLite", IN_FLIGHT, steady_messages)
                steady = exchange.measure(arrangement, offices, node, receiver)
            drain = asyncio.run(_drain(node, offices[1], messages, outage))
        finally:
            node.database.close()
    rate = messages / (drain.last - drain.first)
    whole = messages / drain.last
    yield f"SQLite, HTTP, {IN_FLIGHT} in flight; µs of CPU of an exchange; the peer away for {outage:.0f} s or more"
    yield f"{'':34}{'a second':>9}{'sender':>8}{'receiver':>9}"
    yield f"{'steady':34}{steady.per_second:9.0f}{steady.sender:8.0f}{steady.receiver:9.0f}"
    yield f"{'drain, from ready on':34}{whole:9.0f}{drain.sender:8.0f}{drain.receiver:9.0f}"
    yield f"{'drain, from the first receipt on':34}{rate:9.0f}"
    yield (
        f"{messages} queued; from ready {drain.first:.1f} s to the first receipt, {drain.last:.1f} s to the last; "
        f"of the steady rate {whole / steady.per_second:.0%}, from the first receipt on {rate / steady.per_second:.0%} "
        f"(goal {GOAL:.0%})"
    )


async def _drain(node: Node, receiver: Office, messages: int, outage: float) -> Drain:
    directory = Directory(node)
    for _ in range(messages):
        part = PartToSend.of_bytes(exchange.record(), "application/xml", "application.xml")
        submit(node, directory.snapshot(), Submission(receiver.party, SERVICE, ACTION, [part]))
    before = delivered(node)
    courier = Courier(node, directory)
    stop = asyncio.Event()
    work = [asyncio.create_task(courier.run()), asyncio.create_task(exchange._sequencing(node, stop))]
    await _until(lambda: _failures(node) > 0, "the first attempt has failed")
    await asyncio.sleep(outage)
    with contextlib.ExitStack() as stack:
        # the start of a process blocks: meanwhile the courier goes on
        process = await asyncio.to_thread(stack.enter_context, receiver.serving())
        ready, own, others = wall(), time.process_time(), cpu_seconds(process)
        await _until(lambda: delivered(node) > before, "a first receipt")
        first = wall() - ready
        await _until(lambda: delivered(node) == before + messages, "all receipts")
        last = wall() - ready
        own, others = time.process_time() - own, cpu_seconds(process) - others
    stop.set()
    courier.stop()
    await asyncio.gather(*work)
    return Drain(first, last, own / messages * 1e6, others / messages * 1e6)


def delivered(node: Node) -> int:
    """How many messages have their receipt."""
    with node.database.read() as connection:
        query = select(func.count()).select_from(MESSAGE).where(MESSAGE.c.state == "delivered")
        return connection.scalar(query) or 0


def _failures(node: Node) -> int:
    with node.database.read() as connection:
        return connection.scalar(select(func.sum(PEER_DELIVERY.c.failures))) or 0


async def _until(condition: Callable[[], bool], what: str) -> None:
    end = wall() + PATIENCE_SECONDS
    while not condition():
        if wall() > end:
            raise TimeoutError(f"after {PATIENCE_SECONDS} s still not: {what}")
        await asyncio.sleep(LOOK_SECONDS)
