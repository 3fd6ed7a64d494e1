"""Killing processes at named points and at random, and counting who came back."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.faults.homes import READY, Home, Running

KILLED = -9
# A point that is not passed within this time under traffic is not reachable where it should be.
REACH_SECONDS = 90
# Beyond the first passages, so that a kill finds more than an empty node.
MOST_PASSAGES = 4
LONGEST_LIFE_SECONDS = 1.5


@dataclass
class Kill:
    """One death: where, on which side, and whether what was killed worked again afterwards."""

    point: str
    side: str
    recovered: bool = False


@dataclass
class Tally:
    """All kills, from several threads."""

    kills: list[Kill] = field(default_factory=list)

    def add(self, point: str, side: str, recovered: bool = False) -> Kill:
        """Count a kill."""
        kill = Kill(point, side, recovered)
        self.kills.append(kill)
        return kill

    def count(self, point: str, side: str) -> int:
        """Kills at a point on one side."""
        return sum((kill.point, kill.side) == (point, side) for kill in self.kills)

    def table(self) -> str:
        """Point × side × kills × recovered, as text."""
        lines = [f"{'point':34} {'node':6} {'kills':>5} {'recovered':>9}"]
        for point, side in sorted({(kill.point, kill.side) for kill in self.kills}):
            mine = [kill for kill in self.kills if (kill.point, kill.side) == (point, side)]
            lines.append(f"{point:34} {side:6} {len(mine):5} {sum(kill.recovered for kill in mine):9}")
        lines.append(f"{'all':41} {len(self.kills):5} {sum(kill.recovered for kill in self.kills):9}")
        return "\n".join(lines)


class Mortal:
    """A process that is started again and again. `works` tells whether a running one has come to work.

    A kill is recovered once a later process of this kind on the same home works.
    """

    def __init__(
        self, side: str, start: Callable[[str | None], Running], works: Callable[[Running], bool], tally: Tally
    ) -> None:
        self._side = side
        self._start = start
        self._works = works
        self._tally = tally
        self._open: list[Kill] = []
        self.running: Running | None = None

    def die_at(self, point: str, count: int) -> None:
        """Run until it kills itself at the count-th passage of `point`."""
        running = self._begin(f"{point}:{count}")
        status = running.ended_within(REACH_SECONDS)
        if status is None:
            running.kill()
            raise AssertionError(f"{point} was not passed {count} times in {REACH_SECONDS} s: {running.describe()}")
        self._note(running)
        assert status == KILLED, f"{point}: ended with {status}: {running.describe()}"
        self._open.append(self._tally.add(point, self._side))

    def live(self) -> Running:
        """Run without a point."""
        return self._begin(None)

    def die_within(self, seconds: float) -> None:
        """Kill the running one after so long, wherever it is then."""
        assert self.running is not None
        status = self.running.ended_within(seconds)
        assert status is None, f"ended by itself with {status}: {self.running.describe()}"
        self.running.kill()
        self._note(self.running)
        self._open.append(self._tally.add("at random", self._side))

    def assert_alive(self) -> None:
        """The running one has not ended by itself."""
        assert self.running is not None
        status = self.running.process.poll()
        assert status is None, f"ended by itself with {status}: {self.running.describe()}"

    def wait_until_works(self, seconds: float) -> None:
        """The running one has come to work; so what was killed before is recovered."""
        assert self.running is not None
        end = time.monotonic() + seconds
        while not self._works(self.running):
            self.assert_alive()
            assert time.monotonic() < end, f"does not come to work: {self.running.describe()}"
            time.sleep(0.05)
        self._note(self.running)

    def stop(self) -> None:
        """End the running one well."""
        assert self.running is not None
        self.assert_alive()
        self.running.stop()

    def _begin(self, crash_at: str | None) -> Running:
        self.running = self._start(crash_at)
        return self.running

    def _note(self, running: Running) -> None:
        if self._works(running):
            for kill in self._open:
                kill.recovered = True
            self._open.clear()


def serving(home: Home, tally: Tally) -> Mortal:
    """The serving process of a home; it works once its listeners answer."""
    return Mortal(home.party, home.serve, lambda running: READY in running.text(), tally)


def submitting(home: Home, peer: Home, tally: Tally) -> Mortal:
    """The process that queues messages; it works once one more is accepted than when it started."""
    accepted_before: dict[int, int] = {}

    def accepted() -> int:
        return home.ledger.path.read_text().count('"accepted"') if home.ledger.path.exists() else 0

    def start(crash_at: str | None) -> Running:
        before = accepted()
        running = home.traffic(peer, crash_at)
        accepted_before[id(running)] = before
        return running

    return Mortal(home.party, start, lambda running: accepted() > accepted_before[id(running)], tally)


def die_at_each(mortal: Mortal, points: list[str], times: int, startup: frozenset[str]) -> None:
    """Die at each of the points so often, in random order. Points of the start are passed only once a process."""
    plan = points * times
    random.shuffle(plan)
    for point in plan:
        mortal.die_at(point, 1 if point in startup else random.randint(1, MOST_PASSAGES))


class Together:
    """Threads that work on their own plans and then keep their processes alive until all plans are done."""

    def __init__(self, works: list[tuple[Callable[[], None], Mortal]]) -> None:
        self._works = works
        self._left = len(works)
        self._changed = threading.Condition()
        self._failed: list[BaseException] = []

    def run(self) -> None:
        """Run all; afterwards every process is alive. Raises the first failure, with every process killed."""
        threads = [threading.Thread(target=self._one, args=work) for work in self._works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._failed:
            raise self._failed[0]

    def _one(self, plan: Callable[[], None], mortal: Mortal) -> None:
        try:
            if not self._failed:
                plan()
            mortal.live()
            with self._changed:
                self._left -= 1
                self._changed.notify_all()
                while self._left and not self._failed:
                    mortal.assert_alive()
                    self._changed.wait(1)
        except BaseException as error:
            with self._changed:
                self._failed.append(error)
                self._changed.notify_all()
