"""Tables of records as files: CSV and XLSX, by the ending of the name. What stands in one is `records.table_files`'."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from node.records.shape import Shape
from node.records.table_files import LARGEST_FILE, Table, TableRefused, csv_table, xlsx_table
from node.records.table_files import read_table as read_octets

CSV, XLSX = ".csv", ".xlsx"
_OTHER_BOOKS = frozenset({".xls", ".xlsb", ".xlsm", ".ods", ".numbers"})


def read_table(path: Path, shape: Shape, ours: Iterable[str] = ()) -> Table:
    """Read a table of records of this shape. `ours`: which columns of our own may have a value.

    Raises TableRefused, with every error of the head, or the first of a cell that is none; OSError.
    """
    ending = path.suffix.lower()
    if ending in _OTHER_BOOKS:
        raise TableRefused(f"{path.name}: found {ending}, expected {CSV} or {XLSX}. Save it as one of these.")
    with path.open("rb") as file:
        content = file.read(LARGEST_FILE + 1)
    return read_octets(content, path.name, shape, ours, xlsx=ending == XLSX)


def write_table(path: Path, head: Sequence[str], rows: Iterable[Sequence[str]], shape: Shape) -> None:
    """Write a table, by the ending of its name as CSV or XLSX. Raises TableRefused for another ending; OSError."""
    if path.suffix.lower() == CSV:
        content = csv_table(head, rows)
    elif path.suffix.lower() == XLSX:
        content = xlsx_table(head, rows, shape)
    else:
        raise TableRefused(f"{path.name}: give a name that ends with {CSV} or {XLSX}.")
    path.write_bytes(content)
