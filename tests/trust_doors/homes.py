"""Homes of nodes under test: their commands run in this process (they are quick), `serve` in one of its own."""

import contextlib
import io
import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.cli import main
from node.exchange.node import Node, open_node
from tests.interop.nodes import SERVES, free_port, until

ROOT = Path(__file__).parents[2]
START_SECONDS = 60
STOP_SECONDS = 30
SETTINGS = {"retry_first_seconds": 0.3, "retry_longest_seconds": 0.5}


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str


def command(*words: str) -> Said:
    """One command, as the command line gives it."""
    # As a process has it: commands that print octets write them beneath the text.
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8", newline=""), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main(words)
        except SystemExit as wrong_usage:
            status = int(str(wrong_usage.code))
    out.flush()
    return Said(status, out.buffer.getvalue().decode(), err.getvalue())


class Home:
    """One node's folder, its two addresses, and the commands on it. `pid` is that of the process that serves it."""

    pid: int

    def __init__(
        self, folder: Path, party: str, *, tls: bool = False, init: tuple[str, ...] = (), host: str = "127.0.0.1"
    ) -> None:
        self.folder = folder
        self.party = party
        self.tls = tls
        self.outside, self.inside = f"{host}:{free_port()}", f"127.0.0.1:{free_port()}"
        self.url = f"{'https' if tls else 'http'}://{self.outside}/as4"
        self.do("init", "--party", party, "--name", f"Office of {party}", "--url", self.url, *init)
        self.set(**SETTINGS)

    def set(self, **settings: Any) -> None:
        """Add settings; a running node reads them at its next start, commands at once."""
        path = self.folder / "depesha.toml"
        lines = [line for line in path.read_text().splitlines() if line.partition(" ")[0] not in settings]
        lines += [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
        path.write_text("\n".join(lines) + "\n")

    def run(self, *words: str) -> Said:
        """One command; its exit status is the caller's to judge."""
        return command(*words, "--home", str(self.folder))

    def do(self, *words: str) -> Any:
        """One command with --json that must succeed; what it printed."""
        said = self.run(*words, "--json")
        assert said.status == 0, f"depesha {' '.join(words)}: {said}"
        return json.loads(said.out)

    def refuses(self, *words: str, status: int = 1) -> str:
        """One command that must end with `status`; what it said."""
        said = self.run(*words)
        assert said.status == status, f"depesha {' '.join(words)}: {said}"
        assert "Traceback" not in said.err
        return said.err

    def card(self, folder: Path) -> Path:
        """Our card, as a file to hand over."""
        path = folder / f"{self.party}.card"
        path.write_text(str(self.do("card")["card"]))
        return path

    def words(self) -> str:
        """Our eight words."""
        return " ".join(self.do("card")["words"])

    def node(self) -> Node:
        """The node itself, to sign with its keys."""
        return open_node(self.folder)

    def state(self, party: str) -> str:
        """What we hold a peer for."""
        state: str = self.do("peer", "show", party)["state"]
        return state

    def message(self, message_id: str) -> dict[str, Any]:
        """A message as `message show` prints it."""
        shown: dict[str, Any] = self.do("message", "show", message_id)
        return shown

    def attempted(self, message_id: str, attempts: int = 1) -> dict[str, Any]:
        """The message once so many attempts have come to an end."""

        def there() -> dict[str, Any] | None:
            shown = self.message(message_id)
            return shown if shown["attempts"] >= attempts and shown["state"] != "sending" else None

        shown: dict[str, Any] = until(there, 20, f"{message_id} was attempted {attempts} times")
        return shown

    @contextlib.contextmanager
    def serving(self, *words: str) -> Iterator[None]:
        """The node answers at its addresses while this lasts; its log is <home>.log beside it."""
        plain = () if self.tls else ("--plain-http",)
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("DEPESHA_", "COVERAGE_"))
        }
        command = [sys.executable, "-m", "node", "serve", "--home", str(self.folder), *plain]
        command += words or ("--outside", self.outside, "--inside", self.inside)
        with self.log.open("w") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
            self.pid = process.pid
            try:
                until(lambda: self._serves(process), START_SECONDS, f"the node says that it serves (see {self.log})")
                yield
            finally:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                    raise

    @property
    def log(self) -> Path:
        """What the running node wrote."""
        return self.folder.parent / f"{self.folder.name}.log"

    def _serves(self, process: subprocess.Popen[bytes]) -> bool:
        """Whether both listeners answer: the outside does so a little before the inside."""
        if process.poll() is not None:
            raise RuntimeError(f"the node ended with status {process.returncode}:\n{self.log.read_text()[-4000:]}")
        return SERVES in self.log.read_text()


def get(url: str) -> tuple[int, bytes]:
    """Status and body, whatever the status, without judging the certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(url, timeout=10, context=context) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def post_bytes(url: str, content_type: str, body: bytes) -> int:
    """The status that answers any bytes."""
    request = urllib.request.Request(url, body, {"Content-Type": content_type}, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            status: int = answer.status
            return status
    except urllib.error.HTTPError as error:
        return error.code


def refused_within(seconds: float, accepted: Callable[[], bool]) -> None:
    """From `seconds` from now on nothing is accepted any more; ends at the first refusal."""
    began = time.monotonic()
    while True:
        asked = time.monotonic() - began
        if not accepted():
            return
        assert asked < seconds, f"still accepted {asked:.2f} s later"
