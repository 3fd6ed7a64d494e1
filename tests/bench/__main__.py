"""`make bench` and its like: what the wire costs, what whole exchanges cost, and a node at work, each a section.

    python -m tests.bench [FILE] [--only SECTION]… [--full]

Prints the sections, each under a line that says when it was measured and how busy the machine was. FILE gets them
too: a section that it has already is replaced where it stands, others stay. Without `--only` those are measured that
together take about a quarter of an hour (`ORDINARY`).
"""

import argparse
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import draining, exchange, large, lists, phase4, processes, starting, steps, wire
from tests.bench.exchange import Arrangement
from tests.bench.sections import replaced

SHORT = [
    *(Arrangement(False, "SQLite", n, 50 if n == 1 else 300) for n in (1, 16, 64)),
    Arrangement(True, "SQLite", 64, 300),
    Arrangement(False, "PostgreSQL", 64, 300),
]
FULL = [
    Arrangement(tls, database, n, 300 if n == 1 else 2000)
    for database in ("SQLite", "PostgreSQL")
    for tls in (False, True)
    for n in (1, 16, 64)
]

MILLION = 1_000_000


def _wire(full: bool) -> Iterator[str]:
    yield from wire.measure()[0]


def _exchange(full: bool) -> Iterator[str]:
    floor = wire.measure(exchange.record())[1]
    yield from exchange.table(FULL if full else SHORT, floor, 3 if full else 1)


def _steps(full: bool) -> Iterator[str]:
    yield from steps.table(100 if full else 30)


def _large(full: bool) -> Iterator[str]:
    yield from large.table(large.MEGABYTES if full else 128, tls=True, rates=True, kills=True)


def _phase4(full: bool) -> Iterator[str]:
    yield from phase4.table(phase4.FULL if full else phase4.SHORT)


def _starting(full: bool) -> Iterator[str]:
    yield from starting.table(*((7, 30.0) if full else (3, 5.0)))


def _draining(full: bool) -> Iterator[str]:
    yield from draining.table(*((10_000, 2000, 30.0) if full else (500, 300, 5.0)))


def _processes(full: bool) -> Iterator[str]:
    yield from processes.table(2000 if full else 200)


def _lists(full: bool) -> Iterator[str]:
    yield from lists.table("SQLite", MILLION if full else 20_000)


def _lists_postgresql(full: bool) -> Iterator[str]:
    yield from lists.table("PostgreSQL", MILLION if full else 20_000)


SECTIONS: dict[str, Callable[[bool], Iterator[str]]] = {
    "wire": _wire,
    "exchange": _exchange,
    "steps": _steps,
    "start": _starting,
    "drain": _draining,
    "processes": _processes,
    "large": _large,
    "lists": _lists,
    "lists-postgresql": _lists_postgresql,
    "phase4": _phase4,
}
ORDINARY = ("wire", "exchange", "steps", "start", "processes", "large", "lists")


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Time the wire and a node at work.")
    parser.add_argument("file", nargs="?", type=Path, help="where to write the sections too")
    parser.add_argument("--only", choices=SECTIONS, action="append", help="this section; may be given again")
    parser.add_argument("--full", action="store_true", help="more messages, more arrangements, more rounds")
    asked = parser.parse_args()
    for name in asked.only or ORDINARY:
        lines = []
        for line in _section(name, SECTIONS[name](asked.full)):
            print(line, flush=True)
            lines.append(line)
        print(flush=True)
        if asked.file is not None:
            before = asked.file.read_text(encoding="utf-8") if asked.file.exists() else ""
            asked.file.write_text(replaced(before, name, lines), encoding="utf-8")


def _section(name: str, lines: Iterator[str]) -> Iterator[str]:
    """The lines under a heading: name, moment, and how many processes wanted a core in the minute before."""
    yield f"{name}: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    yield from lines


if __name__ == "__main__":
    main()
