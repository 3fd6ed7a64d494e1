"""Two nodes made by the command line, as strangers make them, one of which serves in a process of its own."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy.engine import make_url

from tests.conftest import _start_postgresql

ROOT = Path(__file__).parents[2]
SERVICE = "urn:depesha:returns:1"
ACTION = "ReadmissionApplication"
LOG_LEVEL = "warning"
SETTINGS = f'allow_unilateral_terms = true\nlog_level = "{LOG_LEVEL}"\ndeliveries_in_flight = 64\n'
TICKS = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def command(*words: str, environment: dict[str, str] | None = None) -> str:
    """Run `python -m node …` and give what it printed. Raises CalledProcessError."""
    made = subprocess.run(
        [sys.executable, "-m", "node", *words],
        cwd=ROOT, env=os.environ | (environment or {}), check=True, capture_output=True, text=True,
    )  # fmt: skip
    return made.stdout


class Office:
    """One node: its folder, where its wire answers, and its database (SQLite in the folder unless one is named)."""

    def __init__(self, folder: Path, party: str, tls: bool, database_url: str | None) -> None:
        self.folder, self.party, self.tls = folder, party, tls
        self.port = free_port()
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}/as4"
        environment = {} if database_url is None else {"DEPESHA_DATABASE_URL": database_url}
        words = ["init", "--home", str(folder), "--party", party, "--name", f"Office {party}", "--url", self.url]
        command(*words, environment=environment)
        with (folder / "depesha.toml").open("a", encoding="utf-8") as file:
            file.write(SETTINGS + (f"database_url = {json.dumps(database_url)}\n" if database_url else ""))

    def know(self, other: "Office") -> None:
        """Take the other's card and words, and open the pair that is measured."""
        home = ("--home", str(self.folder))
        made: dict[str, Any] = json.loads(command("card", "--json", "--home", str(other.folder)))
        card = self.folder / f"{other.party}.card"
        card.write_text(made["card"], encoding="utf-8")
        command("peer", "add", str(card), "--words", " ".join(made["words"]), *home)
        command("agreement", "unilateral", "--peer", other.party, "--service", SERVICE, "--action", ACTION, *home)

    def serve_words(self, port: int, inside: int) -> list[str]:
        """The command that serves the wire at one port, and the pages at another."""
        words = ["serve", "--home", str(self.folder), "--outside", f"127.0.0.1:{port}"]
        words += ["--inside", f"127.0.0.1:{inside}", *([] if self.tls else ["--plain-http"])]
        return [sys.executable, "-m", "node", *words]

    @contextlib.contextmanager
    def serving(self, port: int | None = None) -> Iterator[int]:
        """Serve in a process of its own while the block runs, at another port if one is named; its process id."""
        with running(self.serve_words(port or self.port, free_port()), "Depesha serves") as process:
            yield process


@contextlib.contextmanager
def running(words: list[str], ready: str) -> Iterator[int]:
    """A process while the block runs, once it has printed a line with `ready`; its process id.

    Raises RuntimeError with what it printed if it ends before.
    """
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert process.stdout is not None
        try:
            printed = ""
            for line in process.stdout:
                printed += line
                if ready in line:
                    break
            else:
                errors.seek(0)
                raise RuntimeError(f"{words} ended: {printed}{errors.read()}")
            yield process.pid
        finally:
            process.terminate()
            process.wait()
            process.stdout.close()


def cpu_seconds(process: int) -> float:
    """What a process and its threads have used so far, in user and kernel."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@contextlib.contextmanager
def databases(kind: str) -> Iterator[list[str | None]]:
    """Where two nodes keep their rows: SQLite in their folders, or two databases of a PostgreSQL server that commits
    durably."""
    if kind == "SQLite":
        yield [None, None]
        return
    with tempfile.TemporaryDirectory(prefix="depesha-pg-", ignore_cleanup_errors=True) as folder:
        server = _start_postgresql(Path(folder))
        try:
            url = server.get_uri()
            urls: list[str | None] = []
            with psycopg.connect(url, autocommit=True) as connection:
                for name in ("sender", "receiver"):
                    connection.execute(f"CREATE DATABASE {name}")
                    made = make_url(url).set(drivername="postgresql+psycopg", database=name)
                    urls.append(made.render_as_string(hide_password=False))
            yield urls
        finally:
            server.cleanup()


def two_offices(folder: Path, urls: list[str | None]) -> tuple[Office, Office]:
    """A sender and a receiver that know each other, over HTTP."""
    sender, receiver = (
        Office(folder / name, name, False, url) for name, url in zip(("sender", "receiver"), urls, strict=True)
    )
    sender.know(receiver)
    receiver.know(sender)
    return sender, receiver


def wall() -> float:
    """Seconds of a clock that only goes forward."""
    return time.perf_counter()
