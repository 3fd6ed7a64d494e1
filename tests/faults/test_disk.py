"""Each kind of write and sync fails once, on each side of a node: what queues, and what serves.

A disk that fills or breaks does so in the middle of any of them. Whatever was told as accepted or received is there
afterwards, once; what failed was told as our own trouble, and is tried again without a hand.
"""

import errno
from pathlib import Path

import pytest

from tests.faults.clocks import COMPILER
from tests.faults.failing_disk import FailingDisk, Step
from tests.faults.homes import until_alive
from tests.faults.neighbours import Neighbours, more, neighbours_on, rest
from tests.left_out import leave_out

pytestmark = pytest.mark.faults

SKIPPED = "writes did not fail one by one: no C compiler (cc) is here"
ERRORS = (errno.ENOSPC, errno.EIO)
TIMES = 2
ARRIVALS = 2


def fails(disk: FailingDisk, step: Step, number: int, pair: Neighbours) -> None:
    """One of these fails; no process ends by that."""
    before = disk.failures
    disk.fail_next(step, number)
    until_alive(lambda: disk.failures > before, lambda: f"{step.name} comes", pair.running)


def test_each_write_and_each_sync_fails(tmp_path: Path) -> None:
    if COMPILER is None:
        leave_out(SKIPPED)
    disk = FailingDisk(tmp_path, tmp_path / "one")

    def set_up(pair: Neighbours) -> None:
        pair.one.environment = disk.environment

    with neighbours_on((None, None), tmp_path, prepare=set_up) as pair:
        for number in ERRORS * TIMES:
            for step in Step:
                pair.say(f"{step.name} fails with {errno.errorcode[number]}")
                fails(disk, step, number, pair)
                more(pair.arrived, ARRIVALS, "messages arrive on both sides")
        rest(pair)
