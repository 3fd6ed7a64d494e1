"""What happens to the machine under a node: it stands still, its disk fills, files run out, its database goes away.

Nobody helps but by taking the trouble away. Afterwards all is as it must be (see `neighbours.rest`).
"""

import os
import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from node.store.migrations import table_version
from tests.faults.homes import LOOK_SECONDS, READY, ROOT, Running, until
from tests.faults.neighbours import Neighbours, more, neighbours_on, rest
from tests.interop.nodes import free_port
from tests.left_out import leave_out
from tests.operations.programs import NEWER, make_newer

pytestmark = pytest.mark.faults

ATTEMPTS = 4
# Each takes a few seconds, one after the other.
ATTEMPTS_FOR_MINUTES = 30
ARRIVALS = 10
# A transaction that does not move for so many looks belongs to a process that does not move.
STILL_LOOKS = 30
DISK = "512m"
# Of a disk of that size: a page of the database is 4 KiB, a large message 300 KB.
LEFT_ON_DISK = (0, 4096, 12_288, 65_536, 200_000, 350_000, 1_000_000)
SPARE_MEMORY = 200_000
NO_MEMORY = "MemoryError"
NO_DISK = "disks were not filled: only root mounts one of its own"
NO_GROUPS = "memory was not limited: no control group can be made here"
USAGE = ("memory.usage_in_bytes", "memory.current")
PIECE = 64 * 1024


def failed_attempts(pair: Neighbours) -> int:
    """How often the second one has tried in vain, or tries now, to deliver what still waits."""
    return pair.two.count_attempts_in_vain()


def test_a_node_that_stands_still_for_a_while(neighbours: Neighbours) -> None:
    """Both processes of one side are stopped in the middle of what they do, for minutes: longer than attempts, claims
    and transactions last. They go on as if nothing had been."""
    stopped = [running.process for running in neighbours.running[:2]]
    for process in stopped:
        process.signal(signal.SIGSTOP)
    more(lambda: failed_attempts(neighbours), ATTEMPTS_FOR_MINUTES, "the other side tries in vain")
    for process in stopped:
        process.signal(signal.SIGCONT)
    rest(neighbours)


def test_one_of_two_processes_stands_still_with_a_row_locked(
    postgresql_urls: tuple[str, str], postgresql_server: str, tmp_path: Path
) -> None:
    """As a machine does that is paused, or whose cable is pulled: what it has locked is free again within two minutes,
    and the other process goes on. Once it runs again it takes part as before."""
    with on_a_server(postgresql_urls, postgresql_server, tmp_path) as (pair, server, _):
        one, first = pair.one, pair.running[0]
        ports = one.outside, one.inside
        one.outside, one.inside = free_port(), free_port()
        second = one.serve_ready()
        with one.node.database.read() as connection:
            peers = int(connection.scalar(text("SELECT 'peer'::regclass::oid::bigint")) or 0)
        for _ in range(2):
            until(lambda: stopped_with(first, server, peers), lambda: "it stops with its partner's row locked")
            pair.say("one process stands still")
            one.relay.pass_to(one.outside)
            more(pair.arrived, ARRIVALS, "messages arrive by the other process")
            pair.say("it goes on")
            first.process.signal(signal.SIGCONT)
            one.relay.pass_to(ports[0])
            more(pair.arrived, ARRIVALS, "messages arrive by the one that stood still")
        second.stop()
        one.outside, one.inside = ports
        rest(pair)


def stopped_with(running: Running, server: psycopg.Connection, table: int) -> bool:
    """Stop a process, and let it go on again unless a transaction that changed this table stands still with it."""
    running.process.signal(signal.SIGSTOP)
    found = standing(server, table)
    for _ in range(STILL_LOOKS):
        time.sleep(LOOK_SECONDS)
        found &= standing(server, table)
        if not found:
            running.process.signal(signal.SIGCONT)
            return False
    return True


def standing(server: psycopg.Connection, table: int) -> set[tuple[int, object]]:
    """The transactions that changed the table and whose next command the server waits for, and since when."""
    query = (
        "SELECT pid, state_change FROM pg_stat_activity JOIN pg_locks USING (pid) "
        "WHERE state = 'idle in transaction' AND relation = %s AND mode = 'RowExclusiveLock'"
    )
    return set(server.execute(query, [table]).fetchall())


def test_no_more_files_may_be_opened(neighbours: Neighbours) -> None:
    """At the limit of file descriptors connections wait or are refused; nothing is lost."""
    process = neighbours.running[0].process
    soft, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    used = sum(1 for _ in Path(f"/proc/{process.pid}/fd").iterdir())
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (used, hard))
    # Connections that stand are used on: with new ones only does it come to the limit.
    neighbours.one.relay.reset()
    says("Too many open files", neighbours.running[0])
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (soft, hard))
    rest(neighbours)


def test_no_more_memory_may_be_had(neighbours: Neighbours) -> None:
    """At the limit of its memory a node answers 503 or ends, and whoever keeps it running starts it again."""
    with neighbours.one.large_only("memory"), neighbours.two.large_only("memory"):
        for _ in range(3):
            serving = neighbours.running[0]
            pid = serving.process.pid
            limits = resource.prlimit(pid, resource.RLIMIT_DATA)
            resource.prlimit(pid, resource.RLIMIT_DATA, (data_octets(pid) + SPARE_MEMORY, limits[1]))
            said = serving.text().count(NO_MEMORY)
            until(
                lambda serving=serving, said=said: ended(serving) or serving.text().count(NO_MEMORY) > said,  # type: ignore[misc]
                lambda serving=serving: f"memory is missed by {serving.describe()}",  # type: ignore[misc]
            )
            if ended(serving):
                neighbours.say(f"it ended with {serving.process.poll()}")
                neighbours.running[0] = neighbours.one.serve_ready()
            else:
                resource.prlimit(pid, resource.RLIMIT_DATA, limits)
            more(neighbours.arrived, ATTEMPTS, "messages arrive again")
    rest(neighbours)


def data_octets(pid: int) -> int:
    """What a process has of the memory that RLIMIT_DATA bounds."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData:"))


def ended(running: Running) -> bool:
    """Whether a process has ended, however."""
    return running.process.poll() is not None


def test_a_container_without_memory_is_killed_and_started_again(tmp_path: Path) -> None:
    """Its group of processes has a limit; the kernel kills it in the middle of what it does, three times."""
    group = memory_group(f"depesha-{os.getpid()}")
    try:
        with (
            neighbours_on((None, None), tmp_path) as pair,
            pair.one.large_only("memory"),
            pair.two.large_only("memory"),
        ):
            for _ in range(3):
                serving = pair.running[0]
                (group / "cgroup.procs").write_text(str(serving.process.pid))
                until(lambda serving=serving: killed_under(group, serving), serving.describe)  # type: ignore[misc]
                assert serving.process.poll() == -signal.SIGKILL, serving.describe()
                limit(group, None)
                pair.running[0] = pair.one.serve_ready()
                more(pair.arrived, ATTEMPTS, "messages arrive again")
            rest(pair)
    finally:
        group.rmdir()


def memory_group(name: str) -> Path:
    """A new control group with a limit of memory, of either version of control groups."""
    for root in (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")):
        group = root / name
        try:
            group.mkdir()
        except OSError:
            continue
        if _limit_file(group).exists():
            return group
        group.rmdir()
    leave_out(NO_GROUPS)


def _limit_file(group: Path) -> Path:
    return group / ("memory.limit_in_bytes" if group.parent.name == "memory" else "memory.max")


def limit(group: Path, octets: int | None) -> None:
    """Set the group's limit, or none."""
    none = "-1" if group.parent.name == "memory" else "max"
    _limit_file(group).write_text(none if octets is None else str(octets))


def killed_under(group: Path, serving: Running) -> bool:
    """Bring the limit down to what the process cannot do with; whether it has ended."""
    now = next(int(file.read_text()) for name in USAGE if (file := group / name).exists())
    with suppress(OSError):  # not to below what cannot be taken from it at this moment
        limit(group, max(1_000_000, now - 1_000_000))
    return ended(serving)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of its own, of some megabytes, on the folder."""
    if os.geteuid() != 0:
        leave_out(NO_DISK)
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=700", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(folder: Path, left: int = 0) -> Path:
    """Write until there are only so many octets left."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (PIECE, 512, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
        file.truncate(max(0, file.tell() - left))
    return ballast


def says(word: str, *running: Running) -> None:
    """Wait until one of these processes has written a word, once more than before."""

    def count() -> int:
        return sum(one.text().count(word) for one in running)

    said = count()
    until(lambda: count() > said, lambda: f"{word!r} is said by one of {[one.describe() for one in running]}")


def test_a_full_disk(tmp_path: Path) -> None:
    """Less and less can be written: no message is accepted from anybody, none is lost; with space again all goes on.

    What is left ends in the middle of another write each time: of a blob, of the journal, of a page, of nothing.
    """
    with (
        small_disk(tmp_path / "one") as disk,
        neighbours_on((None, None), tmp_path, {"disk_floor_megabytes": "0"}) as pair,
    ):
        for left in LEFT_ON_DISK:
            pair.say(f"{left} octets are left")
            ballast = fill(disk, left)
            says("full: ", *pair.running[:2])
            more(lambda: failed_attempts(pair), ATTEMPTS, "the other side tries in vain")
            ballast.unlink()
            more(pair.arrived, ATTEMPTS, "messages arrive again")
        rest(pair)


def test_a_disk_that_is_read_only_when_the_node_starts(tmp_path: Path) -> None:
    """It says that its database cannot be opened, and ends; once the disk can be written, it starts and goes on."""
    with (
        small_disk(tmp_path / "one") as disk,
        neighbours_on((None, None), tmp_path, {"disk_floor_megabytes": "0"}) as pair,
    ):
        for running in (pair.running[1], pair.running[0]):
            running.stop()
        pair.one.node.database.close()
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        refused = pair.one.serve()
        until(lambda: ended(refused), refused.describe)
        assert refused.process.poll() == 1, refused.describe()
        assert "cannot be opened or read" in refused.text(), refused.describe()
        assert "Traceback" not in refused.text(), refused.describe()
        more(lambda: failed_attempts(pair), ATTEMPTS, "the other side tries in vain")
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        pair.running[:2] = [pair.one.serve_ready(), pair.one.traffic(pair.two)]
        more(pair.arrived, ATTEMPTS, "messages arrive again")
        rest(pair)


@contextmanager
def on_a_server(
    urls: tuple[str, str], server: str, folder: Path
) -> Iterator[tuple[Neighbours, psycopg.Connection, str]]:
    """Two nodes under traffic, a connection to the server of their databases, and the name of the first one's."""
    name = make_url(urls[0]).database
    assert name is not None
    with psycopg.connect(server, autocommit=True) as connection, neighbours_on(urls, folder) as pair:
        yield pair, connection, name


def cut_off(server: psycopg.Connection, name: str) -> None:
    """End all connections to a database."""
    server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])


def test_a_database_that_goes_away_and_comes_back(
    postgresql_urls: tuple[str, str], postgresql_server: str, tmp_path: Path
) -> None:
    """All its connections are cut and no new ones let in, three times."""
    with on_a_server(postgresql_urls, postgresql_server, tmp_path) as (pair, server, name):
        for _ in range(3):
            server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            cut_off(server, name)
            more(lambda: failed_attempts(pair), ATTEMPTS, "the other side tries in vain")
            server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            pair.one.node.database.close()  # this process had connections, too
            more(pair.arrived, ATTEMPTS, "messages arrive again")
        rest(pair)


def test_a_database_that_stands_still(postgresql_urls: tuple[str, str], postgresql_server: str, tmp_path: Path) -> None:
    """It neither answers nor ends a connection, three times; once it answers, all goes on."""
    with on_a_server(postgresql_urls, postgresql_server, tmp_path) as (pair, server, name):
        for _ in range(3):
            query = "SELECT pid FROM pg_stat_activity WHERE datname = %s"
            stopped = [pid for (pid,) in server.execute(query, [name]).fetchall()]
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            try:
                more(lambda: failed_attempts(pair), ATTEMPTS, "the other side tries in vain")
            finally:
                for pid in stopped:
                    os.kill(pid, signal.SIGCONT)
            more(pair.arrived, ARRIVALS, "messages arrive again")
        rest(pair)


def test_a_database_that_is_read_only_for_a_while(
    postgresql_urls: tuple[str, str], postgresql_server: str, tmp_path: Path
) -> None:
    """As after a switch to a standby: nothing can be written, three times; nothing is taken in, nothing is lost."""
    with on_a_server(postgresql_urls, postgresql_server, tmp_path) as (pair, server, name):
        for _ in range(3):
            server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
            cut_off(server, name)
            pair.one.node.database.close()
            # Who queues does not try while enough waits to be sent; then the node tries to send it.
            says("read-only", *pair.running[:2])
            more(lambda: failed_attempts(pair), ATTEMPTS, "the other side tries in vain")
            server.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
            cut_off(server, name)
            pair.one.node.database.close()
            more(pair.arrived, ATTEMPTS, "messages arrive again")
        rest(pair)


@pytest.mark.short_faults
def test_two_nodes_on_one_home(neighbours: Neighbours) -> None:
    """On SQLite the second is refused and the first goes on; on PostgreSQL both serve."""
    home = neighbours.one
    first = home.outside, home.inside
    home.outside, home.inside = free_port(), free_port()
    second = home.serve()
    home.outside, home.inside = first
    if home.node.database.dialect == "sqlite":
        until(lambda: ended(second), second.describe)
        assert second.process.poll() == 2, second.describe()
        assert "is being served by another process already" in second.text()
    else:
        until(lambda: ended(second) or READY in second.text(), second.describe)
        assert not ended(second), second.describe()
    more(neighbours.arrived, ARRIVALS, "messages arrive")
    if not ended(second):
        second.kill()
        more(neighbours.arrived, ARRIVALS, "messages arrive without the one that was killed")
    rest(neighbours)


@pytest.mark.short_faults
def test_an_upgrade_in_the_middle_of_traffic(neighbours: Neighbours, tmp_path: Path) -> None:
    """The program of one side is replaced by one with newer tables while the other side goes on sending."""
    newer = make_newer(tmp_path / "newer")
    (newer.folder / "tests").symlink_to(ROOT / "tests")
    one = neighbours.one
    for running in (neighbours.running[1], neighbours.running[0]):
        running.stop()
    more(lambda: failed_attempts(neighbours), ATTEMPTS, "the other side tries in vain")
    one.program = newer.folder
    neighbours.running[:2] = [one.serve_ready(), one.traffic(neighbours.two)]
    assert table_version(one.node.database) == NEWER
    more(neighbours.arrived, ARRIVALS, "messages arrive again")
    rest(neighbours)
