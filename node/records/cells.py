"""Cells of tables that people open in a spreadsheet program: a text must never be taken for a formula there.

A text that a spreadsheet would carry out begins with one of FORMULA_STARTS; it gets an apostrophe before it, which
spreadsheets take as "this is text" (OWASP, CSV Injection). `plain` takes it off again, so a table that was written here
is read as it was.
"""

import csv
import io
from collections.abc import Iterable, Sequence

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""The last four are the full-width forms, which some spreadsheets take for the others."""
TEXT_MARK = "'"


def guarded(text: str) -> str:
    """The text as it stands in a cell. One that begins with apostrophes and then such a sign gets one more."""
    return TEXT_MARK + text if text.lstrip(TEXT_MARK).startswith(FORMULA_STARTS) else text


def plain(cell: str) -> str:
    """The text of a cell that `guarded` wrote; any other as it is."""
    begins_marked = cell.startswith(TEXT_MARK) and cell.lstrip(TEXT_MARK).startswith(FORMULA_STARTS)
    return cell.removeprefix(TEXT_MARK) if begins_marked else cell


def csv_text(rows: Iterable[Sequence[str | int | float | None]]) -> str:
    """Rows as CSV (RFC 4180), each text guarded; nothing stands in an empty cell."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for row in rows:
        writer.writerow([guarded(one) if isinstance(one, str) else "" if one is None else one for one in row])
    return out.getvalue()
