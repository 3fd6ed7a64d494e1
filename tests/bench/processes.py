"""Several processes of one node on one PostgreSQL database: what a second and two more add, receiving and sending.

Receiving: requests of a real sender, made before, are posted to the processes in turn. Sending: messages are queued
while the processes stand still, which then go on together; the other side is one process on SQLite. Everything shares
the cores of one machine: the one who posts, the other side, and the database server, whose CPU time is not counted.
"""

import asyncio
import contextlib
import os
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import aiohttp

from node.exchange.directory import Directory
from node.exchange.node import Node, open_node
from node.exchange.parts_to_send import PartToSend
from node.exchange.submission import Submission, submit
from node.journal import start_journal
from tests.bench import exchange, receiving
from tests.bench.draining import PATIENCE_SECONDS, delivered
from tests.bench.offices import (
    ACTION,
    LOG_LEVEL,
    SERVICE,
    Office,
    cpu_seconds,
    databases,
    free_port,
    two_offices,
    wall,
)
from tests.bench.receiving import Request

PROCESSES = (1, 2, 4)
IN_FLIGHT = 64
LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Rate:
    """Messages a second, and CPU µs of one in all processes of the node together."""

    per_second: float
    cpu: float


def table(messages: int) -> Iterator[str]:
    """Both directions with one, two and four processes, line by line."""
    start_journal(LOG_LEVEL)
    yield f"PostgreSQL, HTTP, {messages} messages each, {IN_FLIGHT} in flight; µs of CPU of a message in all processes"
    yield f"{'':34}{'a second':>9}{'CPU':>8}{'times one':>11}"
    for what, rates in (("receiving", _receiving(messages)), ("sending", _sending(messages))):
        alone = None
        for count, rate in rates:
            alone = alone or rate.per_second
            yield f"{_name(what, count):34}{rate.per_second:9.0f}{rate.cpu:8.0f}{rate.per_second / alone:11.2f}"


def _name(what: str, count: int) -> str:
    return f"{what}, {count} process{'es' if count > 1 else ''}"


def lines() -> list[str]:
    """What the lines of the table begin with."""
    return [_name(what, count) for what in ("receiving", "sending") for count in PROCESSES]


@contextlib.contextmanager
def _serving(office: Office, count: int) -> Iterator[tuple[list[int], list[int]]]:
    """So many processes of one node: their ids, and the ports at which they take messages."""
    ports = [office.port, *(free_port() for _ in range(count - 1))]
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(office.serving(port)) for port in ports], ports


def _receiving(messages: int) -> Iterator[tuple[int, Rate]]:
    with databases("PostgreSQL") as urls, tempfile.TemporaryDirectory(prefix="depesha-bench-") as folder:
        sender, receiver = two_offices(Path(folder), [None, urls[1]])
        node = open_node(sender.folder)
        try:
            for count in PROCESSES:
                requests = [receiving._request(node) for _ in range(messages + receiving.WARM_UP)]
                with _serving(receiver, count) as (processes, ports):
                    yield count, asyncio.run(_posted(requests, processes, ports))
        finally:
            node.database.close()


async def _posted(requests: Sequence[Request], processes: Sequence[int], ports: Sequence[int]) -> Rate:
    urls = cycle([f"http://127.0.0.1:{port}/as4" for port in ports])
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), auto_decompress=False) as session:

        async def one_after_the_other(left: Iterator[Request]) -> None:
            for request in left:
                headers = {"Content-Type": request.content_type}
                async with session.post(next(urls), data=request.body, headers=headers) as answer:
                    if b"<eb:Receipt>" not in await answer.read():
                        raise RuntimeError(f"answered by {answer.status}, without a receipt")

        async def all_of(share: Sequence[Request]) -> None:
            left = iter(share)
            await asyncio.gather(*(one_after_the_other(left) for _ in range(IN_FLIGHT)))

        await all_of(requests[: receiving.WARM_UP])
        rest = requests[receiving.WARM_UP :]
        began, cpu = wall(), sum(map(cpu_seconds, processes))
        await all_of(rest)
        seconds, cpu = wall() - began, sum(map(cpu_seconds, processes)) - cpu
    return Rate(len(rest) / seconds, cpu / len(rest) * 1e6)


def _sending(messages: int) -> Iterator[tuple[int, Rate]]:
    with databases("PostgreSQL") as urls, tempfile.TemporaryDirectory(prefix="depesha-bench-") as folder:
        sender, receiver = two_offices(Path(folder), [urls[0], None])
        node = open_node(sender.folder)
        try:
            with receiver.serving():
                for count in PROCESSES:
                    with _serving(sender, count) as (processes, _):
                        yield count, _sent(node, messages, processes)
        finally:
            node.database.close()


def _sent(node: Node, messages: int, processes: Sequence[int]) -> Rate:
    """Queue while they stand still; measured from the moment at which they go on to the last receipt."""
    before = delivered(node)
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        snapshot = Directory(node).snapshot()
        for _ in range(messages):
            part = PartToSend.of_bytes(exchange.record(), "application/xml", "application.xml")
            submit(node, snapshot, Submission("receiver", SERVICE, ACTION, [part]))
    finally:
        began, cpu = wall(), sum(map(cpu_seconds, processes))
        for process in processes:
            os.kill(process, signal.SIGCONT)
    _seen(node, before + messages)
    seconds, cpu = wall() - began, sum(map(cpu_seconds, processes)) - cpu
    return Rate(messages / seconds, cpu / messages * 1e6)


def _seen(node: Node, count: int) -> None:
    """Wait until so many messages have their receipt."""
    end = wall() + PATIENCE_SECONDS
    while (found := delivered(node)) < count:
        if wall() > end:
            raise TimeoutError(f"after {PATIENCE_SECONDS} s {found} of {count} messages have a receipt")
        time.sleep(LOOK_SECONDS)  # the processes that deliver them tell nobody
