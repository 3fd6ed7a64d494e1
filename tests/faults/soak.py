"""A soak: two nodes under even traffic for hours, with all that may befall them, and samples of what they take.

    python -m tests.faults.soak HOURS [--a-second 2] [--look-seconds 60] [--folder DIR]

The first node keeps its rows in SQLite, the second in PostgreSQL; they speak TLS, through relays. Records and other
messages go both ways, with attachments; duplicates and hostile requests come all the time, a partition every ten
minutes, a kill of whoever queues every ten minutes too. Each node is killed in the first tenth and then left alive: its
memory and files, sampled every minute into samples.csv, must be flat after a warm-up. At the end everything comes to
rest and is compared as in `make kills`. Exit status 1 when anything is wrong.
"""

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from sqlalchemy.engine import make_url

from node.store.database import open_database
from node.store.migrations import upgrade
from tests.conftest import _start_postgresql
from tests.faults import steady
from tests.faults.flatness import HEAD
from tests.faults.homes import Running, until_alive
from tests.faults.hostile import ACTS, Partner
from tests.faults.invariants import waiting
from tests.faults.neighbours import Neighbours, rest
from tests.faults.relay import FAIR, Weather
from tests.faults.relayed import ATTEMPT_SECONDS, RelayedHome
from tests.faults.samples import SampleFile, look, trends

LOOK_SECONDS = 60.0
ACT_SECONDS = 5.0
TROUBLE_SECONDS = 600.0
# A partition lasts until so many attempts were held, or so long.
HELD_ATTEMPTS, HELD_SECONDS = 3, 120.0
# When the nodes are killed, as shares of the time: all the rest is left for one long life of each.
KILLS = ((0.03, 0), (0.06, 1), (0.09, 0), (0.1, 1))
WARM_UP = 0.25
BACKLOG = 16


class SoakHome(RelayedHome):
    """A home that speaks TLS, behind its relay, with a process that queues at an even pace."""

    def __init__(self, folder: Path, party: str, seed: int, a_second: float) -> None:
        super().__init__(folder, party, seed)
        self.url = self.url.replace("http:", "https:")
        self._a_second = a_second

    def make(self, database_url: str | None) -> None:
        """Make the node; its attempts last longer than those of short tests, for busy machines."""
        super().make(database_url)
        settings = self.folder / "depesha.toml"
        short = f"attempt_seconds = {ATTEMPT_SECONDS}\n"
        settings.write_text(settings.read_text().replace(short, "attempt_seconds = 20\n"))

    def steady(self, peer: RelayedHome) -> Running:
        """The process that queues, once it can be stopped well."""
        words = ["tests.faults.steady", str(self.folder), peer.party, str(self.ledger.path)]
        running = self._start([*words, str(BACKLOG), str(self._a_second)], "steady", None)
        until_alive(lambda: steady.READY in running.text(), running.describe, [running])
        return running


@dataclass
class Soak:
    """The two nodes, what runs of them, and what was done to them."""

    pair: Neighbours
    homes: tuple[SoakHome, SoakHome]
    seconds: float
    look_seconds: float
    samples: SampleFile
    began: float = field(default_factory=time.monotonic)
    lives: list[int] = field(default_factory=lambda: [1, 1])
    counts: Counter[str] = field(default_factory=Counter)
    over: threading.Event = field(default_factory=threading.Event)
    changing: threading.Lock = field(default_factory=threading.Lock)
    """held while a serving process is replaced"""

    def run(self) -> None:
        """Let it all go on for the time. Raises what went wrong first."""
        works: list[Callable[[], None]] = [self._sample, self._kill, self._trouble, *map(self._acts_of, (0, 1))]
        with ThreadPoolExecutor(len(works)) as pool:
            futures = [pool.submit(work) for work in works]
            wait(futures, timeout=self.seconds, return_when=FIRST_EXCEPTION)
            self.over.set()
        for future in futures:
            future.result()

    def _every(self, seconds: float, act: Callable[[], None]) -> None:
        while not self.over.wait(seconds):
            act()

    def _sample(self) -> None:
        def one_look() -> None:
            with self.changing:
                for n, home in enumerate(self.homes):
                    running = self.pair.running[2 * n]
                    assert running.process.poll() is None, f"ended by itself: {running.describe()}"
                    at = time.monotonic() - self.began
                    self.samples.add(look(at, self.lives[n], running.process.pid, home.node))
            last = self.samples.samples[-1]
            if len(self.samples.samples) % 20 == 0:
                self.pair.say(f"{last.messages} messages; {last.resident_bytes / 1e6:.0f} MB; {dict(self.counts)}")

        one_look()
        self._every(self.look_seconds, one_look)

    def _kill(self) -> None:
        for share, n in KILLS:
            if self.over.wait(max(0.0, self.began + share * self.seconds - time.monotonic())):
                return
            with self.changing:
                self.pair.running[2 * n].kill()
                self.pair.running[2 * n] = self.homes[n].serve_ready()
                self.lives[n] += 1
            self.counts["nodes killed"] += 1

    def _trouble(self) -> None:
        held: list[frozenset[str]] = [frozenset({"request"}), frozenset({"answer"}), frozenset({"request", "answer"})]

        def one_trouble() -> None:
            n = random.randrange(2)
            relay = self.homes[n].relay
            ways = random.choice(held)
            way = "request" if "request" in ways else "answer"
            before, end = relay.events[f"{way} held"], time.monotonic() + HELD_SECONDS
            relay.set_weather(Weather(held=ways))  # type: ignore[arg-type]
            while relay.events[f"{way} held"] < before + HELD_ATTEMPTS and time.monotonic() < end:
                if self.over.wait(1.0):
                    break
            relay.set_weather(FAIR)
            self.counts["partitions"] += 1
            n = random.randrange(2)
            self.pair.running[2 * n + 1].kill()
            self.pair.running[2 * n + 1] = self.homes[n].steady(self.homes[1 - n])
            self.counts["queuing processes killed"] += 1

        self._every(min(TROUBLE_SECONDS, self.seconds / 6), one_trouble)

    def _acts_of(self, n: int) -> Callable[[], None]:
        partner = Partner(self.homes[n], self.homes[1 - n])
        # Each of these leaves an alarm for a person: a few are enough.
        acts = [act for act in ACTS if act.__name__ != "other_content"] * 50 + [ACTS[-1]]

        def one_act() -> None:
            act = random.choice(acts)
            try:
                act(partner)
                self.counts[act.__name__] += 1
            except OSError:
                # Nobody answers while the node is killed and started; at any other time it must.
                if self.changing.acquire(blocking=False):
                    self.changing.release()
                    act(partner)

        return lambda: self._every(ACT_SECONDS, one_act)


def _postgresql(server: str) -> str:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE soak")
    url = make_url(server).set(drivername="postgresql+psycopg", database="soak")
    text = url.render_as_string(hide_password=False)
    database = open_database(text)
    upgrade(database)
    database.close()
    return text


def soak(hours: float, a_second: float, look_seconds: float, folder: Path) -> bool:
    """Run one of so many hours; returns whether all was well, and prints what there is to say."""
    cluster = Path(tempfile.mkdtemp(prefix="depesha-pg-"))  # the server runs as another user, who reaches no other
    server = _start_postgresql(cluster)
    homes = (SoakHome(folder / "one", "one", 1, a_second), SoakHome(folder / "two", "two", 2, a_second))
    try:
        for home, url in zip(homes, (None, _postgresql(server.get_uri())), strict=True):
            home.make(url)
        homes[0].know_by_card(homes[1])
        homes[1].know_by_card(homes[0])
        pair = Neighbours(*homes)
        for home, peer in (homes, homes[::-1]):
            pair.running += [home.serve_ready(), home.steady(peer)]
        until_alive(lambda: pair.arrived() > 0, lambda: "messages arrive on both sides", pair.running)
        run = Soak(pair, homes, hours * 3600, look_seconds, SampleFile(folder / "samples.csv"))
        pair.say(f"soak of {hours:g} h, {a_second:g} a second each way; samples in {run.samples.path}")
        run.run()
        pair.say(f"over: {dict(run.counts)}")
        rest(pair)
        return _judge(run)
    finally:
        for home in homes:
            home.end()
        server.cleanup()


def _judge(run: Soak) -> bool:
    found = trends(run.samples.samples, WARM_UP * run.seconds)
    print(HEAD)
    for one in found:
        print(one)
    errors = [
        running.describe()
        for home in run.homes
        for running in home.started
        if any(word in running.text() for word in ("could not be handled", '"where": [', "Traceback"))
    ]
    for text in errors:
        print(f"a fault of a node's own: {text}")
    for home in run.homes:
        assert not waiting(home.node)
    return all(one.is_flat for one in found) and not errors


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hours", type=float)
    parser.add_argument("--a-second", type=float, default=2.0)
    parser.add_argument("--look-seconds", type=float, default=LOOK_SECONDS)
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="depesha-soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    return 0 if soak(arguments.hours, arguments.a_second, arguments.look_seconds, folder) else 1


if __name__ == "__main__":
    sys.exit(main())
