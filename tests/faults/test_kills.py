"""Real nodes under traffic in both directions kill themselves at every crash point, on both sides, and at random.

Whatever died: every accepted message arrives exactly once, in the order of its case, every receipt answers a committed
message, and no blob is without a row.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import pytest
from sqlalchemy import func, select

from node.exchange.settlement import MESSAGE
from tests.faults import occasional
from tests.faults.homes import Home, Running, until
from tests.faults.invariants import Side, findings, orphans, waiting
from tests.faults.kills import Mortal, Tally, Together, die_at_each, die_at_random, serving, submitting
from tests.faults.points import OCCASIONAL, SERVE, SUBMIT

LONGEST_LIFE_SECONDS = 2.0


@dataclass(frozen=True)
class Plan:
    """How often each side dies at each point that traffic passes, and at each that it does not, and how often any
    process dies at any moment."""

    times: int
    now_and_then: int
    at_random: int


FEW = Plan(times=2, now_and_then=2, at_random=20)
MANY = Plan(times=8, now_and_then=2, at_random=190)
MANY_KILLS = 500


@dataclass
class Pair:
    """Two nodes that know each other, what was killed, and what a person took back."""

    one: Home
    two: Home
    plan: Plan
    tally: Tally = field(default_factory=Tally)
    withdrawn: dict[str, set[str]] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    @property
    def both(self) -> tuple[tuple[Home, Home], tuple[Home, Home]]:
        """Each home with its peer."""
        return (self.one, self.two), (self.two, self.one)

    def say(self, text: str) -> None:
        """Progress, for whoever watches."""
        print(f"[{time.monotonic() - self.began:5.0f} s] {text}", flush=True)

    def on_both(self, work: Callable[[Home, Home], object]) -> None:
        """Do something for both homes at once."""
        with ThreadPoolExecutor(2) as pool:
            for future in [pool.submit(work, home, peer) for home, peer in self.both]:
                future.result()

    def side(self, home: Home) -> Side:
        """What the checks want to know of a home."""
        return Side(home.node, home.ledger.read(), frozenset(self.withdrawn.get(home.party, ())))


def come_to_rest(pair: Pair) -> None:
    """Wait until nothing is on its way; the nodes serve meanwhile."""

    def left() -> str:
        return " | ".join(f"{home.party}: {text}" for home, _ in pair.both if (text := waiting(home.node)))

    # Twice: what came from the other side between the looks at both may lead to something here.
    until(lambda: not left() and not left(), lambda: f"everything is delivered and sequenced: {left()}")


def serve_both(pair: Pair) -> list[Running]:
    """Both nodes serve."""
    return [home.serve_ready() for home, _ in pair.both]


def stop_all(running: list[Running]) -> None:
    """Both nodes end well."""
    for one in running:
        one.stop()


def kill_now_and_then(pair: Pair) -> None:
    """What traffic does not pass is brought about, on each side, as often as the other points are."""
    for _ in range(pair.plan.now_and_then):

        def while_nobody_serves(home: Home, peer: Home) -> None:
            taken_back = pair.withdrawn.setdefault(home.party, set())
            taken_back.add(occasional.stale(home, peer, pair.tally))
            taken_back.add(occasional.withdraw(home, peer, pair.tally))
            occasional.resend(home, peer, pair.tally)

        pair.on_both(while_nobody_serves)
        for home, peer in pair.both:
            occasional.renew(home, peer, pair.tally)
        running = serve_both(pair)
        pair.on_both(lambda home, peer: occasional.ping(home, peer, pair.tally))
        pair.on_both(lambda home, peer: occasional.opened_and_told(home, peer, pair.tally))
        come_to_rest(pair)
        stop_all(running)
        for home, peer in pair.both:
            occasional.other_content(home, peer, pair.tally)

        def while_nothing_is_agreed(home: Home, peer: Home) -> None:
            for agreement in home.do("agreement", "list"):
                if agreement["state"] == "in force":
                    home.do("agreement", "end", agreement["id"])
            occasional.opened_untold(home, pair.tally)
            home.agree_with(peer)

        pair.on_both(while_nothing_is_agreed)


def kill_under_traffic(pair: Pair, serve: list[str], submit: list[str]) -> None:
    """Traffic in both directions; every process dies at its points, then any of them at any moment."""
    serving_ones = [serving(home, peer, pair.tally) for home, peer in pair.both]
    submitting_ones = [submitting(home, peer, pair.tally) for home, peer in pair.both]
    plans: list[tuple[Callable[[], None], Mortal]] = []
    for mortals, points in ((serving_ones, serve), (submitting_ones, submit)):
        plans += [(partial(die_at_each, mortal, points, pair.plan.times), mortal) for mortal in mortals]
    everyone = serving_ones + submitting_ones
    Together(plans, pair.tally).run()
    pair.say(f"{len(pair.tally.kills)} kills at points are done; now {pair.plan.at_random} at random")
    die_at_random(everyone, pair.plan.at_random, LONGEST_LIFE_SECONDS)
    for mortal in everyone:
        mortal.wait_until_works()
    for mortal in submitting_ones:
        mortal.stop()
    pair.say("traffic has ended; what is on its way arrives")
    come_to_rest(pair)
    for mortal in serving_ones:
        mortal.stop()


def judge(pair: Pair) -> None:
    """Print what was done and fail with everything that is wrong."""
    pair.say("at rest; everything is compared")
    lost = {home.party: orphans(home.node) for home, _ in pair.both}
    wrong = findings(pair.side(pair.one), pair.side(pair.two))
    print(f"\n{pair.tally.table()}\n")
    for home, _ in pair.both:
        with home.node.database.read() as connection:
            out = MESSAGE.c.direction == "out"
            sent, most = connection.execute(select(func.count(), func.max(MESSAGE.c.attempts)).where(out)).one()
            again = connection.scalar(select(func.count()).where(out, MESSAGE.c.attempts > 1))
        print(
            f"{home.party}: {sent} messages sent, {again} of them in several attempts (most: {most}), "
            f"{lost[home.party]} blobs without a row before the sweep"
        )
    unrecovered = [kill for kill in pair.tally.kills if not kill.recovered]
    assert not wrong, f"{len(wrong)} findings:\n" + "\n".join(wrong[:50])
    assert not unrecovered, f"not recovered: {unrecovered}"


def require(pair: Pair, times: int, points: tuple[str, ...]) -> None:
    """Each side has died at each of the points as often as it should."""
    missing = [
        f"{point} at {home.party}"
        for point in points
        for home, _ in pair.both
        if pair.tally.count(point, home.party) < times
    ]
    assert not missing, missing


def killed_on_sqlite(homes: tuple[Home, Home], plan: Plan) -> Pair:
    """Every point, on each side, and at random; the nodes know each other by card."""
    pair = Pair(*homes, plan)
    for home, _ in pair.both:
        home.make(None)
    pair.on_both(Home.know_by_card)
    pair.say("two nodes are made")
    kill_now_and_then(pair)
    pair.say(f"{len(pair.tally.kills)} kills beside traffic are done; now under traffic")
    kill_under_traffic(pair, [*SERVE], [*SUBMIT])
    judge(pair)
    require(pair, plan.times, (*SERVE, *SUBMIT))
    require(pair, plan.now_and_then, OCCASIONAL)
    return pair


def killed_on_postgresql(homes: tuple[Home, Home], urls: tuple[str, str], plan: Plan) -> Pair:
    """Every point that traffic passes, on each side, and at random; the nodes know each other by certificate."""
    pair = Pair(*homes, plan)
    for (home, _), url in zip(pair.both, urls, strict=True):
        home.make(url)
    pair.on_both(Home.know_by_certificate)
    pair.say("two nodes are made")
    kill_under_traffic(pair, [*SERVE], [*SUBMIT])
    judge(pair)
    require(pair, plan.times, (*SERVE, *SUBMIT))
    return pair


@pytest.mark.kills
def test_kills_on_sqlite(homes: tuple[Home, Home]) -> None:
    """Every point twice on each side, and at random."""
    killed_on_sqlite(homes, FEW)


@pytest.mark.kills
def test_kills_on_postgresql(homes: tuple[Home, Home], postgresql_urls: tuple[str, str]) -> None:
    """Every point that traffic passes twice on each side, and at random."""
    killed_on_postgresql(homes, postgresql_urls, FEW)


@pytest.mark.faults
def test_many_kills_on_sqlite(homes: tuple[Home, Home]) -> None:
    """The first half of a thousand."""
    assert len(killed_on_sqlite(homes, MANY).tally.kills) >= MANY_KILLS


@pytest.mark.faults
def test_many_kills_on_postgresql(homes: tuple[Home, Home], postgresql_urls: tuple[str, str]) -> None:
    """The second half of a thousand."""
    assert len(killed_on_postgresql(homes, postgresql_urls, MANY).tally.kills) >= MANY_KILLS
