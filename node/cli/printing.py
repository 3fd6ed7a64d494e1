"""What commands print: one JSON value under --json, words for people otherwise."""

import json
import sys
from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any


class No(Exception):
    """The answer is no: the text says why and what to do. `status` is 1, or 2 for wrong usage."""

    def __init__(self, text: str, status: int = 1) -> None:
        super().__init__(text)
        self.status = status


def home_of(arguments: Namespace) -> Path:
    """The node's folder that a command is about."""
    return Path(arguments.home).expanduser()


def show(arguments: Namespace, value: Any, text: str | Iterable[str]) -> None:
    """Print `value` as JSON under --json, else `text` (a string or lines)."""
    if arguments.json:
        print(json.dumps(value, ensure_ascii=False))
    elif isinstance(text, str):
        print(text)
    else:
        for line in text:
            print(line)


def table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], empty: str) -> Iterable[str]:
    """Lines of a plain table: `columns` maps keys to headings; `empty` is said when there are no rows."""
    if not rows:
        yield empty
        return
    cells = [[_cell(row.get(key)) for key in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(list(columns.values()), *cells, strict=True)]
    for line in [list(columns.values()), *cells]:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def fail(text: str, status: int) -> int:
    """Say on standard error what went wrong; returns the exit status."""
    print(text, file=sys.stderr)
    return status


def _cell(value: Any) -> str:
    return "" if value is None else str(value)
