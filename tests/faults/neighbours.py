"""Two real nodes behind relays, under traffic in both directions, and what must be true of them after any trouble."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Generic, TypeVar

from tests.faults.history import ONE_CLOCK
from tests.faults.homes import Running, until, until_alive
from tests.faults.invariants import Side, findings, waiting
from tests.faults.relay import Weather
from tests.faults.relayed import ImpatientHome, RelayedHome

SEED = 20261125


H = TypeVar("H", bound=ImpatientHome)


@dataclass
class Pair(Generic[H]):
    """Two nodes, and what runs of them: for each the serving process, then the one that queues."""

    one: H
    two: H
    running: list[Running] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    @property
    def both(self) -> tuple[H, H]:
        return self.one, self.two

    def say(self, text: str) -> None:
        """Progress, for whoever watches."""
        print(f"[{time.monotonic() - self.began:5.0f} s] {text}", flush=True)

    def arrived(self) -> int:
        """How many messages have been received, where it was fewer."""
        return min(home.count_received() for home in self.both)


class Neighbours(Pair[RelayedHome]):
    """Two nodes behind relays."""

    def set_weather(self, weather: Weather) -> None:
        """The same weather on the way to each of them."""
        for home in self.both:
            home.relay.set_weather(weather)

    def events(self, what: str) -> int:
        """How often this befell connections, at the relay where it did so less often."""
        return min(home.relay.events[what] for home in self.both)


@contextmanager
def neighbours_on(
    urls: tuple[str | None, str | None],
    folder: Path,
    settings: Mapping[str, str] | None = None,
    prepare: Callable[[Neighbours], None] | None = None,
) -> Iterator[Neighbours]:
    """Both serve, and queue messages for each other without end; on SQLite where no database is named. `settings` are
    added to those of the first; `prepare` is done before anything runs."""
    pair = Neighbours(RelayedHome(folder / "one", "one", SEED), RelayedHome(folder / "two", "two", SEED + 1))
    with at_work(pair, urls, settings, prepare):
        yield pair


@contextmanager
def at_work(
    pair: Pair[H],
    urls: tuple[str | None, str | None],
    settings: Mapping[str, str] | None = None,
    prepare: Callable[[Any], None] | None = None,
) -> Iterator[None]:
    """Make both nodes, and let both serve and queue while the block runs (see `neighbours_on`)."""
    try:
        for home, url in zip(pair.both, urls, strict=True):
            home.make(url)
        with (pair.one.folder / "depesha.toml").open("a", encoding="utf-8") as file:
            file.writelines(f"{name} = {value}\n" for name, value in (settings or {}).items())
        pair.one.know_by_card(pair.two)
        pair.two.know_by_card(pair.one)
        if prepare is not None:
            prepare(pair)
        for home, peer in (pair.both, pair.both[::-1]):
            pair.running += [home.serve_ready(), home.traffic(peer)]
        until_alive(lambda: pair.arrived() > 0, lambda: "messages arrive on both sides", pair.running)
        yield
    finally:
        for home in pair.both:
            home.end()


def rest(pair: Pair[Any], clocks: timedelta = ONE_CLOCK) -> None:
    """Traffic ends, everything comes to rest by itself, the nodes end well, and all is as it must be; their clocks may
    have differed by `clocks`."""
    for home in pair.both:
        home.reach()
    serving, traffic = pair.running[::2], pair.running[1::2]
    for one in traffic:
        one.stop()

    def left() -> str:
        return " | ".join(f"{home.party}: {text}" for home in pair.both if (text := waiting(home.node)))

    began = time.monotonic()
    # Twice: what came from the other side between the looks at both may lead to something here.
    until(lambda: not left() and not left(), lambda: f"everything is delivered and sequenced: {left()}")
    pair.say(f"at rest {time.monotonic() - began:.1f} s after the weather was fair again")
    for one in serving:
        one.stop()
    sides = [Side(home.node, home.ledger.read()) for home in pair.both]
    found = findings(*sides, clocks=clocks)
    sent = [sum(one.message_id is not None for one in side.ledger.intents.values()) for side in sides]
    pair.say(f"accepted and received exactly once: {sent[0]} and {sent[1]}; {dict(pair.one.events)}")
    assert not found, "\n".join(found)


def more(count: Callable[[], int], by: int, what: str) -> None:
    """Wait until a count has grown so far."""
    before = count()
    until(lambda: count() >= before + by, lambda: f"{what}: {count() - before} of {by}")
