"""The processes of the demonstration: one for each node, none of which outlives the demonstration.

One demonstration runs in a folder at a time. When it is told to end (SIGTERM, Ctrl-C) it ends its nodes in order; when
it is killed, the kernel ends them (Linux; elsewhere they must then be ended by hand).
"""

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from node.cli.printing import No
from node.exchange.node import Node

START_SECONDS = 30
STOP_SECONDS = 30
LOCK_FILE = "demo.lock"
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


@contextmanager
def alone_in(directory: Path) -> Iterator[None]:
    """Keep every other demonstration out of this folder while the block runs. Raises No when one runs there."""
    directory.mkdir(parents=True, exist_ok=True)
    # The kernel gives the lock back however we end; the number in the file is for people.
    with (directory / LOCK_FILE).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            running = file.read().strip()
            raise No(
                f"A demonstration runs in {directory} already (process {running}). "
                "End it with Ctrl-C or kill, or name another folder with --dir."
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


class EndAsked:
    """Whether a signal has asked us to end.

    The handler raises SystemExit wherever the program is. Where that is a finalizer or a callback, Python prints the
    exception and goes on: so long work calls `look` between its steps.
    """

    def __init__(self) -> None:
        self._status: int | None = None

    def look(self) -> None:
        """Raise SystemExit with the signal's exit status if one came."""
        if self._status is not None:
            raise SystemExit(self._status)

    def handle(self, number: int, frame: FrameType | None) -> None:
        """What is done when the signal comes."""
        signal.signal(number, signal.SIG_IGN)
        self._status = 128 + number
        self.look()


@contextmanager
def ended_by_signal() -> Iterator[EndAsked]:
    """Let SIGTERM end the block as Ctrl-C does, so that what it began is ended; then the exit status is 143."""
    asked = EndAsked()
    before = signal.signal(signal.SIGTERM, asked.handle)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def serving(*nodes: Node) -> Iterator[None]:
    """Run `depesha serve` for each home, in a process of its own, while the block runs."""
    with ExitStack() as stack:
        started = [(stack.enter_context(_process(node)), node) for node in nodes]
        for process, node in started:
            _await_ready(process, node)
        yield


@contextmanager
def _process(node: Node) -> Iterator["subprocess.Popen[bytes]"]:
    with _journal(node).open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "node", "serve", "--home", str(node.home)],
            stdout=subprocess.PIPE,
            stderr=log,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            start_new_session=True,
            preexec_fn=_die_with_parent(),
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _die_with_parent() -> Callable[[], None] | None:
    """What a child does before our program starts in it: ask the kernel to end it when we are gone."""
    if sys.platform != "linux":
        return None
    parent = os.getpid()
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask() -> None:
        # Killed, not asked: the next demonstration in this folder needs the ports at once, and a node survives it.
        if prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) or os.getppid() != parent:
            os._exit(1)

    return ask


def _journal(node: Node) -> Path:
    return node.home / "serve.log"


def _await_ready(process: "subprocess.Popen[bytes]", node: Node) -> None:
    """Wait for the line that says that the node serves."""
    assert process.stdout is not None
    watchdog = threading.Timer(START_SECONDS, process.kill)
    watchdog.start()
    try:
        line = process.stdout.readline()
    finally:
        watchdog.cancel()
    if not line:
        journal = _journal(node)
        end = journal.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
        raise No(f"The node of {node.settings.name} did not start. {journal} ends with:\n" + "\n".join(end))
