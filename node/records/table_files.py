"""Tables of records as octets of CSV and XLSX files, of any domain. What the columns are is `table_rows`'s matter.

Nothing of a table is carried out: cells that would be formulas are written as text, and refused where they are read.
"""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.comments import Comment
from openpyxl.utils.exceptions import InvalidFileException

from node.records.cells import csv_text, plain
from node.records.content_types import HEAD_BYTES, content_type
from node.records.shape import Shape
from node.records.table_rows import Column, RowError, all_columns, column_named

OURS = "#"
"""Columns that begin so are not the record's: of those only what whoever reads asks for counts."""
LARGEST_FILE = 16 * 1024 * 1024
LARGEST_INSIDE = 256 * 1024 * 1024
"""An XLSX file is a ZIP file, which may come to far more than it seems."""
MOST_ROWS = 10_000
MOST_COLUMNS = 2_000
_SEPARATORS = (",", ";", "\t")
_FORBIDDEN_XML = (b"<!DOCTYPE", b"<!ENTITY")
_TEXT = "@"
_ZEROS = re.compile("0")
_FIRST_NOT_EXACT = 10**15
"""Spreadsheets keep 15 digits of a number and make zeros of the others."""


class TableRefused(Exception):
    """A file that is no table, or a table in which something is wrong: `errors` names each place. Nothing was done."""

    def __init__(self, text: str, errors: Sequence[RowError] = ()) -> None:
        super().__init__("\n".join([text, *(one.in_words() for one in errors)]))
        self.detail = text
        self.errors = tuple(errors)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: its number (the head is row 1), the record's values by column, and those of our own columns."""

    number: int
    values: Mapping[str, str]
    ours: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """What a file holds; rows without any value are left out."""

    columns: Mapping[str, Column]
    rows: Sequence[Row]


def read_table(content: bytes, name: str, shape: Shape, ours: Iterable[str] = (), *, xlsx: bool) -> Table:
    """Read the content of a table of records of this shape; `name` stands in errors. `ours`: which columns of our own
    may have a value.

    Raises TableRefused, with every error of the head, or the first of a cell that is none.
    """
    if len(content) > LARGEST_FILE:
        raise TableRefused(f"{name}: found more than {LARGEST_FILE} octets. Divide the table.")
    rows = _bounded(_xlsx_rows(content, name) if xlsx else _csv_rows(content, name), name)
    head = [one.strip() for one in next(rows, [])]
    while head and not head[-1]:
        head.pop()
    columns = _columns(head, shape, name)
    known = {f"{OURS}{one}" for one in ours}
    return Table(columns, list(_rows(rows, head, columns, known, name)))


def csv_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """A table as CSV: UTF-8, with a mark that spreadsheets know."""
    return csv_text([head, *rows]).encode("utf-8-sig")


def xlsx_table(head: Sequence[str], rows: Iterable[Sequence[str]], shape: Shape) -> bytes:
    """A table as XLSX; the head of each column says what it holds."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(shape.name[:31])
    sheet.freeze_panes = "A2"
    top = []
    for name in head:
        cell = _text_cell(sheet, name)
        if note := _note(shape, name):
            cell.comment = Comment(note, "Depesha")
        top.append(cell)
    sheet.append(top)
    for row in rows:
        sheet.append([_text_cell(sheet, value) for value in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def empty_head(shape: Shape) -> list[str]:
    """The columns of a table to be filled."""
    return [one.name for one in all_columns(shape)]


def _columns(head: Sequence[str], shape: Shape, file: str) -> dict[str, Column]:
    if not head:
        raise TableRefused(
            f"{file}: found nothing in row 1, expected the names of the columns. `depesha table new` writes an empty "
            f"table of {shape.name}, or put the names there."
        )
    errors, columns = [], {}
    for n, name in enumerate(head, start=1):
        if name.startswith(OURS):
            continue
        column = column_named(shape, name)
        if not name:
            errors.append(RowError(1, f"number {n}", "no name", "the name of a column", "Name it, or take it out."))
        elif isinstance(column, str):
            errors.append(RowError(1, name, name, f"a column of {shape.name}", column))
        elif name in columns:
            errors.append(RowError(1, name, "the column again", "each column once", "Take one of them out."))
        else:
            columns[name] = column
    if not errors and not columns:
        remedy = f"Name some; `depesha table new` shows the columns of {shape.name}."
        errors.append(RowError(1, "", ", ".join(head), f"at least one column of {shape.name}", remedy))
    if errors:
        raise TableRefused(f"{file}: the head of the table cannot be used.", errors)
    return columns


def _rows(
    rows: Iterator[list[str]], head: Sequence[str], columns: Mapping[str, Column], known: set[str], file: str
) -> Iterator[Row]:
    for number, cells in enumerate(rows, start=2):
        if not any(cell.strip() for cell in cells):
            continue
        more = [cell for cell in cells[len(head) :] if cell.strip()]
        if more:
            error = RowError(number, "", more[0], f"at most {len(head)} cells", "Put it under a column.")
            raise TableRefused(f"{file}: a cell stands under no column.", [error])
        named = dict(zip(head, cells, strict=False))
        values = {name: named.get(name, "") for name in columns}
        yield Row(number, values, {name[1:]: named[name].strip() for name in named if name in known})


def _bounded(rows: Iterator[list[str]], file: str) -> Iterator[list[str]]:
    for number, row in enumerate(rows, start=1):
        if number > MOST_ROWS + 1 or len(row) > MOST_COLUMNS:
            raise TableRefused(f"{file}: found more than {MOST_ROWS} rows or {MOST_COLUMNS} columns. Divide the table.")
        yield row


def _csv_rows(content: bytes, file: str) -> Iterator[list[str]]:
    if (other := content_type(content[:HEAD_BYTES])) is not None:
        raise TableRefused(
            f"{file}: found {other.name}, expected CSV, or XLSX in a file whose name ends so. Save it as XLSX, or as "
            "CSV in UTF-8."
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise TableRefused(f"{file}: found no UTF-8. Save it as CSV in UTF-8.") from None
    first = text.partition("\n")[0]
    separator = max(_SEPARATORS, key=first.count)
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True):
            yield [plain(cell) for cell in row]
    except csv.Error as error:
        raise TableRefused(f"{file}: found no CSV ({error}). Save it anew, as CSV in UTF-8.") from None


def _xlsx_rows(content: bytes, file: str) -> Iterator[list[str]]:
    _require_harmless(content, file)
    try:
        book = load_workbook(io.BytesIO(content), read_only=True)
        sheet = book.worksheets[0]
    except (InvalidFileException, KeyError, ValueError, IndexError, zipfile.BadZipFile) as error:
        raise _no_xlsx(file) from error
    head: list[str] = []
    try:
        for row in sheet.iter_rows():
            texts = [_cell(cell, head, file) for cell in row]
            head = head or texts
            yield texts
    finally:
        book.close()


def _require_harmless(content: bytes, file: str) -> None:
    """No more than is expected, and no XML that declares entities, before anything is read."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(one.file_size for one in archive.infolist()) > LARGEST_INSIDE:
                raise TableRefused(f"{file}: it comes to more than {LARGEST_INSIDE} octets. Divide the table.")
            for one in archive.infolist():
                # Declared in any other encoding, they would not be seen.
                text = archive.read(one) if one.filename.endswith((".xml", ".rels")) else b""
                if b"\x00" in text or any(word in text for word in _FORBIDDEN_XML):
                    raise TableRefused(f"{file}: {one.filename} declares entities. Save the table anew.")
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise _no_xlsx(file) from error


def _no_xlsx(file: str) -> TableRefused:
    return TableRefused(f"{file}: found no XLSX file. Save it anew, as XLSX or as CSV in UTF-8.")


def _cell(cell: Any, head: Sequence[str], file: str) -> str:
    """The text that a cell shows. Raises TableRefused for a cell whose text would be another than what it shows."""
    value = cell.value
    if value is None:
        return ""
    if cell.data_type == "f":
        raise _cell_refused(cell, head, file, "a formula", "a value", "Put its value there, not the formula.")
    if cell.data_type == "e":
        raise _cell_refused(cell, head, file, "an error", "a value", "Correct what it is computed from, or empty it.")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    return _number(cell, head, file) if isinstance(value, int | float) else str(value)


def _number(cell: Any, head: Sequence[str], file: str) -> str:
    value, shown_as = cell.value, cell.number_format or ""
    if abs(value) >= _FIRST_NOT_EXACT:
        remedy = "Make the cell text and type it anew: a spreadsheet has lost its last digits."
        raise _cell_refused(cell, head, file, "a number of more than 15 digits", "a text", remedy)
    whole = isinstance(value, int) or value.is_integer()
    if len(_ZEROS.findall(shown_as.partition(".")[0])) > 1:
        if not whole or set(shown_as) != {"0"}:
            remedy = f"Make the cell text and type what it shows: its format is {shown_as}."
            raise _cell_refused(cell, head, file, "a number that is shown with zeros before it", "a text", remedy)
        return ("-" if value < 0 else "") + str(abs(int(value))).zfill(len(shown_as))
    return str(int(value)) if whole else str(value)


def _cell_refused(cell: Any, head: Sequence[str], file: str, what: str, expected: str, remedy: str) -> TableRefused:
    title = head[cell.column - 1].strip() if cell.column <= len(head) else ""
    at = f"{cell.column_letter}{cell.row}"
    error = RowError(cell.row, title or cell.column_letter, str(cell.value), expected, remedy)
    return TableRefused(f"{file}: cell {at} holds {what}.", [error])


def _text_cell(sheet: Any, value: str) -> Any:
    """A cell that is text whatever it looks like, now and when somebody edits it."""
    cell = WriteOnlyCell(sheet, value="")
    cell.value = value
    if value:
        cell.data_type = "s"
    cell.number_format = _TEXT
    cell.quotePrefix = True
    return cell


def _note(shape: Shape, name: str) -> str:
    column = column_named(shape, name)
    if isinstance(column, str):
        return ""
    needed = "" if column.field.minimum else " May be left out."
    return f"{shape.label(column.field.path)}: {column.field.expected()}.{needed}"
