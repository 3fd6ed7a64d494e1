"""What a serving node takes of its machine, looked at from outside, a line of CSV a look."""

import csv
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from sqlalchemy import func, select, text

from node.exchange.due import OUTBOX
from node.exchange.node import BLOBS, DATABASE_FILE, Node
from node.exchange.settlement import MESSAGE
from tests.faults.flatness import Trend, trend

MB = 1_000_000
# Each has its connection; on a machine with time to spare there is one, on one without up to the limit of the traffic.
UNDER_WAY = 16


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at one node. `life` counts its processes: what belongs to another process is another series."""

    seconds: float
    node: str
    life: int
    resident_bytes: int
    open_files: int
    threads: int
    database_bytes: int
    blob_bytes: int
    messages: int
    waiting: int

    @property
    def bytes_a_message(self) -> float:
        """Of the database."""
        return self.database_bytes / max(1, self.messages)


def look(seconds: float, life: int, process: int, node: Node) -> Sample:
    """Look at a serving process and what its node keeps. Raises OSError when the process has ended."""
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    )
    files = sum(1 for _ in Path(f"/proc/{process}/fd").iterdir())
    with node.database.read() as connection:
        messages = connection.scalar(select(func.count()).select_from(MESSAGE)) or 0
        waiting = connection.scalar(select(func.count()).select_from(OUTBOX)) or 0
        if node.database.dialect == "postgresql":
            database = connection.scalar(text("SELECT pg_database_size(current_database())")) or 0
        else:
            database = sum(path.stat().st_size for path in node.home.glob(f"{DATABASE_FILE}*"))
    blobs = sum(path.stat().st_size for path in (node.home / BLOBS).rglob("*") if path.is_file())
    return Sample(
        round(seconds, 1), node.party, life, int(status["VmRSS"].split()[0]) * 1024, files, int(status["Threads"]),
        database, blobs, messages, waiting,
    )  # fmt: skip


class SampleFile:
    """Samples as CSV, each line written at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.samples: list[Sample] = []
        with path.open("w", encoding="ascii", newline="") as file:
            csv.writer(file).writerow([field.name for field in fields(Sample)])

    def add(self, sample: Sample) -> None:
        """Keep one."""
        self.samples.append(sample)
        with self.path.open("a", encoding="ascii", newline="") as file:
            csv.writer(file).writerow(asdict(sample).values())


def trends(samples: list[Sample], warm_up: float) -> list[Trend]:
    """How the longest life of each node went, from `warm_up` seconds into it on.

    Memory may grow by 5 % or 6 MB, open files by as many as there are deliveries under way on a busy machine, threads
    by 2, the database a message by 5 %. Raises ValueError when a node was not looked at long enough.

    What fills up slowly and has a bound: SQLite's pages (2 MB of the writer, 0.5 MB of each of eight readers), the
    statements that each connection keeps prepared (128 at most; the sixty that a reader needs take 0.5 MB), and schemas
    and rules, compiled once more for each thread that judges records at the same time (4 MB, six threads at most).
    """
    found = []
    for node in sorted({sample.node for sample in samples}):
        lives: dict[int, list[Sample]] = {}
        for sample in samples:
            if sample.node == node:
                lives.setdefault(sample.life, []).append(sample)
        longest = max(lives.values(), key=lambda life: life[-1].seconds - life[0].seconds)
        judged = [one for one in longest if one.seconds - longest[0].seconds >= warm_up]
        for what, share, floor in (
            ("resident_bytes", 0.05, 6 * MB),
            ("open_files", 0.0, UNDER_WAY),
            ("threads", 0.0, 2),
            ("bytes_a_message", 0.05, 0),
        ):
            points = [(one.seconds, float(getattr(one, what))) for one in judged]
            found.append(trend(f"{node}: {what}", points, share, floor))
    return found
