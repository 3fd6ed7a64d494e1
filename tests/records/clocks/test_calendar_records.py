"""A party's calendar as a record: it comes back as it was, and binds only as the word of the party that it is of."""

import dataclasses
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.records import Domain, Domains, check
from node.records.clocks import Calendar, DayOff, NoCalendar, make_calendar_record, proposal, read_calendar_record

ISSUED = datetime(2026, 11, 25, 9, 30, 0, 123456, tzinfo=UTC)


def test_a_calendar_that_is_sent_is_the_calendar_that_is_read(domains: Domains) -> None:
    given = proposal("XK", 2026, 2030, "urn:party:xk", ISSUED)
    service, action, content = make_calendar_record(domains, given, ISSUED)
    assert domains.find(service) is not None
    checked = check(content, domains, service, action)
    assert not isinstance(checked, list), checked
    read = read_calendar_record(checked, domains, "urn:party:xk")
    assert read == given
    assert read.digest == given.digest
    assert read.estimated(date(2027, 3, 1), date(2027, 3, 31))[0].name == "Eid al-Fitr"
    # Two records of one calendar differ by their random number alone.
    assert make_calendar_record(domains, given, ISSUED)[2] != content


def test_the_word_of_another_party_binds_nobody(domains: Domains) -> None:
    _, _, content = make_calendar_record(domains, proposal("RS", 2026, 2026, "rs", ISSUED), ISSUED)
    with pytest.raises(NoCalendar, match="it is the calendar of rs, sent by at"):
        read_calendar_record(content, domains, "at")


def test_another_record_is_no_calendar(domains: Domains, returns: Domain, application: bytes) -> None:
    with pytest.raises(NoCalendar, match="ReadmissionApplication is no calendar"):
        read_calendar_record(application, domains, "rs")
    with pytest.raises(NoCalendar, match="xml:well-formed"):
        read_calendar_record(b"<", domains, "rs")
    with pytest.raises(NoCalendar, match="binding-calendars"):
        make_calendar_record(Domains((returns,), ()), proposal("RS", 2026, 2026, "rs", ISSUED), ISSUED)


def test_a_calendar_decided_after_it_was_issued_is_none(domains: Domains) -> None:
    with pytest.raises(ValueError, match="occurred-before-recorded"):
        make_calendar_record(domains, proposal("RS", 2026, 2026, "rs", ISSUED), datetime(2027, 1, 1, tzinfo=UTC))


DAYS = st.dates(date(2026, 1, 1), date(2026, 12, 31))


@settings(max_examples=40, deadline=None)
@given(
    weekly=st.frozensets(st.integers(1, 7), max_size=6),
    off=st.dictionaries(DAYS, st.booleans(), max_size=20),
    worked=st.frozensets(DAYS, max_size=5),
)
def test_any_calendar_comes_back(
    domains: Domains, weekly: frozenset[int], off: dict[date, bool], worked: frozenset[date]
) -> None:
    calendar = Calendar(
        party="a party",
        first=date(2026, 1, 1),
        last=date(2026, 12, 31),
        issued=ISSUED,
        source="a law",
        weekly=weekly,
        days_off={day: DayOff(day, "ditë <pushimi> & Ђ", estimated) for day, estimated in off.items()},
        worked=worked - off.keys(),
    )
    _, _, content = make_calendar_record(domains, calendar, ISSUED)
    read = read_calendar_record(content, domains, "a party")
    assert read == calendar
    assert dataclasses.replace(read, issued=ISSUED).digest == calendar.digest
