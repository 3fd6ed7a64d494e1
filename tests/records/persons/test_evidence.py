"""Evidence: what counts by agreement, requested party, strength and date of issue, row by row of the lists."""

from collections import Counter
from datetime import date, timedelta

import pytest

from node.records import Domain
from node.records.clocks import read_templates
from node.records.persons import (
    EvidenceError,
    Means,
    PartialDate,
    Weight,
    means_of,
    read_evidence,
    read_partial_date,
    weigh,
)
from node.records.persons.evidence import FILE, STRENGTHS

SERBIA = ("EC-Serbia annex 1", "EC-Serbia annex 2")
NORWAY = tuple(f"Norway-Serbia annex {number}" for number in range(1, 6))


@pytest.fixture(scope="module")
def means(returns: Domain) -> tuple[Means, ...]:
    return read_evidence(returns.files)


def weight(
    means: tuple[Means, ...], code: str, lists: tuple[str, ...], requested: str, issued: str = "unknown",
    about: str = "nationality",
) -> Weight:  # fmt: skip
    return weigh(means, code, about, lists, requested, read_partial_date(issued))


def test_the_lists_are_read_whole(means: tuple[Means, ...]) -> None:
    assert len(means) == 68
    assert Counter(row.strength for row in means) == {"prima facie": 36, "proof": 31, "starts verification": 1}


def test_every_row_counts_as_it_says(means: tuple[Means, ...]) -> None:
    for row in means:
        party = "Serbia" if row.requested == "both" else row.requested
        day = row.issued_from or row.issued_to or date(2020, 1, 1)
        issued = PartialDate(day.year, day.month, day.day)
        found = weigh(means, row.code, row.about, [row.list], party, issued)
        assert row in found.rows
        assert found.strength is not None
        assert STRENGTHS.index(found.strength) <= STRENGTHS.index(row.strength)
        if row.requested != "both":
            assert row not in weigh(means, row.code, row.about, [row.list], "nobody", issued).rows
        for outside in (row.issued_from and row.issued_from - timedelta(days=1),
                        row.issued_to and row.issued_to + timedelta(days=1)):  # fmt: skip
            if outside:
                issued = PartialDate(outside.year, outside.month, outside.day)
                assert row not in weigh(means, row.code, row.about, [row.list], party, issued).rows


@pytest.mark.parametrize(
    ("issued", "strength", "at_best"),
    [
        ("1996-07-28", None, None),
        ("2010-03-01", None, None),
        ("1996-07-27", "prima facie", "prima facie"),
        ("1992-04-27", "prima facie", "prima facie"),
        ("1992-04-26", None, None),
        ("1995", "prima facie", "prima facie"),
        ("1996", None, "prima facie"),
        ("unknown", None, "prima facie"),
    ],
)
def test_an_old_serbian_passport_is_prima_facie_within_its_span(
    means: tuple[Means, ...], issued: str, strength: str | None, at_best: str | None
) -> None:
    found = weight(means, "passport", ("Norway-Serbia annex 2",), "Serbia", issued)
    assert (found.strength, found.at_best) == (strength, at_best)
    assert found.counts == (strength is not None)


@pytest.mark.parametrize(
    ("issued", "strength", "at_best"),
    [
        ("2000-01-02", "proof", "proof"),
        ("2000-01-01", "prima facie", "prima facie"),
        ("1999", "prima facie", "prima facie"),
        # The day is not known: proof if it was issued later, prima facie in any case.
        ("2000-01", "prima facie", "proof"),
        ("2000", "prima facie", "proof"),
        ("1992", None, "prima facie"),
        ("unknown", None, "proof"),
        ("1991-12-31", None, None),
    ],
)
def test_a_serbian_identity_card_counts_by_its_date_of_issue(
    means: tuple[Means, ...], issued: str, strength: str | None, at_best: str | None
) -> None:
    found = weight(means, "identity-card", NORWAY, "Serbia", issued)
    assert (found.strength, found.at_best) == (strength, at_best)


def test_the_last_day_of_a_span_decides_to_the_day() -> None:
    row = Means("card", "nationality", "proof", "list", "both", "card", None, date(2000, 1, 30), "test", confirmed=True)
    older = Means("card", "nationality", "prima facie", "list", "both", "card", None, date(2000, 1, 31), "test", True)

    def strength(issued: str, *rows: Means) -> str | None:
        return weigh(rows, "card", "nationality", ["list"], "any", read_partial_date(issued)).strength

    # 31 January alone is outside of the first: nothing by it for certain, prima facie by the second.
    assert strength("2000-01", row) is None
    assert strength("2000-01", row, older) == "prima facie"
    assert strength("2000-01-30", row, older) == "proof"
    assert strength("2000", row, older) is None


def test_the_requested_party_decides(means: tuple[Means, ...]) -> None:
    assert weight(means, "passport", SERBIA, "Serbia", "1995-01-01").strength is None
    assert weight(means, "passport", SERBIA, "Member State", "1995-01-01").strength == "proof"
    assert weight(means, "passport", SERBIA, "Member State").strength == "proof"


def test_lists_of_another_agreement_count_for_nothing(means: tuple[Means, ...]) -> None:
    assert weight(means, "dna-test", SERBIA, "Serbia").strength is None
    assert weight(means, "dna-test", ("Switzerland-Serbia protocol 2",), "Serbia").strength == "prima facie"
    assert weight(means, "seaman-book", NORWAY, "Serbia").strength == "prima facie"
    assert weight(means, "seaman-book", ("EC-North Macedonia annex 1",), "North Macedonia").strength == "proof"


def test_what_it_is_about_decides(means: tuple[Means, ...]) -> None:
    assert weight(means, "own-statement-proceedings", NORWAY, "Serbia", about="third-country").strength == "prima facie"
    assert weight(means, "own-statement-proceedings", NORWAY, "Serbia", about="nationality").strength is None
    assert weight(means, "birth-certificate-sfry", NORWAY, "Serbia", about="former SFRY national").strength == "proof"


def test_what_keeps_it_from_being_certain_is_said(means: tuple[Means, ...]) -> None:
    assert weight(means, "passport", SERBIA, "Serbia").doubts == (
        "it counts as proof only if it was issued on 1996-07-28 or later (EC-Serbia annex 1)",
    )
    partly = weight(means, "citizenship-certificate", SERBIA, "Serbia")
    assert partly.strength == "prima facie"
    assert partly.doubts[0].startswith("the row of EC-Serbia annex 2 is confirmed in part only")


def test_what_can_be_brought_forward_is_listed_the_strongest_first(means: tuple[Means, ...]) -> None:
    found = means_of(means, "nationality", NORWAY, "Serbia")
    assert [row.code for row in found][:2] == ["identity-card", "passport"]
    assert {row.strength for row in found[:2]} == {"proof"}
    assert all(row.requested in ("both", "Serbia") for row in found)
    assert means_of(means, "nationality", (), "Serbia") == ()


def test_the_lists_that_templates_name_are_there_and_their_sides_too(returns: Domain, means: tuple[Means, ...]) -> None:
    named = set()
    for template in read_templates(returns.files).values():
        for listed in template.evidence:
            rows = [row for row in means if row.list == listed]
            assert rows, listed
            assert {row.requested for row in rows} <= {"both", *template.sides}, listed
            named.add(listed)
    assert len(named) == 8


def test_every_code_of_the_lists_for_the_region_is_one_that_a_record_takes(
    returns: Domain, means: tuple[Means, ...]
) -> None:
    codes = returns.records["ReadmissionApplication"].codes["evidence"].codes
    assert {row.code for row in means} - set(codes) == set()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"code,about\nx,y\n", "row 1: KeyError"),
        (b"\xff", "UnicodeDecodeError"),
        (b"code,about,strength,list,requested_party,label,issued_from,issued_to,source,confirmed\n"
         b"a,b,certain,d,e,f,,,g,yes\n", "strength 'certain' is none of proof"),
        (b"code,about,strength,list,requested_party,label,issued_from,issued_to,source,confirmed\n"
         b"a,b,proof,d,e,f,1996-13-01,,g,yes\n", "row 1: ValueError"),
    ],
)  # fmt: skip
def test_lists_that_cannot_be_read_are_refused_in_words(content: bytes, named: str) -> None:
    with pytest.raises(EvidenceError, match=FILE) as refused:
        read_evidence({FILE: content})
    assert named in str(refused.value)


def test_a_folder_without_lists_has_none() -> None:
    assert read_evidence({}) == ()
