"""Work in groups: units that are ready together are worked on together, and each is answered after that.

Commits share one transaction and one fsync; what takes several steps takes each for the whole group, with that step's
code and tables at hand in the caches of the processor. One unit never takes another down with it: `apply` returns an
outcome or an error for each, and only what concerns the store as a whole (it cannot be written) fails them all.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar, cast

Unit = TypeVar("Unit")
Result = TypeVar("Result")

# A commit of more than this gains nothing measurable and delays its first member.
LARGEST_GROUP = 64
# More than this at a time keeps no step's code warmer, and lets the sockets wait.
STEPS_TOGETHER = 16


class InGroups(Generic[Unit, Result]):
    """Gathers units and applies them group by group, in the order in which they came.

    `apply` gets a group of at most `largest` and returns, in its order, a result or an exception for each unit; when it
    raises, every unit of the group gets that exception. `expected` says how many units may still come soon: with none
    a group does not wait for more company than came within one turn of the loop.
    """

    def __init__(
        self,
        apply: Callable[[Sequence[Unit]], list[Result | Exception]],
        *,
        gather_seconds: float = 0,
        in_thread: bool = False,
        expected: Callable[[], int] = lambda: 0,
        largest: int = LARGEST_GROUP,
    ) -> None:
        self._apply = apply
        self._gather_seconds = gather_seconds
        self._in_thread = in_thread
        self._expected = expected
        self._largest = largest
        self._waiting: list[tuple[Unit, asyncio.Future[Result]]] = []
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def add(self, unit: Unit) -> Result:
        """Apply `unit` in the next group; returns its result once that is done, or raises its error."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="groups")
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((unit, future))
        self._arrived.set()
        return await future

    async def close(self) -> None:
        """Finish the groups under way, then stop."""
        await asyncio.gather(*(future for _, future in self._waiting), return_exceptions=True)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            if len(self._waiting) < min(self._largest, self._expected()):
                await asyncio.sleep(self._gather_seconds)
            group, self._waiting = self._waiting[: self._largest], self._waiting[self._largest :]
            if not self._waiting:
                self._arrived.clear()
            await self._apply_to(group)
            if self._waiting:
                await asyncio.sleep(0)  # sockets have their turn too

    async def _apply_to(self, group: list[tuple[Unit, asyncio.Future[Result]]]) -> None:
        units = [unit for unit, _ in group]
        try:
            outcomes = await asyncio.to_thread(self._apply, units) if self._in_thread else self._apply(units)
        except Exception as error:  # whatever it is, every waiting caller must hear of it
            outcomes = [error] * len(group)
        for (_, future), outcome in zip(group, outcomes, strict=True):
            if future.cancelled():
                continue
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)


def step_by_step(
    units: Sequence[Unit], steps: Sequence[Callable[[Unit], None]], last: Callable[[Unit], Result]
) -> list[Result | Exception]:
    """Take each step for all units before the next one; for each unit what `last` gives, or what a step raised.

    Whatever a step raises is its unit's alone, which takes no further step.
    """
    outcomes: list[Result | Exception | None] = [None] * len(units)

    def take(step: Callable[[Unit], Result | None]) -> None:
        for place, unit in enumerate(units):
            if not isinstance(outcomes[place], Exception):
                try:
                    outcomes[place] = step(unit)
                except Exception as error:  # whatever it is, it is this one's alone
                    outcomes[place] = error

    for step in steps:
        take(step)
    take(last)
    return cast(list[Result | Exception], outcomes)
