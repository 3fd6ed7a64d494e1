"""Two real nodes behind relays, under traffic in both directions, and what must be true of them after any trouble."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.homes import Running, until, until_alive
from tests.faults.invariants import Side, findings, waiting
from tests.faults.relay import FAIR, Weather
from tests.faults.relayed import RelayedHome

SEED = 20261125


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

    def set_weather(self, weather: Weather) -> None:
        """The same weather on the way to each of them."""
        for home in self.both:
            home.relay.set_weather(weather)

    def events(self, what: str) -> int:
        """How often this befell connections, at the relay where it did so less often."""
        return min(home.relay.events[what] for home in self.both)

    def arrived(self) -> int:
        """How many messages have been received, where it was fewer."""
        return min(home.count_received() for home in self.both)


@contextmanager
def neighbours_on(
    urls: tuple[str | None, str | None], folder: Path, settings: Mapping[str, str] | None = None
) -> Iterator[Neighbours]:
    """Both serve, and queue messages for each other without end; on SQLite where no database is named. `settings` are
    added to those of the first."""
    one, two = RelayedHome(folder / "one", "one", SEED), RelayedHome(folder / "two", "two", SEED + 1)
    try:
        for home, url in zip((one, two), urls, strict=True):
            home.make(url)
        with (one.folder / "depesha.toml").open("a", encoding="utf-8") as file:
            file.writelines(f"{name} = {value}\n" for name, value in (settings or {}).items())
        one.know_by_card(two)
        two.know_by_card(one)
        pair = Neighbours(one, two)
        for home, peer in ((one, two), (two, one)):
            pair.running += [home.serve_ready(), home.traffic(peer)]
        until_alive(lambda: pair.arrived() > 0, lambda: "messages arrive on both sides", pair.running)
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
