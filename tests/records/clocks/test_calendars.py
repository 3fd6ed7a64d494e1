"""Calendars of days off: proposed from published holidays, corrected by their party, known by their digest."""

import json
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from node.records.clocks import Calendar, CalendarEnds, DayOff, PeriodError, proposal, read_calendar, write_calendar

ISSUED = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)


def test_a_proposal_has_the_holidays_and_says_that_it_is_one() -> None:
    found = proposal("RS", 2026, 2027, "urn:party:rs", ISSUED)
    assert (found.first, found.last) == (date(2026, 1, 1), date(2027, 12, 31))
    assert "to be corrected and signed by urn:party:rs" in found.source
    assert found.days_off[date(2026, 11, 11)].name == "Armistice Day"
    assert not found.works(date(2026, 11, 11))
    assert not found.works(date(2026, 11, 14))
    assert found.works(date(2026, 11, 12))


def test_holidays_by_the_moon_are_named_as_estimates() -> None:
    kosovo = proposal("XK", 2026, 2030, "xk", ISSUED)
    names = [(one.day.isoformat(), one.name) for one in kosovo.estimated(date(2027, 1, 1), date(2027, 12, 31))]
    assert names == [
        ("2027-03-09", "Eid al-Fitr"),
        ("2027-05-16", "Eid al-Adha"),
        ("2027-05-17", "Eid al-Adha (observed, estimated)"),
    ]
    assert not kosovo.estimated(date(2027, 3, 10), date(2027, 5, 15))


def test_a_day_outside_is_not_guessed() -> None:
    with pytest.raises(CalendarEnds) as ends:
        proposal("RS", 2026, 2027, "rs", ISSUED).works(date(2028, 1, 3))
    assert (ends.value.party, ends.value.day) == ("rs", date(2028, 1, 3))


def test_a_country_or_year_without_holidays_is_refused() -> None:
    with pytest.raises(PeriodError, match="country: found YU"):
        proposal("YU", 2026, 2027, "yu", ISSUED)
    with pytest.raises(PeriodError, match="years from 2026 to 2030"):
        proposal("RS", 2026, 2031, "rs", ISSUED)


def test_the_same_calendar_has_the_same_bytes_and_comes_back_as_it_was() -> None:
    given = Calendar(
        party="bg",
        first=date(2026, 1, 1),
        last=date(2026, 12, 31),
        issued=ISSUED,
        source="Council of Ministers",
        weekly=frozenset({5, 6}),
        days_off={date(2026, 3, 3): DayOff(date(2026, 3, 3), "Liberation Day"),
                  date(2026, 3, 20): DayOff(date(2026, 3, 20), "Bajram", estimated=True)},
        worked=frozenset({date(2026, 3, 7)}),
    )  # fmt: skip
    content = write_calendar(given)
    read = read_calendar(json.loads(content))
    assert read == given
    assert write_calendar(read) == content
    assert read.digest == given.digest
    assert read.works(date(2026, 3, 7))
    assert not read.works(date(2026, 3, 6))
    elsewhere = ISSUED.astimezone(timezone(timedelta(hours=1)))
    assert Calendar("x", given.first, given.last, ISSUED, "s").digest == (
        Calendar("x", given.first, given.last, elsewhere, "s").digest
    )


def test_any_change_changes_the_digest() -> None:
    plain = proposal("RS", 2026, 2027, "rs", ISSUED)
    later = proposal("RS", 2026, 2027, "rs", ISSUED + timedelta(seconds=1))
    longer = proposal("RS", 2026, 2028, "rs", ISSUED)
    assert len({plain.digest, later.digest, longer.digest, proposal("AT", 2026, 2027, "rs", ISSUED).digest}) == 4


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"format": "other"}, "format"),
        ({"days_off": [{"day": "2026-13-01", "name": "x", "estimated": False}]}, "month must be in 1..12"),
        ({"weekly": [1, 2, 3, 4, 5, 6, 7]}, "weekly"),
        ({"weekly": [0]}, "weekly"),
        ({"first": "2028-01-01"}, "first day before the last"),
        ({"last": "2226-12-31"}, "within 50 years"),
        ({"issued": "2026-11-25T09:30:00"}, "issued"),
        ({"worked": ["2026-11-11"]}, "2026-11-11 as a day off and as worked"),
        ({"worked": ["2036-11-11"]}, "2036-11-11 outside"),
        ({"worked": None}, "NoneType"),
    ],
)
def test_a_calendar_that_contradicts_itself_is_refused(change: dict[str, object], named: str) -> None:
    document = json.loads(write_calendar(proposal("RS", 2026, 2027, "rs", ISSUED)))
    with pytest.raises(PeriodError, match=named):
        read_calendar({**document, **change})


def test_a_calendar_that_lacks_a_key_is_refused() -> None:
    document = json.loads(write_calendar(proposal("RS", 2026, 2027, "rs", ISSUED)))
    del document["worked"]
    with pytest.raises(PeriodError, match="KeyError 'worked'"):
        read_calendar(document)
