"""One that attacks a node by force, with the valid keys of a partner or with none: all at once, until told to end.

It comes from an address of its own, so that what the node does about it can be told from what it does about others.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from multiprocessing.connection import Connection

from node.as4 import SIGNAL_CONTENT_TYPE
from tests.faults.crowd import Letter, Member, Receiver, written

PREPARED = 150
# So many connections for each of what it does.
FLOODS, BAD, SLOW, IDLE, HEADS, DEAF = 120, 40, 300, 300, 10, 20
DRIP_SECONDS = 0.5
HEAD_OCTETS = 200_000
RECEIPT = "receipt"


@dataclass
class Harm:
    """What it has done, and what came back of it."""

    answers: Counter[str] = field(default_factory=Counter)
    """by what it did: HTTP status or receipt"""
    receipted: set[str] = field(default_factory=set)
    """ids of its messages that were answered by a receipt"""


def attack(parent: Connection, member: Member, to: Receiver, source: str) -> None:
    """Prepare, say `prepared`; told to begin, attack from the address `source`; told to end, say the Harm."""
    good = [written(member, to) for _ in range(PREPARED)]
    good += [written(member, to, b"") for _ in range(PREPARED)]
    bad = [*(_touched(letter) for letter in good[:50]), *(_not_agreed(member, to) for _ in range(50)), _octets()]
    parent.send("prepared")
    parent.recv()
    parent.send(asyncio.run(_Assault(to, source, good, bad).until(parent)))


def _request(content_type: str, body: bytes) -> bytes:
    head = f"POST /as4 HTTP/1.1\r\nHost: node\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _touched(letter: Letter) -> bytes:
    """Its ciphertext, or where it has none its signature, is not what it was."""
    octets = bytearray(letter.body)
    octets[-200] ^= 1
    return _request(letter.wire.content_type, bytes(octets))


def _not_agreed(member: Member, to: Receiver) -> bytes:
    letter = written(member, to, service="urn:example:never")
    return _request(letter.wire.content_type, letter.body)


def _octets() -> bytes:
    return _request(SIGNAL_CONTENT_TYPE, b"<S12:Envelope" + random.randbytes(2000))


class _Assault:
    def __init__(self, to: Receiver, source: str, good: Sequence[Letter], bad: Sequence[bytes]) -> None:
        self._to, self._source = to, source
        self._good = cycle([(letter.message_id, _request(letter.wire.content_type, letter.body)) for letter in good])
        self._bad = cycle(bad)
        self.harm = Harm()

    async def until(self, parent: Connection) -> Harm:
        """Attack until the parent says something."""
        acts: tuple[tuple[Callable[[], Awaitable[None]], int], ...] = (
            (self._flood, FLOODS), (self._lie, BAD), (self._drip, SLOW), (self._idle, IDLE), (self._head, HEADS),
            (self._deaf, DEAF),
        )  # fmt: skip
        tasks = [asyncio.create_task(self._always(act)) for act, count in acts for _ in range(count)]
        await asyncio.to_thread(parent.recv)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        return self.harm

    async def _always(self, act: Callable[[], Awaitable[None]]) -> None:
        """Again and again, whatever the node does about it."""
        while True:
            try:
                await act()
            except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                self.harm.answers["connection ended"] += 1
                await asyncio.sleep(0)

    @contextlib.asynccontextmanager
    async def _connected(self):  # type: ignore[no-untyped-def]
        address = (self._source, 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", self._to.port, local_addr=address)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> str:
        writer.write(request)
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        body = await reader.readexactly(int(length.partition(b":")[2]))
        return RECEIPT if b"<eb:Receipt>" in body else head.split(b" ", 2)[1].decode()

    async def _flood(self) -> None:
        async with self._connected() as (reader, writer):
            while True:
                message_id, request = next(self._good)
                answer = await self._ask(reader, writer, request)
                self.harm.answers[f"good: {answer}"] += 1
                if answer == RECEIPT:
                    self.harm.receipted.add(message_id)

    async def _lie(self) -> None:
        async with self._connected() as (reader, writer):
            while True:
                self.harm.answers[f"bad: {await self._ask(reader, writer, next(self._bad))}"] += 1

    async def _drip(self) -> None:
        """The body of a message, an octet at a time; it ends when the node ends it."""
        async with self._connected() as (reader, writer):
            _, request = next(self._good)
            writer.write(request[:400])
            for octet in request[400:]:
                if reader.at_eof():
                    return
                writer.write(bytes((octet,)))
                await writer.drain()
                await asyncio.sleep(DRIP_SECONDS)
                if reader._buffer:  # type: ignore[attr-defined]
                    self.harm.answers["slow body: answered"] += 1
                    return

    async def _idle(self) -> None:
        async with self._connected() as (reader, _):
            await reader.read(1)
            self.harm.answers["idle: ended"] += 1

    async def _head(self) -> None:
        async with self._connected() as (reader, writer):
            writer.write(b"POST /as4 HTTP/1.1\r\nHost: node\r\nX: " + b"x" * HEAD_OCTETS)
            await reader.read()
            self.harm.answers["head: ended"] += 1

    async def _deaf(self) -> None:
        """One request after the other, and no answer is read."""
        async with self._connected() as (reader, writer):
            reader._transport.pause_reading()  # type: ignore[attr-defined]
            while True:
                writer.write(next(self._good)[1])
                await writer.drain()
