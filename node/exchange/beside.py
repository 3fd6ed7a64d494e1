"""Work on large messages beside the event loop: in threads, so that other messages do not wait for it.

The loop reads and writes sockets meanwhile. What waits between the two is bounded: a message of any size takes a few
megabytes.

Encryption, digests and inflation let go of the interpreter lock for the pieces that large messages come in.
"""

import asyncio
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")

LARGE: Final = 1_000_000
"""Octets of a message; from here on a thread costs less than it spares others."""
AHEAD: Final = 1 << 20
"""Octets that may wait for the thread, or for the socket: several changes from one to the other, each of which may take
as long as the work on some hundred kilobytes."""


async def beside_loop(work: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs) -> Result:
    """What `work` gives or raises, done in a thread.

    A cancellation waits until the work is done: whoever then cleans up has what it used to himself.
    """
    task = asyncio.create_task(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError:
                continue
        if not task.cancelled():
            task.exception()  # nobody is left to raise it to
        raise


class Taking:
    """Hands pieces to `take` in a thread, in their order, while more of them come in."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self._waiting: list[bytes] = []
        self._size = 0
        self._under_way: asyncio.Task[None] | None = None

    async def add(self, piece: bytes) -> None:
        """One more piece; waits while too many do. Raises what `take` raised for this one or one before."""
        self._waiting.append(piece)
        self._size += len(piece)
        if self._under_way is not None and (self._under_way.done() or self._size >= AHEAD):
            await self._done()
        if self._under_way is None:
            some, self._waiting, self._size = self._waiting, [], 0
            self._under_way = asyncio.create_task(beside_loop(self._take_all, some))

    async def end(self) -> None:
        """All pieces are taken. Raises what `take` raised."""
        await self._done()
        if self._waiting:
            some, self._waiting = self._waiting, []
            await beside_loop(self._take_all, some)

    async def leave(self) -> None:
        """Nothing is taken any more when this returns, whatever came of it."""
        self._waiting.clear()
        if self._under_way is not None:
            self._under_way.cancel()
            await asyncio.gather(self._under_way, return_exceptions=True)

    async def _done(self) -> None:
        if self._under_way is not None:
            task = self._under_way
            await task
            self._under_way = None

    def _take_all(self, pieces: list[bytes]) -> None:
        for piece in pieces:
            self._take(piece)
