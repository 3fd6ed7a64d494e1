"""What happens to the machine under a node: it stands still, its disk fills, files run out, its database goes away.

Nobody helps but by taking the trouble away. Afterwards all is as it must be (see `neighbours.rest`).
"""

import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from tests.faults.homes import Running, until
from tests.faults.neighbours import Neighbours, more, neighbours_on, rest

pytestmark = pytest.mark.faults

ATTEMPTS = 4
DISK = "48m"
PIECE = 64 * 1024


def failed_attempts(pair: Neighbours) -> int:
    """How often the second one has tried in vain, or tries now, to deliver what still waits."""
    return pair.two.count_attempts_in_vain()


def test_a_node_that_stands_still_for_a_while(neighbours: Neighbours) -> None:
    """Both processes of one side are stopped in the middle of what they do, and go on as if nothing had been."""
    stopped = [running.process for running in neighbours.running[:2]]
    for process in stopped:
        process.signal(signal.SIGSTOP)
    more(lambda: failed_attempts(neighbours), ATTEMPTS, "the other side tries in vain")
    for process in stopped:
        process.signal(signal.SIGCONT)
    rest(neighbours)


def test_no_more_files_may_be_opened(neighbours: Neighbours) -> None:
    """At the limit of file descriptors connections wait or are refused; nothing is lost."""
    process = neighbours.running[0].process
    soft, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    used = sum(1 for _ in Path(f"/proc/{process.pid}/fd").iterdir())
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (used, hard))
    # Connections that stand are used on: with new ones only does it come to the limit.
    neighbours.one.relay.reset()
    says(neighbours.running[0], "Too many open files")
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (soft, hard))
    rest(neighbours)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of its own, of some megabytes, on the folder."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=700", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(folder: Path) -> Path:
    """Write until there is no octet left."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (PIECE, 512, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return ballast


def says(running: Running, word: str) -> None:
    """Wait until a process has written a word."""
    until(lambda: word in running.text(), lambda: f"{word!r} is said by {running.describe()}")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a file system")
def test_a_full_disk(tmp_path: Path) -> None:
    """Nothing can be written: no message is accepted from anybody, none is lost; with space again all goes on."""
    with (
        small_disk(tmp_path / "one") as disk,
        neighbours_on((None, None), tmp_path, {"disk_floor_megabytes": "0"}) as pair,
    ):
        for _ in range(3):
            ballast = fill(disk)
            says(pair.running[1], "full: ")
            more(lambda: failed_attempts(pair), ATTEMPTS, "the other side tries in vain")
            ballast.unlink()
            more(pair.arrived, ATTEMPTS, "messages arrive again")
        rest(pair)


def test_a_database_that_goes_away_and_comes_back(
    postgresql_urls: tuple[str, str], postgresql_server: str, tmp_path: Path
) -> None:
    """All its connections are cut and no new ones let in, three times."""
    name = make_url(postgresql_urls[0]).database
    with (
        psycopg.connect(postgresql_server, autocommit=True) as server,
        neighbours_on(postgresql_urls, tmp_path) as pair,
    ):
        for _ in range(3):
            server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            more(lambda: failed_attempts(pair), ATTEMPTS, "the other side tries in vain")
            server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            pair.one.node.database.close()  # this process had connections, too
            more(pair.arrived, ATTEMPTS, "messages arrive again")
        rest(pair)
