"""A relay between two nodes that does to their connections what networks do: hold, delay, trickle, cut, refuse.

It stands at the address that a node's peers know, and passes on to where the node really listens. What it does is set
by `set_weather` and holds at once, for open connections too; cuts are given to connections one by one, as they come.
"""

import asyncio
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

PIECE = 1024
Way = Literal["request", "answer"]


@dataclass(frozen=True)
class Cut:
    """A connection is reset once so many octets have gone that way."""

    way: Way
    octets: int


@dataclass(frozen=True)
class Weather:
    """What happens to connections; the default is that nothing does."""

    held: frozenset[Way] = frozenset()
    """ways on which nothing passes: it is taken from the one side and does not reach the other"""
    delay_seconds: tuple[float, float] = (0.0, 0.0)
    """each piece waits so long, drawn between the two: so that connections overtake each other"""
    octets_per_second: int | None = None
    refused: bool = False
    """new connections are reset at once, open ones too"""


FAIR = Weather()


@dataclass
class _Passage:
    """How far one way of one connection has come."""

    way: Way
    passed: int = 0


class Relay:
    """Listens on loopback in a thread of its own. `events` counts what befell connections, by what it was."""

    def __init__(self, target: int, seed: int) -> None:
        self.events: Counter[str] = Counter()
        self.done: set[Cut] = set()
        """the cuts that came about"""
        self._target = target
        self._weather = FAIR
        self._cuts: Iterator[Cut | None] = iter(())
        self._random = random.Random(seed)
        self._changed: asyncio.Event
        self._open: set[asyncio.Task[None]] = set()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"relay {self.port}")

    def start(self) -> None:
        """Begin to pass on."""
        self._thread.start()

    def stop(self) -> None:
        """End all connections and the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def pass_to(self, target: int) -> None:
        """From now on pass connections on to another port; those that stand end."""
        self._target = target
        self.reset()

    def set_weather(self, weather: Weather, cuts: Iterable[Cut | None] = ()) -> None:
        """From now on this; each new connection takes the next of `cuts` (None: it is spared)."""
        self._in_loop(lambda: self._set(weather, iter(cuts)))

    def _set(self, weather: Weather, cuts: Iterator[Cut | None]) -> None:
        self._weather, self._cuts = weather, cuts
        self._changed.set()
        self._changed = asyncio.Event()
        if weather.refused:
            self._cancel_all()

    def reset(self) -> None:
        """Reset all open connections, once."""
        self._in_loop(self._cancel_all)

    def _cancel_all(self) -> None:
        for task in self._open:
            task.cancel()

    def _in_loop(self, work: Callable[[], None]) -> None:
        finished = threading.Event()

        def run() -> None:
            work()
            finished.set()

        self._loop.call_soon_threadsafe(run)
        finished.wait()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._changed = asyncio.Event()
        server = self._loop.run_until_complete(asyncio.start_server(self._accept, sock=self._socket))
        try:
            self._loop.run_forever()
        finally:
            server.close()
            left = asyncio.all_tasks(self._loop)
            for task in left:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            self._loop.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._connection(reader, writer)
        except asyncio.CancelledError:
            _reset(writer)
        finally:
            self._open.discard(task)
            writer.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._weather.refused:
            self.events["refused"] += 1
            _reset(writer)
            return
        cut = next(self._cuts, None)
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            self.events["nobody listens"] += 1
            _reset(writer)
            return
        self.events["connections"] += 1
        ways = [
            asyncio.create_task(self._pass_on(reader, there_writer, _Passage("request"), cut)),
            asyncio.create_task(self._pass_on(there_reader, writer, _Passage("answer"), cut)),
        ]
        try:
            await asyncio.gather(*ways)
        except _CutOff:
            assert cut is not None
            self.events["cut"] += 1
            self.done.add(cut)
            _reset(writer)
            _reset(there_writer)
        except OSError:
            self.events["ended by an end"] += 1
        finally:
            for way in ways:
                way.cancel()
            there_writer.close()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, at: _Passage, cut: Cut | None
    ) -> None:
        while piece := await reader.read(PIECE):
            await self._let_through(at.way)
            weather = self._weather
            slow = len(piece) / weather.octets_per_second if weather.octets_per_second else 0.0
            await asyncio.sleep(slow + self._random.uniform(*weather.delay_seconds))
            if cut is not None and cut.way == at.way and at.passed + len(piece) > cut.octets:
                writer.write(piece[: cut.octets - at.passed])
                await writer.drain()
                raise _CutOff
            at.passed += len(piece)
            writer.write(piece)
            await writer.drain()
        with suppress(OSError, RuntimeError):
            writer.write_eof()

    async def _let_through(self, way: Way) -> None:
        if way in self._weather.held:
            self.events[f"{way} held"] += 1
        while way in self._weather.held:
            await self._changed.wait()


class _CutOff(Exception):
    """The connection has come to the octet at which it is cut."""


def _reset(writer: asyncio.StreamWriter) -> None:
    """End with RST: what was not delivered is lost, as when a router forgets the connection."""
    there = writer.get_extra_info("socket")
    if there is not None:
        with suppress(OSError):
            there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
