"""What networks do to two real nodes under traffic: partitions, delay, trickle, refusals, connections cut anywhere.

After each spell the weather is fair again and nobody helps: every accepted message arrives exactly once, in the order
of its case, every receipt answers a committed message, and no state says otherwise.
"""

import itertools
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.homes import Running, until
from tests.faults.invariants import Side, findings, waiting
from tests.faults.relay import FAIR, Cut, Weather
from tests.faults.relayed import RelayedHome

pytestmark = pytest.mark.faults

SEED = 20261125
KIB = 1024
# A message with a large attachment is 300 KiB on the wire and an answer some 5 KiB.
REQUEST_CUTS = [Cut("request", kib * KIB) for kib in (*range(24), *range(24, 320, 8))]
ANSWER_CUTS = [Cut("answer", octets) for octets in range(0, 6 * KIB, 128)]
# So many messages arrive on each side under weather that lets some through.
ARRIVALS = 20
HELD_ATTEMPTS = 6


@dataclass
class Neighbours:
    """Two nodes behind relays, and what runs of them."""

    one: RelayedHome
    two: RelayedHome
    running: list[Running] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    @property
    def both(self) -> tuple[RelayedHome, RelayedHome]:
        return self.one, self.two

    def say(self, text: str) -> None:
        """Progress, for whoever watches."""
        print(f"[{time.monotonic() - self.began:5.0f} s] {text}", flush=True)

    def set_weather(self, weather: Weather, cuts: Callable[[], Iterator[Cut | None]] = lambda: iter(())) -> None:
        """The same weather on the way to each of them."""
        for home in self.both:
            home.relay.set_weather(weather, cuts())

    def events(self, what: str) -> int:
        """How often this befell connections, at the relay where it did so less often."""
        return min(home.relay.events[what] for home in self.both)

    def arrived(self) -> int:
        """How many messages have been received, where it was fewer."""
        return min(home.count_received() for home in self.both)


@pytest.fixture(params=["sqlite", "postgresql"])
def neighbours(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Neighbours]:
    """Both serve, and queue messages for each other without end."""
    urls = (None, None) if request.param == "sqlite" else request.getfixturevalue("postgresql_urls")
    one, two = RelayedHome(tmp_path / "one", "one", SEED), RelayedHome(tmp_path / "two", "two", SEED + 1)
    try:
        for home, url in zip((one, two), urls, strict=True):
            home.make(url)
        one.know_by_card(two)
        two.know_by_card(one)
        pair = Neighbours(one, two)
        for home, peer in ((one, two), (two, one)):
            pair.running += [home.serve_ready(), home.traffic(peer)]
        until(lambda: pair.arrived() > 0, lambda: "messages arrive on both sides")
        yield pair
    finally:
        for home in (one, two):
            home.end()


def rest(pair: Neighbours) -> None:
    """Traffic ends, everything comes to rest by itself, the nodes end well, and all is as it must be."""
    pair.set_weather(FAIR)
    serving, traffic = pair.running[::2], pair.running[1::2]
    for one in traffic:
        one.stop()

    def left() -> str:
        return " | ".join(f"{home.party}: {text}" for home in pair.both if (text := waiting(home.node)))

    began = time.monotonic()
    until(lambda: not left(), lambda: f"everything is delivered and sequenced: {left()}")
    pair.say(f"at rest {time.monotonic() - began:.1f} s after the weather was fair again")
    for one in serving:
        one.stop()
    sides = [Side(home.node, home.ledger.read()) for home in pair.both]
    found = findings(*sides)
    sent = [sum(one.message_id is not None for one in side.ledger.intents.values()) for side in sides]
    pair.say(f"accepted and received exactly once: {sent[0]} and {sent[1]}; {dict(pair.one.relay.events)}")
    assert not found, "\n".join(found)


def more(count: Callable[[], int], by: int, what: str) -> None:
    """Wait until a count has grown so far."""
    before = count()
    until(lambda: count() >= before + by, lambda: f"{what}: {count() - before} of {by}")


def test_partitions(neighbours: Neighbours) -> None:
    """Nothing passes in one direction, in the other, in both; new connections refused; each healed and come again."""
    for held in ({"request"}, {"answer"}, {"request", "answer"}):
        neighbours.say(f"held: {' and '.join(sorted(held))}")
        neighbours.set_weather(Weather(held=frozenset(held)))  # type: ignore[arg-type]
        # Where no request passes there is no answer to hold.
        way = "request" if "request" in held else "answer"
        more(lambda way=way: neighbours.events(f"{way} held"), HELD_ATTEMPTS, f"{way}s are held")  # type: ignore[misc]
        neighbours.set_weather(FAIR)
        more(neighbours.arrived, ARRIVALS, "messages arrive again")
    neighbours.say("refused")
    neighbours.set_weather(Weather(refused=True))
    more(lambda: neighbours.events("refused"), HELD_ATTEMPTS, "connections are refused")
    rest(neighbours)


def test_only_one_side_is_cut_off(neighbours: Neighbours) -> None:
    """What goes to one of them is lost, what it sends itself arrives: the receipts come back on its own connections."""
    neighbours.one.relay.set_weather(Weather(held=frozenset({"request"})))
    more(neighbours.one.count_delivered, ARRIVALS, "the cut-off one still delivers")
    more(lambda: neighbours.one.relay.events["request held"], HELD_ATTEMPTS, "and is not reached")
    rest(neighbours)


def test_delay_reordering_and_a_slow_line(neighbours: Neighbours) -> None:
    """Connections overtake each other; bodies and answers trickle."""
    neighbours.set_weather(Weather(delay_seconds=(0.0, 0.02)))
    more(neighbours.arrived, ARRIVALS, "messages arrive late")
    neighbours.set_weather(Weather(octets_per_second=64 * KIB))
    more(neighbours.arrived, ARRIVALS, "messages arrive slowly")
    rest(neighbours)


@pytest.mark.parametrize("cuts", [REQUEST_CUTS, ANSWER_CUTS], ids=["requests", "answers"])
def test_connections_cut_at_every_place(neighbours: Neighbours, cuts: list[Cut]) -> None:
    """Every connection is cut, one at each kilobyte of a request, or at each 128 octets of an answer, and again."""
    # What is cut late lets messages through before; only large ones come to the far cuts.
    with neighbours.one.large_only("cuts"), neighbours.two.large_only("cuts"):
        for home in neighbours.both:
            home.relay.set_weather(FAIR, itertools.cycle(cuts))
        until(
            lambda: all(set(cuts) <= home.relay.done for home in neighbours.both),
            lambda: f"cuts left: {[sorted(c.octets for c in set(cuts) - h.relay.done) for h in neighbours.both]}",
        )
    rest(neighbours)


def test_weather_that_changes_all_the_time(neighbours: Neighbours) -> None:
    """Whatever comes, in any order: the seed is printed, to see the same again."""
    seed = random.randrange(2**32)
    neighbours.say(f"seed {seed}")
    dice = random.Random(seed)
    for _ in range(12):
        for home in neighbours.both:
            cuts = [dice.choice((None, *REQUEST_CUTS, *ANSWER_CUTS)) for _ in range(50)]
            weather = dice.choice(
                (
                    FAIR,
                    Weather(delay_seconds=(0.0, 0.1)),
                    Weather(held=frozenset({"answer"})),
                    Weather(held=frozenset({"request"})),
                    Weather(octets_per_second=100 * KIB),
                    Weather(refused=True),
                )
            )
            home.relay.set_weather(weather, cuts)
        more(lambda: sum(sum(home.relay.events.values()) for home in neighbours.both), ARRIVALS, "connections come")
    rest(neighbours)
