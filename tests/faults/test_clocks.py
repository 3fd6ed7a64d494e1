"""The clock of one node's machine is set, an hour, a day, a year, either way, while the node runs and before it starts.

While it is wrong and the node can know that, it takes nothing in, gives nothing up, and raises an alarm; once it is
right again the node finds that out from its peer, and nobody helps. Afterwards all is as it must be.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from node.exchange import doubt
from node.exchange.alarms import list_alarms, settle_alarm
from node.exchange.settlement import ALARM
from tests.faults.clocks import COMPILER, SKIPPED, MachineClock
from tests.faults.homes import Running, until
from tests.faults.kills import KILLED
from tests.faults.neighbours import Neighbours, more, neighbours_on, rest
from tests.faults.points import ON_DOUBTS
from tests.faults.relay import Weather
from tests.left_out import leave_out

pytestmark = pytest.mark.faults

HOUR, DAY, YEAR = timedelta(hours=1), timedelta(days=1), timedelta(days=365)
JUMPS = (HOUR, -HOUR, DAY, -DAY, YEAR, -YEAR)
RIGHT = timedelta(0)
# The two nodes' clocks differed so far at most.
WRONG = timedelta(days=366)
ARRIVALS = 10
ATTEMPTS = 4


@contextmanager
def clocked(
    folder: Path, urls: tuple[str | None, str | None] = (None, None)
) -> Iterator[tuple[Neighbours, MachineClock]]:
    """Two nodes under traffic; what runs of the first goes by a clock that can be set."""
    if COMPILER is None:
        leave_out(SKIPPED)
    clock = MachineClock(folder, "one")

    def set_up(pair: Neighbours) -> None:
        pair.one.environment = clock.environment

    with neighbours_on(urls, folder, prepare=set_up) as pair:
        yield pair, clock


def doubts(pair: Neighbours) -> bool:
    """Whether the first node has an alarm open about its clock."""
    with pair.one.node.database.read() as connection:
        return doubt.open_doubt(connection)


def begins_to_doubt(pair: Neighbours) -> None:
    """Wait until it does, and takes nothing in."""
    until(lambda: doubts(pair), lambda: f"the clock is doubted by {pair.running[0].describe()}")
    more(pair.two.count_attempts_in_vain, ATTEMPTS, "the other side tries in vain")


def is_sure_again(pair: Neighbours) -> None:
    """Wait until it doubts no more, and messages arrive."""
    until(lambda: not doubts(pair), lambda: f"the clock is doubted no more by {pair.running[0].describe()}")
    more(pair.arrived, ARRIVALS, "messages arrive again")


def stop_both_of_one(pair: Neighbours) -> None:
    """The first node stands still: neither serves nor queues."""
    for running in (pair.running[1], pair.running[0]):
        running.stop()


def start_both_of_one(pair: Neighbours) -> None:
    """The first node serves and queues again."""
    pair.running[:2] = [pair.one.serve_ready(), pair.one.traffic(pair.two)]


def assert_nobody_must_act(pair: Neighbours) -> None:
    """No alarm is open at either node."""
    assert [list_alarms(home.node) for home in pair.both] == [[], []]


def test_set_while_the_node_runs(tmp_path: Path, urls: tuple[str | None, str | None]) -> None:
    """Each jump is doubted, and so is nothing else; no message is given up by it."""
    with clocked(tmp_path, urls) as (pair, clock):
        for jump in JUMPS:
            pair.say(f"set by {jump}")
            clock.set(jump)
            begins_to_doubt(pair)
            clock.set(RIGHT)
            is_sure_again(pair)
        with pair.one.node.database.read() as connection:
            kinds = connection.scalars(select(ALARM.c.kind).order_by(ALARM.c.id)).all()
        assert kinds.count(doubt.KIND) >= len(JUMPS)
        assert set(kinds) == {doubt.KIND, doubt.RIGHT}, "nothing was given up, refused or found stale"
        rest(pair, WRONG)
        assert_nobody_must_act(pair)


@pytest.mark.parametrize(
    "behind",
    [HOUR, DAY, pytest.param(YEAR, marks=pytest.mark.short_faults)],
    ids=["an hour", "a day", "a year"],
)
def test_behind_when_the_node_starts(tmp_path: Path, behind: timedelta) -> None:
    """It stands before what the node has recorded: doubted from the start, and across one more start."""
    with clocked(tmp_path) as (pair, clock):
        for _ in range(2):
            stop_both_of_one(pair)
            clock.set(-behind)
            start_both_of_one(pair)
            begins_to_doubt(pair)
        clock.set(RIGHT)
        is_sure_again(pair)
        rest(pair, WRONG)
        assert_nobody_must_act(pair)


@pytest.mark.parametrize(
    ("ahead", "restarted"),
    [
        (HOUR, False),
        (DAY, True),
        (YEAR, False),
        pytest.param(YEAR, True, marks=pytest.mark.short_faults),
    ],
    ids=["an hour", "a day, right at the next start", "a year", "a year, right at the next start"],
)
def test_ahead_when_the_node_starts(tmp_path: Path, ahead: timedelta, restarted: bool) -> None:
    """Nothing speaks against it but one peer. What is given up meanwhile is tried again once the clock is right."""
    with clocked(tmp_path) as (pair, clock):
        pair.two.relay.set_weather(Weather(refused=True))
        more(pair.one.count_attempts_in_vain, ATTEMPTS, "attempts fail")
        stop_both_of_one(pair)
        clock.set(ahead)
        start_both_of_one(pair)
        more(pair.one.count_received, ARRIVALS, "messages of the other side are taken")
        if ahead < timedelta(hours=pair.one.node.settings.retry_hours):
            pair.two.reach()
            more(pair.one.count_delivered, ARRIVALS, "messages are delivered")
        else:
            # What waited is given up, and holds back all that the queue has room for.
            until(lambda: pair.one.count_in_state("given-up"), lambda: "something is given up")
            pair.two.reach()
        if restarted:
            stop_both_of_one(pair)
        clock.set(RIGHT)
        if restarted:
            start_both_of_one(pair)
        is_sure_again(pair)
        rest(pair, WRONG)
        assert_nobody_must_act(pair)


def test_no_peer_can_be_reached_until_a_person_says_that_the_clock_is_right(tmp_path: Path) -> None:
    """Without anybody to ask the doubt lasts, also across a start, and ends by the act of a person, which is kept."""
    with clocked(tmp_path) as (pair, clock):
        pair.two.relay.set_weather(Weather(refused=True))
        clock.set(DAY)
        begins_to_doubt(pair)
        clock.set(RIGHT)
        stop_both_of_one(pair)
        start_both_of_one(pair)
        more(pair.two.count_attempts_in_vain, ATTEMPTS, "the other side tries in vain")
        assert doubts(pair)
        (alarm,) = list_alarms(pair.one.node)
        settle_alarm(pair.one.node, alarm["id"], "compared with the radio", "command line")
        more(pair.one.count_received, ARRIVALS, "messages are taken again")
        rest(pair, WRONG)
        assert_nobody_must_act(pair)


def test_a_node_that_dies_as_a_doubt_begins_or_ends(tmp_path: Path) -> None:
    """At each of its points; what runs next goes on from there."""
    with clocked(tmp_path) as (pair, clock):
        for point in ON_DOUBTS:
            pair.running[0].stop()
            pair.running[0] = pair.one.serve_ready(point)
            clock.set(DAY)
            if "ends" in point:
                begins_to_doubt(pair)
                clock.set(RIGHT)
            dies(pair.running[0])
            clock.set(RIGHT)
            pair.running[0] = pair.one.serve_ready()
            is_sure_again(pair)
        rest(pair, WRONG)
        assert_nobody_must_act(pair)


def dies(running: Running) -> None:
    """Wait until a process has killed itself."""
    until(lambda: running.process.poll() is not None, running.describe)
    assert running.process.poll() == KILLED == -signal.SIGKILL, running.describe()
