"""A node that starts and then rests: `depesha serve` as a process, from its start to the first 200 of /readyz.

It has exchanged a few messages before: ready is who knows the time, and where no kernel tells, a peer's receipt does.
"""

import contextlib
import http.client
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from node.exchange.node import open_node
from node.journal import start_journal
from tests.bench import exchange
from tests.bench.exchange import Arrangement
from tests.bench.offices import LOG_LEVEL, ROOT, Office, cpu_seconds, free_port, two_offices, wall

GOAL_SECONDS, GOAL_MB = 2, 150
PATIENCE_SECONDS = 120
SETTLE_SECONDS = 3


@dataclass(frozen=True, slots=True)
class Start:
    """Seconds to ready by the clock and of CPU; memory in MB at rest; CPU at rest, in thousandths of a core."""

    seconds: float
    cpu: float
    resident: float
    share: float
    idle: float


def start(office: Office, idle_seconds: float) -> Start:
    """Start it, wait until it is ready, let it rest so long, and end it. Raises RuntimeError if it is never ready."""
    inside = free_port()
    began = wall()
    process = subprocess.Popen(
        office.serve_words(office.port, inside), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while not _is_ready(inside):
            if process.poll() is not None or wall() - began > PATIENCE_SECONDS:
                raise RuntimeError(f"the node was not ready after {wall() - began:.0f} s (status {process.returncode})")
            time.sleep(0.005)  # asks anew: nothing tells us otherwise
        seconds, cpu = wall() - began, cpu_seconds(process.pid)
        time.sleep(SETTLE_SECONDS)  # what follows the start is not rest
        before, began = cpu_seconds(process.pid), wall()
        time.sleep(idle_seconds)  # the time that is measured
        idle = (cpu_seconds(process.pid) - before) / (wall() - began)
        memory = _memory(process.pid)
        return Start(seconds, cpu, memory["Rss"] / 1024, memory["Pss"] / 1024, idle * 1000)
    finally:
        process.terminate()
        process.wait()


def _in_touch(folder: Path) -> Office:
    """An office that has a receipt of another's of this hour."""
    offices = two_offices(folder, [None, None])
    node = open_node(offices[0].folder)
    try:
        with offices[1].serving() as receiver:
            exchange.measure(Arrangement(False, "SQLite", 1, 1), offices, node, receiver)
    finally:
        node.database.close()
    return offices[0]


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.closing(connection):
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False


def _memory(process: int) -> dict[str, int]:
    """Kilobytes by kind."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
    return {line.split(":")[0]: int(line.split()[1]) for line in lines}


def table(rounds: int, idle_seconds: float) -> Iterator[str]:
    """Medians of so many starts; one before them fills caches."""
    start_journal(LOG_LEVEL)
    with tempfile.TemporaryDirectory(prefix="depesha-bench-") as folder:
        office = _in_touch(Path(folder))
        start(office, 0)
        starts = [start(office, idle_seconds) for _ in range(rounds)]
    median = Start(
        *(
            statistics.median(getattr(one, name) for one in starts)
            for name in ("seconds", "cpu", "resident", "share", "idle")
        )
    )
    yield f"`depesha serve` on SQLite, a few messages in it; medians of {rounds} starts"
    yield f"{'':34}{'CPU':>8}{'wall':>8}{'goal':>8}"
    yield f"{'start to ready, s':34}{median.cpu:8.2f}{median.seconds:8.2f}{GOAL_SECONDS:8}"
    yield f"{'at rest, thousandths of a core':34}{median.idle:8.1f}"
    yield f"{'':34}{'RSS':>8}{'PSS':>8}{'goal':>8}"
    yield f"{'memory at rest, MB':34}{median.resident:8.0f}{median.share:8.0f}{GOAL_MB:8}"
