"""Found by a document's number however it is spaced, and by a date of birth as far as either side knows it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.records.persons import PartialDate, birth_keys, birth_query, number_key


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("BX 123-456/7", "bx1234567", True),
        ("１２３", "123", True),
        ("A000", "0000", False),
        ("Ђ 12", "ђ12", True),
        ("123", "1234", False),
    ],
)
def test_numbers_are_compared_without_what_people_add(one: str, other: str, same: bool) -> None:
    assert (number_key(one) == number_key(other)) is same
    assert number_key(" - ") == ""


DATES = st.one_of(
    st.just(PartialDate()),
    st.builds(PartialDate, st.integers(1970, 1971)),
    st.builds(PartialDate, st.integers(1970, 1971), st.integers(1, 2)),
    st.builds(PartialDate, st.integers(1970, 1971), st.integers(1, 2), st.integers(1, 3)),
)


@settings(deadline=None)
@given(DATES, DATES)
def test_a_record_is_found_where_one_date_lies_within_the_other(born: PartialDate, asked: PartialDate) -> None:
    found = not birth_keys(born).isdisjoint(birth_query(asked))
    known = born.year is not None and asked.year is not None
    assert found == (known and born.may_be(asked))
