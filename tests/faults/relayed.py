"""Homes whose peers reach them through a relay, and whose attempts end soon enough for a spell of bad weather."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from sqlalchemy import ColumnElement, func, select

from node.crash_points import SETTING
from node.exchange.settlement import MESSAGE
from tests.faults.executed import ExecutedRunning
from tests.faults.homes import ROOT, Home, Running, until
from tests.faults.relay import FAIR, Relay
from tests.faults.traffic import BEGUN

# An attempt that nobody answers ends so soon; the rest is as for nodes that are killed.
ATTEMPT_SECONDS = 4


class ImpatientHome(Home):
    """A home whose attempts end soon. What it starts may run `under` another program's words, in an `environment`, and
    be the `program` in another folder."""

    def __init__(self, folder: Path, party: str) -> None:
        super().__init__(folder, party)
        self.under: Sequence[str] = ()
        self.environment: Mapping[str, str] = {}
        self.program = ROOT

    @property
    def events(self) -> Mapping[str, int]:
        """What befell connections to this home, by what it was."""
        return {}

    def reach(self) -> None:
        """Take away whatever hinders connections to this home."""

    def make(self, database_url: str | None) -> None:
        """Make the node, on SQLite unless a database is named."""
        super().make(database_url)
        settings = self.folder / "depesha.toml"
        lines = [line for line in settings.read_text().splitlines() if not line.startswith("attempt_seconds")]
        settings.write_text("\n".join([*lines, f"attempt_seconds = {ATTEMPT_SECONDS}"]) + "\n")

    def count_received(self) -> int:
        """How many messages have arrived here."""
        return self._count(MESSAGE.c.direction == "in")

    def count_delivered(self) -> int:
        """How many of ours have their receipt."""
        return self._count(MESSAGE.c.state == "delivered")

    def count_in_state(self, state: str) -> int:
        """How many of ours are in this state."""
        return self._count((MESSAGE.c.direction == "out") & (MESSAGE.c.state == state))

    def count_attempts_in_vain(self) -> int:
        """Attempts to deliver what is not delivered; grows only while nothing of it is."""
        query = select(func.coalesce(func.sum(MESSAGE.c.attempts), 0)).where(
            MESSAGE.c.direction == "out", MESSAGE.c.state.in_(("queued", "sending"))
        )
        with self.node.database.read() as connection:
            return int(connection.scalar(query) or 0)

    def traffic(self, peer: Home, crash_at: str | None = None) -> Running:
        """The process that queues messages for the peer, once it does: before, SIGTERM would only kill it."""
        running = super().traffic(peer, crash_at)
        until(lambda: BEGUN in running.text() or running.process.poll() is not None, running.describe)
        return running

    def _count(self, which: ColumnElement[bool]) -> int:
        with self.node.database.read() as connection:
            return connection.scalar(select(func.count()).select_from(MESSAGE).where(which)) or 0

    def _start(
        self, words: list[str], name: str, crash_at: str | None, environment: Mapping[str, str] = MappingProxyType({})
    ) -> Running:
        if not self.under and not self.environment and self.program == ROOT:
            return super()._start(words, name, crash_at, environment)
        point = {SETTING: crash_at} if crash_at else {}
        log = self._logs / f"{self.party}-{len(self._running):03}-{name}.log"
        variables = {**self.environment, **environment, **point}
        self._running.append(ExecutedRunning(self.program, words, log, variables, self.under))
        return self._running[-1]


class RelayedHome(ImpatientHome):
    """A home that gives its relay's address to its peers; the relay passes on to where it listens."""

    def __init__(self, folder: Path, party: str, seed: int) -> None:
        super().__init__(folder, party)
        self.relay = Relay(self.outside, seed)
        self.url = f"http://127.0.0.1:{self.relay.port}/as4"
        self.relay.start()

    @property
    def events(self) -> Mapping[str, int]:
        """What befell connections at the relay, by what it was."""
        return self.relay.events

    def reach(self) -> None:
        """The weather is fair again."""
        self.relay.set_weather(FAIR)

    def end(self) -> None:
        """Leave nothing running and nothing open, whatever went wrong."""
        super().end()
        self.relay.stop()
