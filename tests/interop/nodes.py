"""A node of ours as a stranger runs it: by the command line, in a process of its own."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
START_SECONDS = 60
STOP_SECONDS = 30
SERVES = "Depesha serves "
"""What `serve` prints once both its listeners answer."""
# Below those that systems give to outgoing connections: one of them would take a port before its node listens.
OWN_PORTS = (20_000, 32_000)


# Held until this process ends, whatever kills it; other processes of these tests look there too.
_MARKS: dict[int, socket.socket] = {}


def free_port() -> int:
    """A port that nothing listens on at the moment, of those that no outgoing connection is given by the system.

    As long as this process lives no other of these tests gets it, nor this one again: a node that was killed finds it
    free when it is started anew.
    """
    while True:
        port = random.randrange(*OWN_PORTS)
        mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with socket.socket() as listener:
            try:
                mark.bind(port_mark(port))
                listener.bind(("127.0.0.1", port))
            except OSError:
                mark.close()
                continue
        _MARKS[port] = mark
        return port


def port_mark(port: int) -> str:
    """The name under which a process marks a port as its own: an abstract socket, which goes with its process."""
    return f"\0depesha-tests-port-{port}"


def until(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """Ask again until `condition` gives something true. Raises TimeoutError naming `what`."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"after {seconds} s still not: {what}")
        time.sleep(0.1)
    return value


class NodeByCommand:
    """A home folder and the commands on it; `serving()` runs the node."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.outside, self.inside = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.outside}/as4"
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("DEPESHA_", "COVERAGE_"))
        } | {"DEPESHA_RETRY_FIRST_SECONDS": "0.5", "DEPESHA_RETRY_LONGEST_SECONDS": "1", "PYTHONUTF8": "1"}

    def _words(self, words: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", "node", *words, "--home", str(self.home)]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One command; its exit status is the caller's to judge."""
        return subprocess.run(
            self._words(words), cwd=ROOT, env=self._environment, capture_output=True, text=True, timeout=120
        )

    def do(self, *words: str, status: int = 0) -> Any:
        """One command with --json whose exit status must be `status`; what it printed."""
        done = self.run(*words, "--json")
        assert done.returncode == status, f"depesha {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return json.loads(done.stdout)

    def message(self, message_id: str) -> dict[str, Any] | None:
        """The message with this id as `message list` shows it, None when there is none."""
        listed = [one for one in self.do("message", "list", "--limit", "1000") if one["id"] == message_id]
        assert len(listed) <= 1, f"{message_id} is there {len(listed)} times"
        return listed[0] if listed else None

    @contextmanager
    def serving(self) -> Iterator[None]:
        """The node answers while this lasts."""
        log = (self.home.parent / f"{self.home.name}.log").open("w")
        words = ("serve", "--outside", f"127.0.0.1:{self.outside}", "--inside", f"127.0.0.1:{self.inside}")
        process = subprocess.Popen(
            self._words((*words, "--plain-http")), cwd=ROOT, env=self._environment, stdout=log, stderr=log
        )
        try:
            until(
                lambda: self._serves(process, log.name), START_SECONDS, f"the node says that it serves (see {log.name})"
            )
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise
            finally:
                log.close()

    def _serves(self, process: subprocess.Popen[bytes], log: str) -> bool:
        said = Path(log).read_text()
        if process.poll() is not None:
            raise RuntimeError(f"the node ended with status {process.returncode}:\n{said[-4000:]}")
        return SERVES in said
