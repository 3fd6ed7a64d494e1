"""What a serving node does by the clock, run by APScheduler: each job in a thread, never twice at a time in a process.

APScheduler goes by the machine's clock, which may be set: what was put off until a time that a clock set back will not
reach for a year is brought forward here, and of the times that a clock set forward has left out none is made up.

Several processes of one node have the same jobs; each job sees to it in the database that what it does is done once.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from node.journal import journal
from node.store.trouble import StoreUnavailable

log = journal("operations.schedules")

LOOK_SECONDS = 1.0
"""How often it is looked whether a job waits for longer than it ever should."""


@dataclass(frozen=True, slots=True)
class Job:
    """`act` is called at the start and every `seconds`, the next time after it has come to its end; each call does a
    bounded amount."""

    name: str
    seconds: float
    act: Callable[[], object]


class _Every(BaseTrigger):  # type: ignore[misc]
    """At once, so that what was missed while no process ran is made up, then so long after now, each time. The
    library's own goes through all times between the last one and now, one by one: 31 million where a clock was set a
    year ahead and a job runs each second."""

    def __init__(self, pause: timedelta) -> None:
        self._pause = pause

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        return now if previous_fire_time is None else now + self._pause


@contextlib.asynccontextmanager
async def scheduled(jobs: Sequence[Job], stop: asyncio.Event) -> AsyncIterator[None]:
    """Run the jobs while the block runs; what is under way when it ends is finished."""
    # It tells of each run, and of each that comes while the one before is under way.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    scheduler = AsyncIOScheduler(timezone=UTC)
    under_way = {job.name: asyncio.Lock() for job in jobs}
    for job in jobs:
        scheduler.add_job(
            partial(_run, job, under_way[job.name], stop),
            _Every(timedelta(seconds=job.seconds)),
            id=job.name,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )
    scheduler.start()
    looking = asyncio.create_task(_bring_forward(scheduler, jobs))
    try:
        yield
    finally:
        looking.cancel()
        stop.set()
        scheduler.remove_all_jobs()
        for lock in under_way.values():
            async with lock:
                pass
        scheduler.shutdown(wait=False)


async def _bring_forward(scheduler: AsyncIOScheduler, jobs: Sequence[Job]) -> None:
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        now = datetime.now(UTC)
        for job in jobs:
            entry = scheduler.get_job(job.name)
            if entry is not None and entry.next_run_time > now + timedelta(seconds=job.seconds + LOOK_SECONDS):
                entry.modify(next_run_time=now)
                log.warning("brought forward: the clock was set back", job=job.name)


async def _run(job: Job, lock: asyncio.Lock, stop: asyncio.Event) -> None:
    """A fault of one job, or of one thing that it finds, leaves the node to its peers: it is told, and tried again."""
    async with lock:
        try:
            if not stop.is_set():
                await asyncio.to_thread(job.act)
        except StoreUnavailable as trouble:
            log.error("a scheduled job cannot be done", job=job.name, reason=str(trouble))
        except Exception as error:
            log.error("a scheduled job failed", job=job.name, error=type(error).__name__, exc_info=error)
