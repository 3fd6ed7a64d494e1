"""When periods end: by hand, from the rules in docs/reference/periods.md; and what holds for every period."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.records.clocks import (
    Calendar,
    CalendarEnds,
    Ends,
    Extends,
    Extension,
    MayMove,
    Period,
    PeriodError,
    Span,
    Unit,
    ends,
    proposal,
)

ISSUED = datetime(2026, 1, 1, tzinfo=UTC)
SERBIA = proposal("RS", 2026, 2030, "rs", ISSUED)
AUSTRIA = proposal("AT", 2026, 2030, "at", ISSUED)
CALENDARS = {"rs": SERBIA, "at": AUSTRIA}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def period(number: int, unit: str, **more: object) -> Period:
    zone = str(more.pop("zone", "Europe/Belgrade"))
    return Period(number, Unit(unit), zone, **more)  # type: ignore[arg-type]


def end(of: Period, start: str, **more: object) -> Ends:
    found = ends(of, Span.at(utc(start)), CALENDARS, **more)  # type: ignore[arg-type]
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("number", "unit", "options", "start", "expected"),
    [
        # Days: the next one is the first, the last one ends at midnight of the zone (winter UTC+1, summer UTC+2).
        (10, "calendar-days", {}, "2026-11-02T09:00", "2026-11-12T23:00"),
        (10, "calendar-days", {"first_day": True}, "2026-11-02T09:00", "2026-11-11T23:00"),
        # The day is that of the zone: 23:30 UTC is the next day in Belgrade, the same in Lisbon.
        (1, "calendar-days", {}, "2026-11-02T23:30", "2026-11-04T23:00"),
        (1, "calendar-days", {"zone": "Europe/Lisbon"}, "2026-11-02T23:30", "2026-11-04T00:00"),
        # Over the change to winter time (25 October 2026) and to summer time (29 March 2026): the wall clock counts.
        (10, "calendar-days", {}, "2026-10-20T09:00", "2026-10-30T23:00"),
        (3, "calendar-days", {}, "2026-03-27T09:00", "2026-03-30T22:00"),
        # Hours run by the clock of the world, over both changes.
        (24, "hours", {}, "2026-10-24T12:00", "2026-10-25T12:00"),
        (48, "hours", {}, "2026-03-28T12:34:56.000001", "2026-03-30T12:34:56.000001"),
        # An end of day of its own; what comes at or after it belongs to the next day.
        (10, "calendar-days", {"day_ends": time(16)}, "2026-11-02T14:59:59", "2026-11-12T15:00"),
        (10, "calendar-days", {"day_ends": time(16)}, "2026-11-02T15:00", "2026-11-13T15:00"),
        # Wall times that occur twice (the second is meant) and not at all (by the clock before the change).
        (1, "calendar-days", {"day_ends": time(2, 30)}, "2026-10-24T00:00", "2026-10-25T01:30"),
        (1, "calendar-days", {"day_ends": time(2, 30)}, "2026-03-28T00:00", "2026-03-29T01:30"),
        # Weeks end on the same weekday.
        (2, "weeks", {}, "2026-11-04T09:00", "2026-11-18T23:00"),
        (2, "weeks", {"first_day": True}, "2026-11-04T09:00", "2026-11-17T23:00"),
        # Months end on the same date, or on the last of a month that lacks it.
        (3, "months", {}, "2026-11-15T09:00", "2027-02-15T23:00"),
        (1, "months", {}, "2027-01-31T09:00", "2027-02-28T23:00"),
        (1, "months", {}, "2028-01-31T09:00", "2028-02-29T23:00"),
        (1, "months", {}, "2027-02-28T09:00", "2027-03-28T22:00"),
        (6, "months", {}, "2026-08-31T09:00", "2027-02-28T23:00"),
        (12, "months", {}, "2028-02-29T09:00", "2029-02-28T23:00"),
        (1, "years", {}, "2028-02-29T09:00", "2029-02-28T23:00"),
        (4, "years", {}, "2028-02-29T09:00", "2032-02-29T23:00"),
        # Months whose first day counts end the day before that date.
        (1, "months", {"first_day": True}, "2027-03-01T09:00", "2027-03-31T22:00"),
        (1, "months", {"first_day": True}, "2027-01-31T09:00", "2027-02-28T23:00"),
        (1, "months", {"first_day": True}, "2027-01-29T09:00", "2027-02-28T23:00"),
        (1, "months", {"first_day": True}, "2027-01-28T09:00", "2027-02-27T23:00"),
        (1, "years", {"first_day": True}, "2026-03-01T09:00", "2027-02-28T23:00"),
        # Rolling: Saturday 7 November to Monday 9; over 11 November (Armistice Day in Serbia) to 12.
        (5, "calendar-days", {"rolls": True, "calendars": ("rs",)}, "2026-11-02T09:00", "2026-11-09T23:00"),
        (9, "calendar-days", {"rolls": True, "calendars": ("rs",)}, "2026-11-02T09:00", "2026-11-12T23:00"),
        (9, "calendar-days", {"rolls": True, "calendars": ("at",)}, "2026-11-02T09:00", "2026-11-11T23:00"),
        # Working days: 11 November is none in Serbia; weekends are none; the start's own day counts where terms say so.
        (3, "working-days", {"calendars": ("rs",)}, "2026-11-06T09:00", "2026-11-12T23:00"),
        (3, "working-days", {"calendars": ("at",)}, "2026-11-06T09:00", "2026-11-11T23:00"),
        (3, "working-days", {"calendars": ("rs",), "first_day": True}, "2026-11-06T09:00", "2026-11-10T23:00"),
        (3, "working-days", {"calendars": ("rs",), "first_day": True}, "2026-11-07T09:00", "2026-11-12T23:00"),
        # A day is off if it is off for either: 26 October is off in Austria alone.
        (2, "working-days", {"calendars": ("at", "rs")}, "2026-10-23T08:00", "2026-10-28T23:00"),
        # Backwards from an event: the last day on which the act is in time.
        (10, "working-days", {"before": True, "calendars": ("at",)}, "2026-11-20T09:00", "2026-11-06T23:00"),
        (48, "hours", {"before": True}, "2026-12-02T15:00", "2026-11-30T15:00"),
        (1, "months", {"before": True}, "2027-03-31T09:00", "2027-02-28T23:00"),
        (4, "calendar-days", {"before": True, "rolls": True, "calendars": ("rs",)}, "2026-11-12T09:00",
         "2026-11-06T23:00"),
    ],
)  # fmt: skip
def test_a_period_ends_as_counted_by_hand(
    number: int, unit: str, options: dict[str, object], start: str, expected: str
) -> None:
    found = end(period(number, unit, **options), start)
    assert found.earliest == found.latest == utc(expected)


@pytest.mark.parametrize(
    ("of", "extension", "until", "expected"),
    [
        # Added: on from the end as it stood. 12 + 6 = 18 November.
        (period(10, "calendar-days"), period(6, "calendar-days", extends=Extends.ADDED), None, "2026-11-18T23:00"),
        # An end that rolled from Saturday 7 to Monday 9 is where the added days count from.
        (period(5, "calendar-days", rolls=True, calendars=("rs",)),
         period(2, "calendar-days", extends=Extends.ADDED), None, "2026-11-11T23:00"),
        # In total: 30 days from the receipt, 2 December.
        (period(20, "calendar-days"), period(30, "calendar-days", extends=Extends.TOTAL), None, "2026-12-02T23:00"),
        # Asked for less than is granted, for more, and for less than the period itself.
        (period(10, "calendar-days"), period(6, "calendar-days", extends=Extends.ADDED), date(2026, 11, 15),
         "2026-11-15T23:00"),
        (period(10, "calendar-days"), period(6, "calendar-days", extends=Extends.ADDED), date(2026, 12, 31),
         "2026-11-18T23:00"),
        (period(10, "calendar-days"), period(6, "calendar-days", extends=Extends.ADDED), date(2026, 11, 5),
         "2026-11-12T23:00"),
        # Days and then hours: the change of unit changes nothing in where it counts from.
        (period(2, "calendar-days"), period(48, "hours", extends=Extends.ADDED), None, "2026-11-06T23:00"),
        (period(2, "calendar-days"), period(2, "working-days", calendars=("rs",), extends=Extends.ADDED), None,
         "2026-11-06T23:00"),
    ],
)  # fmt: skip
def test_an_extension_is_added_or_a_total(of: Period, extension: Period, until: date | None, expected: str) -> None:
    assert end(of, "2026-11-02T09:00", extension=Extension(extension, until)).latest == utc(expected)


def test_what_is_no_extension_extends_nothing() -> None:
    with pytest.raises(PeriodError, match="extends: found no extension"):
        end(period(2, "weeks"), "2026-11-02T09:00", extension=Extension(period(1, "weeks")))


@pytest.mark.parametrize(
    ("of", "pauses", "expected"),
    [
        # 3 months to 2 February; five days that an obstacle stood (10 to 14 November) come on top.
        (period(3, "months"), [("2026-11-10T10:00", "2026-11-14T10:00")], "2027-02-07T23:00"),
        # A day is counted once, however many obstacles stood on it; what was before the start counts for nothing.
        (period(3, "months"), [("2026-11-10T10:00", "2026-11-12T10:00"), ("2026-11-12T08:00", "2026-11-14T10:00"),
                               ("2026-10-01T00:00", "2026-11-01T00:00")], "2027-02-07T23:00"),
        # An obstacle that begins within the days that another gave counts, one that begins after the end does not.
        (period(10, "calendar-days"), [("2026-11-12T10:00", "2026-11-13T10:00"), ("2026-11-14T10:00",
                                        "2026-11-14T11:00")], "2026-11-15T23:00"),
        (period(10, "calendar-days"), [("2026-11-13T10:00", "2026-11-20T10:00")], "2026-11-12T23:00"),
        # The 14th is a Saturday: the end rolls to the 16th. An obstacle on that day alone leaves it still to be had.
        (period(12, "calendar-days", rolls=True, calendars=("rs",)), [("2026-11-16T08:00", "2026-11-17T10:00")],
         "2026-11-18T23:00"),
        (period(12, "calendar-days", rolls=True, calendars=("rs",)), [("2026-11-15T08:00", "2026-11-20T10:00")],
         "2026-11-23T23:00"),
        (period(12, "calendar-days", rolls=True, calendars=("rs",)), [("2026-11-17T08:00", "2026-11-20T10:00")],
         "2026-11-16T23:00"),
        # Working days: only those that the obstacle took. 9 and 10 November; 11 is a holiday: 5 → 6, 9, … 16.
        (period(5, "working-days", calendars=("rs",)), [("2026-11-07T10:00", "2026-11-10T10:00")], "2026-11-12T23:00"),
        (period(48, "hours"), [("2026-11-03T09:00", "2026-11-03T12:00")], "2026-11-04T12:00"),
        (period(48, "hours"), [("2026-11-03T09:00", "2026-11-03T12:00"), ("2026-11-03T11:00", "2026-11-03T13:00")],
         "2026-11-04T13:00"),
    ],
)  # fmt: skip
def test_obstacles_lengthen_a_period(of: Period, pauses: list[tuple[str, str]], expected: str) -> None:
    spans = [(utc(begin), utc(until)) for begin, until in pauses]
    assert end(of, "2026-11-02T09:00", pauses=spans).latest == utc(expected)


@pytest.mark.parametrize("unit", ["hours", "months"])
def test_while_an_obstacle_lasts_there_is_no_end(unit: str) -> None:
    start = Span.at(utc("2026-11-02T09:00"))
    assert ends(period(3, unit), start, {}, pauses=[(utc("2026-11-02T10:00"), None)]) is None
    assert ends(period(3, unit), start, {}, pauses=[(utc("2027-11-02T10:00"), None)]) is not None


def test_a_start_known_as_a_span_has_two_ends() -> None:
    of = period(10, "calendar-days")
    found = ends(of, Span(utc("2026-11-02T09:00"), utc("2026-11-03T23:30"), disputed=True), {})
    assert found == Ends(
        utc("2026-11-12T23:00"), utc("2026-11-14T23:00"), date(2026, 11, 14), "Europe/Belgrade", disputed=True
    )
    assert not found.certain
    day = Span(utc("2026-11-02T00:00"), utc("2026-11-02T22:59"))
    within_a_day = ends(of, day, {})
    assert within_a_day is not None
    assert within_a_day.certain


def test_days_that_no_calendar_covers_are_named() -> None:
    with pytest.raises(CalendarEnds, match="calendar of rs covers 2026-01-01 to 2030-12-31, not 2031-01-01"):
        end(period(3, "working-days", calendars=("rs",)), "2030-12-30T09:00")
    with pytest.raises(PeriodError, match="calendars: found none of xk"):
        end(period(3, "working-days", calendars=("xk",)), "2026-11-02T09:00")
    # What counts no working day needs no calendar.
    assert end(period(3, "calendar-days", calendars=("xk",)), "2031-12-30T09:00").certain


def test_an_end_near_an_estimated_holiday_says_so() -> None:
    kosovo = {"xk": proposal("XK", 2026, 2030, "xk", ISSUED)}
    of = period(3, "calendar-days", calendars=("xk",), zone="Europe/Belgrade")
    eid = MayMove(date(2027, 3, 9), "Eid al-Fitr", "xk")
    for day, near in [(3, ()), (4, (eid,)), (8, (eid,)), (9, ())]:
        found = ends(of, Span.at(utc(f"2027-03-0{day}T09:00")), kosovo)
        assert found is not None
        assert found.near == near, day
    # Of working days every estimated day on the way may move the end.
    working = ends(period(15, "working-days", calendars=("xk",)), Span.at(utc("2027-03-01T09:00")), kosovo)
    assert working is not None
    assert working.near == (eid,)


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("number", lambda: period(0, "months")),
        ("number", lambda: period(101, "years")),
        ("zone", lambda: period(1, "months", zone="Europe/Nowhere")),
        ("zone", lambda: period(1, "months", zone="../etc/passwd")),
        ("unit", lambda: period(1, "hours", rolls=True, calendars=("rs",))),
        ("calendars", lambda: period(1, "working-days")),
        ("calendars", lambda: period(1, "months", rolls=True)),
        ("day_ends", lambda: period(1, "months", day_ends=time(0))),
        ("extends", lambda: period(1, "months", extends=Extends.ADDED, first_day=True)),
    ],
)  # fmt: skip
def test_what_is_no_period_is_refused_by_field(field: str, make: object) -> None:
    with pytest.raises(PeriodError) as refused:
        make()  # type: ignore[operator]
    assert refused.value.field == field
    assert refused.value.remedy


def test_an_end_beyond_all_calendars_is_an_error_in_words() -> None:
    with pytest.raises(PeriodError, match="an end before the year 9999"):
        end(period(100, "years"), "9950-01-01T00:00")


INSTANTS = st.timedeltas(timedelta(0), timedelta(days=1400)).map(lambda later: ISSUED + later)
ZONES = ("Europe/Belgrade", "Europe/Vienna", "UTC", "Europe/Lisbon", "Pacific/Auckland", "Asia/Beirut", "Asia/Tehran")
PERIODS = st.builds(
    Period,
    number=st.integers(1, 40),
    unit=st.sampled_from([Unit.CALENDAR_DAYS, Unit.WORKING_DAYS, Unit.WEEKS]),
    zone=st.sampled_from(ZONES),
    day_ends=st.none() | st.times(time(0, 1)).map(lambda at: at.replace(second=0, microsecond=0)),
    first_day=st.booleans(),
    rolls=st.booleans(),
    calendars=st.just(("rs", "at")),
    before=st.just(False),
)


@settings(deadline=None)
@given(PERIODS, INSTANTS, INSTANTS)
def test_who_starts_later_ends_no_earlier(of: Period, one: datetime, other: datetime) -> None:
    early, late = sorted((one, other))
    first, second = ends(of, Span.at(early), CALENDARS), ends(of, Span.at(late), CALENDARS)
    assert first is not None
    assert second is not None
    assert first.latest <= second.latest
    both = ends(of, Span(early, late), CALENDARS)
    assert both is not None
    assert (both.earliest, both.latest) == (first.latest, second.latest)


@settings(deadline=None)
@given(PERIODS, INSTANTS)
def test_an_end_is_after_its_start_and_on_a_working_day_where_that_is_asked(of: Period, at: datetime) -> None:
    found = ends(of, Span.at(at), CALENDARS)
    assert found is not None
    assert found.latest > at
    if of.rolls or of.unit is Unit.WORKING_DAYS:
        assert SERBIA.works(found.last_day)
        assert AUSTRIA.works(found.last_day)


@settings(deadline=None)
@given(PERIODS, INSTANTS, st.lists(st.tuples(st.integers(-20, 60), st.integers(0, 20)), max_size=4))
def test_the_order_in_which_obstacles_are_told_changes_nothing(
    of: Period, at: datetime, days: list[tuple[int, int]]
) -> None:
    pauses = [(at + timedelta(days=begin), at + timedelta(days=begin + length)) for begin, length in days]
    plain = ends(of, Span.at(at), CALENDARS)
    found = ends(of, Span.at(at), CALENDARS, pauses=pauses)
    assert found == ends(of, Span.at(at), CALENDARS, pauses=pauses[::-1])
    assert plain is not None
    assert found is not None
    assert found.latest >= plain.latest


@settings(deadline=None)
@given(PERIODS, INSTANTS, st.integers(-20, 400), st.integers(0, 20))
def test_an_obstacle_that_begins_before_the_end_is_over_before_it(
    of: Period, at: datetime, begin: int, length: int
) -> None:
    plain = ends(of, Span.at(at), CALENDARS)
    assert plain is not None
    pause = (at + timedelta(days=begin), at + timedelta(days=begin + length))
    found = ends(of, Span.at(at), CALENDARS, pauses=[pause])
    assert found is not None
    if pause[0] < plain.latest:
        assert found.latest > pause[1] or pause[1] <= at
    else:
        assert found == plain


def test_a_worked_saturday_is_a_working_day() -> None:
    given = Calendar("bg", date(2026, 1, 1), date(2026, 12, 31), ISSUED, "test", worked=frozenset({date(2026, 11, 7)}))
    found = ends(period(1, "working-days", calendars=("bg",)), Span.at(utc("2026-11-06T09:00")), {"bg": given})
    assert found is not None
    assert found.last_day == date(2026, 11, 7)
