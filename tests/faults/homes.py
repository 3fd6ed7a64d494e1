"""Two nodes as strangers make and run them, by the command line; every process may be told where to die."""

import json
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from node.crash_points import SETTING
from node.exchange.node import Node, open_node
from tests.faults import records
from tests.faults.forked import Forked
from tests.faults.ledger import Ledger
from tests.faults.traffic import ACTION, SERVICE
from tests.interop.nodes import free_port

ROOT = Path(__file__).parents[2]
READY = "Depesha serves"
# What is waited for is always a condition. This is only for what will never come: on the busiest machine nothing takes
# so long, and whatever did not come is named.
BACKSTOP_SECONDS = 300
LOOK_SECONDS = 0.1
# A peer that was killed is tried again soon.
SETTINGS = {
    "retry_first_seconds": "0.2",
    "retry_longest_seconds": "1",
    "attempt_seconds": "60",
    "allow_unilateral_terms": "true",
    "log_level": '"warning"',
}
# With more in the outbox traffic waits: what is to be seen is order and loss, not a long queue.
BACKLOG = 16
# Whoever is to die while it queues does not wait for anybody else's progress.
NO_BACKLOG = 1_000_000


def until(condition: Callable[[], Any], what: Callable[[], str]) -> Any:
    """Ask again until `condition` gives something true; fails, much later, saying `what` is still not so."""
    end = time.monotonic() + BACKSTOP_SECONDS
    while not (value := condition()):
        assert time.monotonic() < end, f"after {BACKSTOP_SECONDS} s still not: {what()}"
        time.sleep(LOOK_SECONDS)
    return value


def until_alive(condition: Callable[[], Any], what: Callable[[], str], running: Sequence["Running"]) -> Any:
    """The same, while all of `running` live; fails at once for one that has ended by itself."""

    def looked() -> Any:
        for one in running:
            assert one.process.poll() is None, f"ended by itself: {one.describe()}"
        return condition()

    return until(looked, what)


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen()
        except OSError:
            return False
    return True


class Running:
    """A process with its log. `crash_at` names the point where it is to die."""

    def __init__(
        self, words: list[str], log: Path, crash_at: str | None, environment: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.log = log
        self.log.touch()
        self.words = words
        self.process = Forked(ROOT, words, log, dict(environment) | ({SETTING: crash_at} if crash_at else {}))

    def text(self) -> str:
        """What it has written so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def ended_within(self, seconds: float) -> int | None:
        """Its exit status (negative: the signal), or None if it still runs after so long."""
        return self.process.wait(seconds)

    def kill(self) -> None:
        """SIGKILL, and wait for its end."""
        self.process.signal(signal.SIGKILL)
        assert self.process.wait(BACKSTOP_SECONDS) is not None, f"SIGKILL did not end {self.words}"

    def stop(self) -> None:
        """SIGTERM; it must end by itself and well."""
        self.process.signal(signal.SIGTERM)
        status = self.ended_within(BACKSTOP_SECONDS)
        if status is None:
            self.kill()
        assert status == 0, f"{self.describe()}: ended with {status} after SIGTERM"

    def describe(self) -> str:
        """For failures: the command and the end of its log."""
        return f"{' '.join(self.words)} (log {self.log})\n{self.text()[-3000:]}"


class Home:
    """One administration: its folder, its commands, its processes, and its ledger of what it has sent."""

    def __init__(self, folder: Path, party: str) -> None:
        self.folder = folder
        self.party = party
        self.outside = free_port()
        self.inside = free_port()
        self.url = f"http://127.0.0.1:{self.outside}/as4"
        self.ledger = Ledger(folder.parent / f"{party}.ledger")
        self._logs = folder.parent / "logs"
        self._logs.mkdir(exist_ok=True)
        self._large = folder.parent / f"{party}.large"
        self._large.mkdir()
        self._running: list[Running] = []

    def make(self, database_url: str | None) -> None:
        """Make the node, on SQLite unless a database is named."""
        environment = {} if database_url is None else {"DEPESHA_DATABASE_URL": database_url}
        words = ["node", "init", "--party", self.party, "--name", f"Office {self.party}", "--url", self.url]
        made = self._start([*words, "--home", str(self.folder)], "init", None, environment)
        assert made.ended_within(BACKSTOP_SECONDS) == 0, made.describe()
        settings = dict(SETTINGS)
        if database_url is not None:
            settings["database_url"] = json.dumps(database_url)
        with (self.folder / "depesha.toml").open("a", encoding="utf-8") as file:
            file.writelines(f"{name} = {value}\n" for name, value in settings.items())

    def know_by_card(self, other: "Home") -> None:
        """Take the other's card and words: messages carry sequence numbers then."""
        made = other.do("card")
        path = self.folder.parent / f"{other.party}.card"
        path.write_text(made["card"])
        self.do("peer", "add", str(path), "--words", " ".join(made["words"]))
        self.agree_with(other)

    def know_by_certificate(self, other: "Home") -> None:
        """Take the other's certificates as given."""
        keys = other.folder / "keys"
        self.do(
            "peer", "add", "--party", other.party, "--url", other.url, "--signing-cert", str(keys / "signing.cert.pem"),
            "--encryption-cert", str(keys / "encryption.cert.pem"),
        )  # fmt: skip
        self.agree_with(other)

    def agree_with(self, other: "Home") -> None:
        """Open what traffic consists of."""
        for service, action in ((SERVICE, ACTION), (records.SERVICE, records.ACTION)):
            self.do("agreement", "unilateral", "--peer", other.party, "--service", service, "--action", action)

    def run(self, *words: str, crash_at: str | None = None) -> Running:
        """One command, to its end."""
        running = self._start(["node", *words, "--home", str(self.folder)], words[0], crash_at)
        if running.ended_within(BACKSTOP_SECONDS) is None:
            running.kill()
            raise AssertionError(f"{running.describe()}: did not end")
        return running

    def do(self, *words: str) -> Any:
        """One command that must succeed; what it printed under --json."""
        running = self.run(*words, "--json")
        assert running.process.poll() == 0, running.describe()
        return json.loads(running.text())

    def serve(self, crash_at: str | None = None) -> Running:
        """The serving node, started once its ports are free: whoever was killed may hold them a moment longer."""
        for port in (self.outside, self.inside):
            until(lambda port=port: _is_free(port), lambda port=port: f"port {port} of {self.party} is free")  # type: ignore[misc]
        words = ["serve", "--outside", f"127.0.0.1:{self.outside}", "--inside", f"127.0.0.1:{self.inside}"]
        words += [*([] if self.url.startswith("https:") else ["--plain-http"]), "--home", str(self.folder)]
        return self._start(["node", *words], "serve", crash_at)

    def serve_ready(self, crash_at: str | None = None) -> Running:
        """The serving node, once its listeners answer."""
        running = self.serve(crash_at)
        until(lambda: READY in running.text() or running.process.poll() is not None, running.describe)
        assert running.process.poll() is None, running.describe()
        return running

    def traffic(self, peer: "Home", crash_at: str | None = None) -> Running:
        """The process that queues messages for the peer."""
        words = ["tests.faults.traffic", str(self.folder), peer.party, str(self.ledger.path)]
        words += [str(BACKLOG if crash_at is None else NO_BACKLOG), str(self._large)]
        return self._start(words, "traffic", crash_at)

    @contextmanager
    def large_only(self, asked_by: str) -> Iterator[None]:
        """While this lasts, this home's traffic is of large messages only; several may ask for that at once."""
        mark = self._large / asked_by
        mark.touch()
        try:
            yield
        finally:
            mark.unlink()

    def opening(self, row: int, crash_at: str | None = None) -> Running:
        """An officer opens a received message."""
        return self._start(["tests.faults.opening", str(self.folder), str(row)], "opening", crash_at)

    def _start(
        self, words: list[str], name: str, crash_at: str | None, environment: Mapping[str, str] = MappingProxyType({})
    ) -> Running:
        log = self._logs / f"{self.party}-{len(self._running):03}-{name}.log"
        self._running.append(Running(words, log, crash_at, environment))
        return self._running[-1]

    @property
    def started(self) -> tuple[Running, ...]:
        """All processes that this home had, the first one first."""
        return tuple(self._running)

    def end(self) -> None:
        """Leave nothing running and nothing open, whatever went wrong."""
        for running in self._running:
            running.kill()
        if "node" in self.__dict__:
            self.node.database.close()

    @cached_property
    def node(self) -> Node:
        """The node opened in this process, to look into it and to queue."""
        return open_node(self.folder)
