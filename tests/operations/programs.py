"""This program and a newer one: a copy of the whole package with one more migration, run as processes of their own."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import node
from node.store.migrations import HEAD

ROOT = Path(node.__file__).parents[1]
NEWER = f"{int(HEAD) + 1:04}"
MIGRATION = f'''
"""What a newer program adds."""

import sqlalchemy as sa
from alembic import op

revision = "{NEWER}"
down_revision = "{HEAD}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("message", sa.Column("later", sa.String(), nullable=True))
'''
SECONDS = 60


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str


@dataclass(frozen=True)
class Program:
    """One version of Depesha, in the folder that holds its package."""

    folder: Path

    def run(self, home: Path, *words: str) -> Said:
        """One command, to its end."""
        ended = subprocess.run(
            self._command(home, words), cwd=self.folder, env=_environment(), capture_output=True, text=True,
            timeout=SECONDS,
        )  # fmt: skip
        return Said(ended.returncode, ended.stdout, ended.stderr)

    @contextmanager
    def serving(self, home: Path) -> Iterator["subprocess.Popen[str]"]:
        """A serving process, once it says that it serves, until the block ends."""
        with self.starting(home) as process:
            line = first_line(process)
            assert "Depesha serves" in line, errors_of(home)
            yield process

    @contextmanager
    def starting(self, home: Path) -> Iterator["subprocess.Popen[str]"]:
        """A serving process that begins, ended with the block."""
        words = ("serve", "--outside", "127.0.0.1:0", "--inside", "127.0.0.1:0", "--plain-http")
        with (home.parent / "errors").open("a") as errors:
            process = subprocess.Popen(
                self._command(home, words), cwd=self.folder, env=_environment(), stdout=subprocess.PIPE, stderr=errors,
                text=True,
            )  # fmt: skip
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=SECONDS)

    @staticmethod
    def _command(home: Path, words: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", "node", *words, "--home", str(home)]


def first_line(process: "subprocess.Popen[str]") -> str:
    """What a serving process says first; empty when it ended without a word."""
    assert process.stdout is not None
    watchdog = threading.Timer(SECONDS, process.kill)
    watchdog.start()
    try:
        return process.stdout.readline()
    finally:
        watchdog.cancel()


def errors_of(home: Path) -> str:
    """What serving processes wrote to standard error."""
    return (home.parent / "errors").read_text(encoding="utf-8")


def make_newer(folder: Path) -> Program:
    """A program that is newer by one migration."""
    shutil.copytree(ROOT / "node", folder / "node", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "schemas").symlink_to(ROOT / "schemas")
    migrations = folder / "node/store/migrations"
    (migrations / f"versions/{NEWER}_later.py").write_text(MIGRATION.lstrip(), encoding="utf-8")
    package = migrations / "__init__.py"
    text = package.read_text(encoding="utf-8")
    assert text.count(f'HEAD = "{HEAD}"') == 1
    package.write_text(text.replace(f'HEAD = "{HEAD}"', f'HEAD = "{NEWER}"'), encoding="utf-8")
    return Program(folder)


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("DEPESHA_", "COVERAGE_"))}
