"""What a serving node does by the clock, run by APScheduler: each job in a thread, never twice at a time in a process.

Several processes of one node have the same jobs; each job sees to it in the database that what it does is done once.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import partial

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from node.journal import journal
from node.store.trouble import StoreUnavailable

log = journal("operations.schedules")


@dataclass(frozen=True, slots=True)
class Job:
    """`act` is called every `seconds`, the next time after it has come to its end; each call does a bounded amount."""

    name: str
    seconds: float
    act: Callable[[], object]


@contextlib.asynccontextmanager
async def scheduled(jobs: Sequence[Job], stop: asyncio.Event) -> AsyncIterator[None]:
    """Run the jobs while the block runs; what is under way when it ends is finished."""
    # It tells of each run.
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    scheduler = AsyncIOScheduler(timezone=UTC)
    under_way = {job.name: asyncio.Lock() for job in jobs}
    for job in jobs:
        scheduler.add_job(
            partial(_run, job, under_way[job.name], stop),
            IntervalTrigger(seconds=job.seconds),
            id=job.name,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )
    scheduler.start()
    try:
        yield
    finally:
        stop.set()
        scheduler.remove_all_jobs()
        for lock in under_way.values():
            async with lock:
                pass
        scheduler.shutdown(wait=False)


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
