"""Partial dates as records write them; codes of States and of persons without nationality, Kosovo's among them."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.records import Domain
from node.records.persons import (
    PartialDate,
    PartialDateError,
    nationalities,
    read_partial_date,
    record_code,
    state_code,
)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("1974-08-12", date(1974, 8, 12), date(1974, 8, 12)),
        ("1974-08", date(1974, 8, 1), date(1974, 8, 31)),
        ("2028-02", date(2028, 2, 1), date(2028, 2, 29)),
        ("1974", date(1974, 1, 1), date(1974, 12, 31)),
        ("unknown", None, None),
    ],
)
def test_a_partial_date_is_a_span_of_days(text: str, first: date | None, last: date | None) -> None:
    found = read_partial_date(text)
    assert (found.first, found.last) == (first, last)
    assert str(found) == text


@pytest.mark.parametrize(
    ("one", "other", "may_be"),
    [
        ("1974-08-12", "1974", True),
        ("1974-08-12", "1974-08", True),
        ("1974-08-12", "1974-09", False),
        ("1974", "1975", False),
        ("unknown", "1975-01-01", True),
    ],
)
def test_two_dates_may_be_the_same_day_or_not(one: str, other: str, may_be: bool) -> None:
    assert read_partial_date(one).may_be(read_partial_date(other)) is may_be
    assert read_partial_date(other).may_be(read_partial_date(one)) is may_be


@pytest.mark.parametrize("text", ["", "74", "1974-8", "1974-13", "1974-02-30", "0000", "1974-08-", "١٩٧٤", "Unknown"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(PartialDateError):
        read_partial_date(text)


def test_a_day_without_its_month_is_no_date() -> None:
    for wrong in ((1974, None, 12), (None, 8, None), (None, None, 12)):
        with pytest.raises(PartialDateError):
            PartialDate(*wrong)


@settings(deadline=None)
@given(st.dates())
def test_any_day_comes_back(day: date) -> None:
    assert read_partial_date(day.isoformat()).first == day


def test_kosovo_is_accepted_by_every_code_and_recorded_by_one() -> None:
    assert {record_code(code) for code in ("XKX", "RKS", "XXK", "UNK")} == {"XKX"}
    assert nationalities(["RKS", "SRB", "XKX", "UNK", "D<<"]) == ("XKX", "SRB", "DEU")


def test_persons_without_nationality_have_codes_of_their_own() -> None:
    kinds = {code: state_code(code) for code in ("XXA", "XXB", "XXC", "XXX", "SRB", "GBD", "XOM", "QQQ")}
    without = [code for code, found in kinds.items() if found is not None and found.without_nationality]
    assert without == ["XXA", "XXB", "XXC", "XXX"]
    assert kinds["QQQ"] is None
    assert record_code("QQQ") == "QQQ"


def test_the_codes_are_those_that_records_take(returns: Domain) -> None:
    states = returns.records["ReadmissionApplication"].codes["states"].codes
    for code, entry in states.items():
        found = state_code(code)
        assert found is not None, code
        assert found.in_record == (entry.facts.get("use_instead") or code)
