"""Processes that are started as programs, for what a fork cannot have: another clock, network or limit of memory."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.faults.forked import status_within
from tests.faults.homes import Running

# Tests that are killed leave nothing running.
WITH_US = ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()


class Executed:
    """A program that runs a module as `python -m` does; all it says goes to `log`. `under` are the words of a program
    that starts it in its own place.

    Its environment is this one's without any DEPESHA_ variable, and with those of `environment`.
    """

    def __init__(
        self, folder: Path, words: Sequence[str], log: Path, environment: Mapping[str, str], under: Sequence[str]
    ) -> None:
        own = {name: value for name, value in os.environ.items() if not name.startswith("DEPESHA_")}
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                [*WITH_US, *under, sys.executable, "-m", *words],
                cwd=folder,
                env=own | dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    @property
    def pid(self) -> int:
        """Its number, to look at it from outside."""
        return self._process.pid

    def poll(self) -> int | None:
        """Its exit status (negative: the signal), or None while it runs."""
        return self._process.poll()

    def wait(self, seconds: float) -> int | None:
        """The same, once it has ended or so long has passed."""
        return status_within(seconds, self.poll)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        self._process.send_signal(number)


class ExecutedRunning(Running):
    """The same as others that run, started as a program of its own."""

    def __init__(
        self, folder: Path, words: list[str], log: Path, environment: Mapping[str, str], under: Sequence[str]
    ) -> None:
        self.log = log
        self.log.touch()
        self.words = words
        self.process = Executed(folder, words, log, environment, under)  # type: ignore[assignment]
