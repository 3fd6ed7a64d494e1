"""What networks do to two real nodes under traffic: partitions, delay, trickle, refusals, connections cut anywhere.

After each spell the weather is fair again and nobody helps: every accepted message arrives exactly once, in the order
of its case, every receipt answers a committed message, and no state says otherwise.
"""

import itertools
import random

import pytest

from tests.faults.homes import until
from tests.faults.neighbours import Neighbours, more, rest
from tests.faults.relay import FAIR, Cut, Weather

pytestmark = pytest.mark.faults

KIB = 1024
# A message with a large attachment is 300 KiB on the wire and an answer some 5 KiB.
REQUEST_CUTS = [Cut("request", kib * KIB) for kib in (*range(24), *range(24, 320, 8))]
ANSWER_CUTS = [Cut("answer", octets) for octets in range(0, 6 * KIB, 128)]
# So many messages arrive on each side under weather that lets some through.
ARRIVALS = 20
HELD_ATTEMPTS = 6


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
    """Every connection is cut, one at each place of a request, or at each 128 octets of an answer, and again."""
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
