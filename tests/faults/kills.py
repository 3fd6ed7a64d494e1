"""Killing processes at named points and at random, and counting who came back."""

import random
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from tests.faults.homes import READY, Home, Running, until
from tests.faults.invariants import waiting
from tests.faults.points import AT_START, LARGE_QUEUED, LARGE_RECEIVED, LARGE_SENT

KILLED = -9
# Beyond the first passages, so that a kill finds more than an empty node.
MOST_PASSAGES = 4
# Of the kills at random so many come once the process works; the others while it starts, or soon after.
WORKING_SHARE = 0.75


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
    failed: threading.Event = field(default_factory=threading.Event)
    """set when one thread has failed, so that the others do not go on"""

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


@dataclass(frozen=True)
class Kind:
    """What sort of process dies: how one starts, whether it has come to work, the traffic that leads it past a point,
    and how things stand, in words."""

    start: Callable[[str | None], Running]
    works: Callable[[Running], bool]
    traffic_for: Callable[[str], AbstractContextManager[None]]
    state: Callable[[], str]


class Mortal:
    """A process that is started again and again.

    A kill is recovered once a later process of this kind on the same home works.
    """

    def __init__(self, side: str, kind: Kind, tally: Tally) -> None:
        self._side = side
        self._kind = kind
        self._tally = tally
        self._open: list[Kill] = []
        self.running: Running | None = None

    def die_at(self, point: str, count: int) -> None:
        """Run, under the traffic that passes `point`, until it kills itself at the count-th passage."""
        with self._kind.traffic_for(point):
            running = self._begin(f"{point}:{count}")
            until(
                lambda: running.process.poll() is not None or self._tally.failed.is_set(),
                lambda: f"{self._side} passes {point!r} {count} times ({self._kind.state()}): {running.describe()}",
            )
        status = running.process.poll()
        assert status is not None, f"{point} was waited for no longer: something else has failed"
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

    def wait_until_works(self) -> None:
        """The running one has come to work; so what was killed before is recovered."""
        running = self.running
        assert running is not None

        def works() -> bool:
            self.assert_alive()
            return self._kind.works(running)

        until(works, lambda: f"{self._side} works ({self._kind.state()}): {running.describe()}")
        self._note(running)

    def stop(self) -> None:
        """End the running one well."""
        assert self.running is not None
        self.assert_alive()
        self.running.stop()

    def _begin(self, crash_at: str | None) -> Running:
        self.running = self._kind.start(crash_at)
        return self.running

    def _note(self, running: Running) -> None:
        if self._kind.works(running):
            for kill in self._open:
                kill.recovered = True
            self._open.clear()


def _state(home: Home, peer: Home) -> str:
    return "; ".join(f"{one.party}: {waiting(one.node) or 'nothing waits'}" for one in (home, peer))


def serving(home: Home, peer: Home, tally: Tally) -> Mortal:
    """The serving process of a home; it works once its listeners answer."""

    def traffic_for(point: str) -> AbstractContextManager[None]:
        if point in LARGE_RECEIVED:
            return peer.large_only(f"{home.party} receives")
        if point in LARGE_SENT:
            return home.large_only(f"{home.party} sends")
        return nullcontext()

    kind = Kind(home.serve, lambda running: READY in running.text(), traffic_for, lambda: _state(home, peer))
    return Mortal(home.party, kind, tally)


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

    def works(running: Running) -> bool:
        return accepted() > accepted_before[id(running)]

    def traffic_for(point: str) -> AbstractContextManager[None]:
        return home.large_only(f"{home.party} queues") if point in LARGE_QUEUED else nullcontext()

    return Mortal(home.party, Kind(start, works, traffic_for, lambda: _state(home, peer)), tally)


def die_at_each(mortal: Mortal, points: list[str], times: int) -> None:
    """Die at each of the points so often, in random order. Points of the start are passed only once a process."""
    plan = points * times
    random.shuffle(plan)
    for point in plan:
        mortal.die_at(point, 1 if point in AT_START else random.randint(1, MOST_PASSAGES))


def die_at_random(mortals: list[Mortal], times: int, longest_seconds: float) -> None:
    """They die at any moment, so often in all and each as often; all of them are alive before and after."""
    plan = [mortals[n % len(mortals)] for n in range(times)]
    random.shuffle(plan)
    for mortal in plan:
        if random.random() < WORKING_SHARE:
            mortal.wait_until_works()
        mortal.die_within(random.uniform(0.05, longest_seconds))
        mortal.live()


class Together:
    """Threads that work on their own plans and then keep their processes alive until all plans are done."""

    def __init__(self, works: list[tuple[Callable[[], None], Mortal]], tally: Tally) -> None:
        self._works = works
        self._left = len(works)
        self._changed = threading.Condition()
        self._tally = tally
        self._failed: list[BaseException] = []

    def run(self) -> None:
        """Run all; afterwards every process is alive. Raises the first failure; the others stop soon then."""
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
            self._tally.failed.set()
            with self._changed:
                self._failed.append(error)
                self._changed.notify_all()
