"""What a node does by the clock goes on, whatever the machine's clock does and whatever a job raises."""

import asyncio
import datetime as dates
import threading
from collections.abc import Iterator

import pytest
from apscheduler.schedulers import base

from node.operations import schedules
from node.operations.schedules import Job, scheduled
from tests.exchange.clock import until

YEAR = dates.timedelta(days=365)
OFTEN = 0.02


class MachineClock(dates.datetime):
    """The machine's clock, `ahead` of the right time."""

    ahead = dates.timedelta()

    @classmethod
    def now(cls, tz: dates.tzinfo | None = None) -> "MachineClock":
        at = dates.datetime.now(tz) + cls.ahead
        return cls.combine(at.date(), at.timetz())


@pytest.fixture
def machine_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[MachineClock]]:
    for module in (base, schedules):
        monkeypatch.setattr(module, "datetime", MachineClock)
    monkeypatch.setattr(schedules, "LOOK_SECONDS", OFTEN)
    yield MachineClock
    MachineClock.ahead = dates.timedelta()


@pytest.mark.parametrize("ahead", [YEAR, -YEAR], ids=["ahead", "behind"])
async def test_jobs_go_on_while_the_clock_is_wrong_and_once_it_is_right_again(
    machine_clock: type[MachineClock], ahead: dates.timedelta
) -> None:
    runs: list[int] = []

    async def goes_on() -> None:
        before = len(runs)
        await until(lambda: len(runs) > before + 2, "it runs again and again", 10)

    async with scheduled([Job("counted", OFTEN, lambda: runs.append(1))], asyncio.Event()):
        await goes_on()
        machine_clock.ahead = ahead
        await goes_on()
        machine_clock.ahead = dates.timedelta()
        await goes_on()


async def test_a_job_that_fails_is_told_and_runs_again_and_keeps_no_other_from_running(
    capsys: pytest.CaptureFixture[str],
) -> None:
    runs: list[str] = []

    def fails() -> None:
        runs.append("fails")
        raise ValueError("never mind")

    jobs = [Job("failing", OFTEN, fails), Job("other", OFTEN, lambda: runs.append("other"))]
    async with scheduled(jobs, asyncio.Event()):
        await until(lambda: runs.count("fails") > 2 and runs.count("other") > 2, "both run again and again")
    assert "a scheduled job failed" in capsys.readouterr().out


async def test_a_job_never_runs_twice_at_a_time_and_is_finished_at_the_end() -> None:
    running, most, done = 0, 0, 0
    may_end = threading.Event()

    def slow() -> None:
        nonlocal running, most, done
        running += 1
        most = max(most, running)
        may_end.wait(10)
        running -= 1
        done += 1

    stop = asyncio.Event()
    async with scheduled([Job("slow", OFTEN, slow)], stop):
        await until(lambda: running == 1, "it has begun")
        await asyncio.sleep(5 * OFTEN)  # its time comes again and again meanwhile
        stop.set()
        may_end.set()
    assert (running, most) == (0, 1)
    assert done >= 1


async def test_a_job_runs_as_soon_as_its_process_does_however_seldom_it_comes() -> None:
    """What was missed while the node was down is made up, once."""
    runs: list[int] = []
    async with scheduled([Job("seldom", 3600, lambda: runs.append(1))], asyncio.Event()):
        await until(lambda: runs, "it has run")
        await asyncio.sleep(5 * OFTEN)
    assert runs == [1]
