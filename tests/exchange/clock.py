"""A clock for tests, and waiting for a condition instead of for a time."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from node.exchange.node import utc_now

Value = TypeVar("Value")

PATIENCE = 30.0
LOOK_SECONDS = 0.01


class Clock:
    """What nodes are told the time is: the true one, which a test may move forward."""

    def __init__(self, of: "Clock | None" = None, ahead: timedelta = timedelta()) -> None:
        """`of`: the clock that this one keeps `ahead` of, whatever a test does to either."""
        self._of = of
        self._ahead = ahead

    def __call__(self) -> datetime:
        return (utc_now() if self._of is None else self._of()) + self._ahead

    def advance(self, **span: float) -> None:
        """Let time pass: `advance(hours=1)`."""
        self._ahead += timedelta(**span)


async def until(condition: Callable[[], Value], what: str, seconds: float = PATIENCE) -> Value:
    """The first true value of `condition`; an AssertionError that names `what` when it does not come."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"after {seconds:g} s still not: {what}"
        await asyncio.sleep(LOOK_SECONDS)
    return value
