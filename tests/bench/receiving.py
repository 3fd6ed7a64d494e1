"""What receiving costs: CPU time of one node that takes in prepared messages of a real sender, and where it goes.

    python -m tests.bench.receiving prepare FOLDER [--messages N]
    python -m tests.bench.receiving measure FOLDER [--database KIND] [--in-flight N] [--profile FILE]

`prepare` makes two nodes, submits records on one of them and seals them: FOLDER then holds the receiver as it was
before and the requests. `measure` serves a copy of that receiver in this process, whole, while another process posts
the requests, and prints microseconds of CPU a message. A profile (`cProfile`) makes everything slower: it is for the
order of its lines alone.
"""

import argparse
import asyncio
import contextlib
import cProfile
import multiprocessing
import os
import pickle
import pstats
import shutil
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import aiohttp

from node.as4 import seal
from node.exchange.contents import envelope_of, part_octets
from node.exchange.directory import Directory
from node.exchange.listing import find_message
from node.exchange.node import Node, open_node
from node.exchange.parts_to_send import PartToSend
from node.exchange.submission import Submission, submit
from node.journal import start_journal
from node.serving import Listening, serve
from tests.bench.exchange import record
from tests.bench.offices import ACTION, LOG_LEVEL, SERVICE, Office, databases, free_port, wall

WARM_UP = 64
REQUESTS = "requests.pickle"
LINES = 70


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it goes over the wire."""

    content_type: str
    body: bytes


def prepare(folder: Path, messages: int, database: str | None = None) -> None:
    """Make sender and receiver under `folder`, and the requests."""
    sender = Office(folder / "sender", "sender", False, None)
    receiver = Office(folder / "receiver", "receiver", False, database)
    sender.know(receiver)
    receiver.know(sender)
    node = open_node(sender.folder)
    try:
        (folder / REQUESTS).write_bytes(pickle.dumps([_request(node) for _ in range(messages + WARM_UP)]))
    finally:
        node.database.close()


def _request(node: Node) -> Request:
    directory = Directory(node)
    part = PartToSend.of_bytes(record(), "application/xml", "application.xml")
    submitted = submit(node, directory.snapshot(), Submission("receiver", SERVICE, ACTION, [part]))
    with node.database.read() as connection:
        row = find_message(connection, submitted.id, "out")["id"]
    peer = directory.snapshot().peers["receiver"]
    wire = seal(envelope_of(node, row), part_octets(node, row), directory.recipient_certificate(peer), node.suite)
    return Request(wire.content_type, wire.body())


def measure(folder: Path, in_flight: int, profile: Path | None) -> str:
    """Serve `folder`/receiver, which is used up, while its requests are posted; a line that says what one cost."""
    requests: list[Request] = pickle.loads((folder / REQUESTS).read_bytes())
    start_journal(LOG_LEVEL)
    node = open_node(folder / "receiver")
    address, inside = (f"127.0.0.1:{free_port()}" for _ in range(2))
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    spent: list[float] = []
    posting = multiprocessing.get_context("spawn").Process(
        target=_post_all, args=(theirs, folder / REQUESTS, f"http://{address}/as4", in_flight)
    )

    def watch() -> None:
        try:
            ours.recv()
            began = time.process_time()
            ours.send(None)
            spent.append(ours.recv())
            spent.append(time.process_time() - began)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    def ready() -> None:
        posting.start()
        threading.Thread(target=watch, daemon=True).start()

    serving = serve(node, Listening(address, inside, plain_http=True), ready)
    if profile is None:
        asyncio.run(serving)
    else:
        profiler = cProfile.Profile()
        profiler.runcall(asyncio.run, serving)
        profiler.dump_stats(profile)
    posting.join()
    node.database.close()
    seconds, cpu = spent
    count = len(requests) - WARM_UP
    return f"{count} messages, {in_flight} in flight: {cpu / count * 1e6:.0f} µs of CPU, {count / seconds:.0f} a second"


def _post_all(parent: Connection, file: Path, url: str, in_flight: int) -> None:
    requests: list[Request] = pickle.loads(file.read_bytes())
    asyncio.run(_posting(parent, requests, url, in_flight))


async def _posting(parent: Connection, requests: list[Request], url: str, in_flight: int) -> None:
    answers: Counter[str] = Counter()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), auto_decompress=False) as session:

        async def one_after_the_other(left: Iterator[Request]) -> None:
            for request in left:
                headers = {"Content-Type": request.content_type}
                async with session.post(url, data=request.body, headers=headers) as answer:
                    answers["receipt" if b"<eb:Receipt>" in await answer.read() else f"other, {answer.status}"] += 1

        async def all_of(share: list[Request]) -> None:
            left = iter(share)
            await asyncio.gather(*(one_after_the_other(left) for _ in range(in_flight)))

        await all_of(requests[:WARM_UP])
        parent.send(None)
        parent.recv()
        began = wall()
        await all_of(requests[WARM_UP:])
        seconds = wall() - began
    if set(answers) != {"receipt"}:
        raise RuntimeError(f"answered by {dict(answers)}")
    parent.send(seconds)


@contextlib.contextmanager
def _copy(folder: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="depesha-bench-") as beside:
        shutil.copytree(folder / "receiver", Path(beside) / "receiver")
        shutil.copy(folder / REQUESTS, beside)
        yield Path(beside)


def main() -> None:
    """Prepare or measure."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.receiving", description="Time receiving alone.")
    parser.add_argument("what", choices=["prepare", "measure"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--messages", type=int, default=512)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--database", choices=["SQLite", "PostgreSQL"], default="SQLite")
    parser.add_argument("--profile", type=Path)
    asked = parser.parse_args()
    if asked.what == "prepare":
        prepare(asked.folder, asked.messages)
    elif asked.database == "SQLite":
        with _copy(asked.folder) as folder:
            print(measure(folder, asked.in_flight, asked.profile))
    else:
        with databases("PostgreSQL") as urls, tempfile.TemporaryDirectory(prefix="depesha-bench-") as beside:
            prepare(Path(beside), asked.messages, urls[1])
            print(measure(Path(beside), asked.in_flight, asked.profile))
    if asked.profile is not None:
        pstats.Stats(str(asked.profile)).sort_stats("tottime").print_stats(LINES)


if __name__ == "__main__":
    main()
