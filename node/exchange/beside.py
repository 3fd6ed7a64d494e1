"""Work on large messages beside the event loop: in threads, so that other messages do not wait for it.

Encryption, digests and inflation let go of the interpreter lock for the pieces that large messages come in.
"""

import asyncio
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")

LARGE: Final = 1_000_000
"""Octets of a message; from here on a thread costs less than it spares others."""
PIECE: Final = 1 << 16
"""Octets that are worth the change to a thread and back, a tenth of a millisecond."""


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
