"""Pages as scripts: the commands of their ```console blocks are run in order, and what they print is compared.

A line that begins with `$ ` is a command, the lines after it are what it prints. A line `…` stands for any lines. What
differs from run to run (ids, instants, digests, words, counts) is compared by its kind; where the page shows the same
one twice it must be the same twice, and a command that repeats one from the page runs with the one of this run.
`depesha serve` and `make run` stay in the background until the page ends.
"""

import contextlib
import io
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from node.cli import main
from node.trust.words import word_list

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)
ANY_LINES = "…"
READY_SECONDS = 60
COMMAND_SECONDS = 60
STOP_SECONDS = 30
LOOK_SECONDS = 20
LOOKS = re.compile(r"depesha (?:message|case) (?:show|list)")
WORDS = re.compile(r"\b(?:[a-z]{3,8} ){7}[a-z]{3,8}\b")
VARIABLE = re.compile(
    r"(?P<instant>\d{4}-\d\d-\d\dT[\d:.]+Z)"
    r"|(?P<time>\b\d\d:\d\d:\d\d\b)"
    r"|(?P<uuid>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
    r"|(?P<digest>\b[0-9a-f]{64}\b)"
    r"|(?P<row>\b\d{17,19}\b)"
    r"|(?P<case>\b\d{4}-\d{4}\b)"
    r"|(?P<token>token=[\w-]+)"
    r"|(?P<bytes>\b\d+(?= bytes\b))"
    r"|(?P<seconds>\b\d+\.\d(?= seconds\b))"
    r"|(?P<port>(?<=127\.0\.0\.1:)\d+)"
)
# Of these the page may show the same one twice where a run has two.
UNBOUND = frozenset({"instant", "time", "bytes", "seconds", "port"})
# Where a reader's folders stand on the pages.
READERS_HOME = "/home/you"


@dataclass(frozen=True)
class Command:
    """A command with the lines that it is said to print."""

    text: str
    output: tuple[str, ...]


def commands_of(page: str) -> list[Command]:
    """The commands of the page's console blocks, in order."""
    found: list[Command] = []
    for block in BLOCK.findall(page):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(Command(line[2:], ()))
            elif found:
                found[-1] = Command(found[-1].text, (*found[-1].output, line))
            else:
                raise ValueError(f"output without a command: {line}")
    return found


def pieces(text: str) -> list[tuple[str, str]]:
    """The text cut into (kind, text) pieces; what is plain has no kind."""
    cuts = [(match.start(), match.end(), match.lastgroup or "") for match in VARIABLE.finditer(text)]
    known = frozenset(word_list())
    cuts += [
        (match.start(), match.end(), "words") for match in WORDS.finditer(text) if known.issuperset(match[0].split())
    ]
    found, end = [], 0
    for start, stop, kind in sorted(cuts):
        found += [("", text[end:start]), (kind, text[start:stop])]
        end = stop
    return [*found, ("", text[end:])]


@dataclass
class Session:
    """One run of a page: what its values are called here, and the processes that stay."""

    home: Path
    """the reader's home folder; the clone is `depesha` in it"""
    replaced: dict[str, str]
    bound: dict[str, str] = field(default_factory=dict)
    running: list["subprocess.Popen[str]"] = field(default_factory=list)

    @property
    def clone(self) -> Path:
        """Where the commands are given."""
        return self.home / "depesha"

    def run(self, command: Command) -> None:
        """Run one command and compare what it prints. Raises AssertionError."""
        if command.text.startswith("alias "):
            return  # `depesha` is known here
        if command.text == "make run" or command.text.startswith("depesha serve"):
            self._compare(command, self._start(self._here(command.text)))
            return
        # What only looks is asked again until it shows what the page says: the nodes may need a moment.
        until = time.monotonic() + (LOOK_SECONDS if LOOKS.match(command.text) else 0)
        while True:
            bound = dict(self.bound)
            try:
                self._compare(command, self._output(command.text))
                return
            except AssertionError:
                if time.monotonic() >= until:
                    raise
                self.bound = bound
                time.sleep(0.1)

    def stop(self) -> None:
        """End what stays."""
        for process in self.running:
            process.send_signal(signal.SIGINT)
        for process in self.running:
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _here(self, text: str) -> str:
        """The page's text with this run's places and values."""
        for shown, real in (*self.replaced.items(), *self.bound.items()):
            text = text.replace(shown, real)
        return text

    def _output(self, shown: str) -> list[str]:
        """What a command prints, by the shell; our own without the cost of a new process. Raises AssertionError."""
        text = self._here(shown)
        words = shlex.split(text)
        if words[0] != "depesha":
            ended = subprocess.run(
                ["bash", "-c", text], cwd=self.clone, env=self.environment(), capture_output=True, text=True,
                timeout=COMMAND_SECONDS,
            )  # fmt: skip
            assert ended.returncode == 0, f"$ {shown}\n{ended.stdout}{ended.stderr}"
            return ended.stdout.splitlines()
        words = [re.sub("^~", str(self.home), word) for word in words[1:]]
        file = words[-1] if ">" in words else None
        out, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            status = main(words if file is None else words[:-2])
        assert status == 0, f"$ {shown}\nexit status {status}\n{out.getvalue()}{errors.getvalue()}"
        if file is None:
            return out.getvalue().splitlines()
        Path(file).write_text(out.getvalue(), encoding="utf-8")
        return []

    def _start(self, text: str) -> list[str]:
        """Start what stays; the lines that it prints until it is ready."""
        verb = "demo" if text == "make run" else text.removeprefix("depesha ")
        last = "Ctrl-C" if text == "make run" else "Depesha serves"
        errors = self.home / "errors"
        with errors.open("a") as stream:
            process = subprocess.Popen(
                ["bash", "-c", f'exec "{sys.executable}" -m node {verb}'], cwd=self.clone, env=self.environment(),
                text=True, stdout=subprocess.PIPE, stderr=stream,
            )  # fmt: skip
        self.running.append(process)
        watchdog = threading.Timer(READY_SECONDS, process.kill)
        watchdog.start()
        printed = list(self._lines_until(process, last))
        watchdog.cancel()
        assert last in "\n".join(printed), f"{text} did not start:\n{printed}\n{errors.read_text()}"
        return printed

    @staticmethod
    def _lines_until(process: "subprocess.Popen[str]", last: str) -> Iterator[str]:
        assert process.stdout is not None
        for line in process.stdout:
            yield line.rstrip("\n")
            if last in line:
                return

    def environment(self) -> dict[str, str]:
        """Of the processes: nothing of a node that the person who tests may have."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DEPESHA_")}
        return kept | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT), "HOME": str(self.home)}

    def _compare(self, command: Command, printed: Sequence[str]) -> None:
        expected, left = list(command.output), list(printed)
        while expected:
            line = expected.pop(0)
            if line == ANY_LINES:
                while left and not (expected and self._same(expected[0], left[0], bind=False)):
                    left.pop(0)
                continue
            shown = "\n".join(printed)
            assert left, f"$ {command.text}\nthe page also has: {line}\nprinted was:\n{shown}"
            assert self._same(line, left[0], bind=True), (
                f"$ {command.text}\non the page: {line}\nprinted:     {left[0]}\nin:\n{shown}"
            )
            left.pop(0)
        assert not left, f"$ {command.text}\nnot on the page: {left}"

    def _same(self, shown: str, real: str, bind: bool) -> bool:
        for place, here in self.replaced.items():
            shown = shown.replace(place, here)
        on_page, here_now = pieces(shown), pieces(real)
        if [kind for kind, _ in on_page] != [kind for kind, _ in here_now]:
            return False
        for (kind, one), (_, other) in zip(on_page, here_now, strict=True):
            if not kind:
                if one != other:
                    return False
            elif kind not in UNBOUND:
                if self.bound.get(one, other) != other:
                    return False
                if bind:
                    self.bound[one] = other
        return True


def free_ports(count: int) -> list[int]:
    """Ports of the loopback address that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def run_page(page: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a page's commands with `home` as the reader's home folder, which is empty."""
    commands = commands_of(page.read_text(encoding="utf-8"))
    assert commands, f"{page} has no console block"
    ports = sorted(set(re.findall(r"(?<=127\.0\.0\.1:)\d+", "\n".join(one.text for one in commands))))
    free = free_ports(len(ports))
    renamed = {f"127.0.0.1:{port}": f"127.0.0.1:{other}" for port, other in zip(ports, free, strict=True)}
    session = Session(home, {READERS_HOME: str(home)} | renamed)
    session.clone.mkdir()
    (session.clone / "schemas").symlink_to(ROOT / "schemas")
    monkeypatch.chdir(session.clone)
    for name in set(os.environ) - set(session.environment()):
        monkeypatch.delenv(name)
    try:
        for command in commands:
            session.run(command)
    finally:
        session.stop()
