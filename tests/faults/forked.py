"""Processes that run a module as `python -m` does, forked from one that has loaded the node.

The tests here start some hundreds, and loading the node takes each of them seconds. From the fork on they are what the
command line starts: a process of its own, which dies by itself, and what it leaves is for the next one.
"""

import importlib
import multiprocessing
import os
import runpy
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from node import crash_points

LOOK_SECONDS = 0.02

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.faults.loaded"])
# multiprocessing reads the end of any of its processes whenever one is started: never from two threads at once.
_lock = threading.Lock()


def status_within(seconds: float, poll: Callable[[], int | None]) -> int | None:
    """What `poll` gives once a process has ended, or None once so long has passed."""
    end = time.monotonic() + seconds
    while (status := poll()) is None and time.monotonic() < end:
        time.sleep(LOOK_SECONDS)
    return status


class Forked:
    """A process that runs a module with arguments; all it says goes to `log`.

    Its environment is this one's without any DEPESHA_ variable, and with those of `environment`.
    """

    def __init__(self, folder: Path, words: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
        self._process = _context.Process(target=_live, args=(folder, words, log, dict(environment)), daemon=True)
        with _lock:
            self._process.start()

    @property
    def pid(self) -> int:
        """Its number, to look at it from outside."""
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """Its exit status (negative: the signal), or None while it runs."""
        with _lock:
            return self._process.exitcode

    def wait(self, seconds: float) -> int | None:
        """The same, once it has ended or so long has passed."""
        return status_within(seconds, self.poll)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        with _lock:
            if self._process.exitcode is None and self._process.pid is not None:
                os.kill(self._process.pid, number)


def _live(folder: Path, words: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for number in (1, 2):
        os.dup2(descriptor, number)
    sys.stdout, sys.stderr = (os.fdopen(n, "w", 1, "utf-8", closefd=False) for n in (1, 2))
    os.chdir(folder)
    for name in [name for name in os.environ if name.startswith("DEPESHA_")]:
        del os.environ[name]
    os.environ.update(environment)
    importlib.reload(crash_points)  # it reads the environment when it is loaded
    module, *arguments = words
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
