"""`make bench`: what the wire costs against its bare primitives, then durable exchanges between two nodes.

    python -m tests.bench [FILE] [--only wire|exchange] [--full]

Prints the tables, and writes them to FILE. The short form takes each arrangement once and leaves some out; `--full`
takes all of them three times.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from tests.bench import exchange, wire
from tests.bench.exchange import Arrangement

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


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Time the wire and whole exchanges.")
    parser.add_argument("file", nargs="?", type=Path, help="where to write the tables too")
    parser.add_argument("--only", choices=["wire", "exchange"], help="leave the other one out")
    parser.add_argument("--full", action="store_true", help="every arrangement, three times")
    asked = parser.parse_args()
    lines = []
    for line in _measured(asked.only, asked.full):
        print(line, flush=True)
        lines.append(line)
    if asked.file is not None:
        asked.file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _measured(only: str | None, full: bool) -> Iterator[str]:
    if only != "exchange":
        yield from wire.measure()[0]
    if only is None:
        yield ""
    if only != "wire":
        floor = wire.measure(exchange.record())[1]
        yield from exchange.table(FULL if full else SHORT, floor, 3 if full else 1)


if __name__ == "__main__":
    main()
