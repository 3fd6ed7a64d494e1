"""Cells that a spreadsheet must not take for formulas."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.records.cells import csv_text, guarded, plain

TEXTS = st.text(st.sampled_from("'=+-@\t\r\n＝ab1 ,\""), max_size=8)


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+49 30", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "'=1"])
def test_what_would_be_carried_out_is_marked_as_text(text: str) -> None:
    assert guarded(text) == "'" + text


@pytest.mark.parametrize("text", ["", "Petrović", "1999-01-01", "O'Neill", "'quoted'", "a=b"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert guarded(text) == text


@given(TEXTS)
def test_reading_gives_back_what_was_written(text: str) -> None:
    assert plain(guarded(text)) == text
    [[cell]] = csv.reader(io.StringIO(csv_text([[text or "x"]]), newline=""))
    assert plain(cell) == (text or "x")


def test_numbers_stay_numbers_and_nothing_is_an_empty_cell() -> None:
    assert csv_text([["a", -1, 2.5, None]]) == "a,-1,2.5,\r\n"
