"""Acts that have to come within a period that counts from, or back from, a day which they state themselves."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

from node.records import Domain
from node.records.clocks import Calendar, CaseTerms, Counts, Place, Terms, TermsPeriod, Unit
from node.records.procedure_clock import ClockTerms
from node.records.procedure_ends import ended_periods
from node.records.procedure_events import PENDING, Event, Span
from node.records.procedure_view import CaseView, Finding, view
from node.records.procedures import REQUESTED, REQUESTING, Procedure

T0 = datetime(2026, 11, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)


@pytest.fixture
def procedure(returns: Domain) -> Procedure:
    assert isinstance(returns.procedure, Procedure)
    return returns.procedure


def terms(answer: Counts = Counts.RECEIVED, day_ends: time | None = None, **more: TermsPeriod) -> ClockTerms:
    periods = {
        "submission": TermsPeriod(1, Unit.YEARS, REQUESTED),
        "submission-accelerated": TermsPeriod(48, Unit.HOURS, REQUESTED),
        "transfer-notice": TermsPeriod(10, Unit.WORKING_DAYS, REQUESTED, calendars=(REQUESTED,), before=True),
        "reply": TermsPeriod(10, Unit.CALENDAR_DAYS, REQUESTED),
        **more,
    }
    places = {"fra": Place("Europe/Paris"), "srb": Place("Europe/Belgrade", day_ends)}
    named = {"travel-document": REQUESTED}
    made = Terms("test", "urn:test:1", places, periods, REQUESTED, answer=answer, named=named)
    calendar = Calendar("srb", date(2025, 1, 1), date(2027, 12, 31), T0, "test")
    return ClockTerms(CaseTerms(made, {REQUESTING: "fra", REQUESTED: "srb"}, {"srb": calendar}))


def event(name: str, act: str, actor: str, at: datetime, number: int, seen: int, day: str | None = None) -> Event:
    return Event(name, act, actor, at, Span.at(at), number, seen, persons=frozenset({"p1"}), day=day)


def applied(at: datetime, day: str | None, act: str = "apply") -> list[Event]:
    return [event("a", act, REQUESTING, at, 1, 0, day)]


def announced(at: datetime, planned: str) -> list[Event]:
    return [
        *applied(T0, None),
        event("b", "accept", REQUESTED, T0 + DAY, 1, 1),
        replace(event("c", "issue-document", REQUESTED, T0 + 2 * DAY, 2, 1), until=date(2027, 6, 1)),
        event("d", "announce-transfer", REQUESTING, at, 2, 2, planned),
    ]


def late(found: CaseView) -> list[tuple[str | None, str | None, tuple[str, ...]]]:
    return [(one.event, one.period, one.persons) for one in found.findings if one.kind == "late"]


@pytest.mark.parametrize(
    ("known", "end"),
    [
        # A year from 10 November 2025 ends with 10 November 2026, at midnight in Belgrade (UTC+1).
        ("2025-11-10", datetime(2026, 11, 10, 23, tzinfo=UTC)),
        # From 10 June: midnight in Belgrade is at UTC+2.
        ("2025-06-10", datetime(2026, 6, 10, 22, tzinfo=UTC)),
    ],
)
def test_an_application_counts_from_the_day_on_which_the_stay_became_known(
    procedure: Procedure, known: str, end: datetime
) -> None:
    timely = view(procedure, terms(), applied(end - MOMENT, known), end)
    (judged,) = timely.timely
    assert (judged.period, judged.standing, judged.end, judged.persons) == (
        "submission",
        "in-time",
        Span.at(end),
        ("p1",),
    )
    assert late(timely) == []
    found = view(procedure, terms(), applied(end, known), end)
    assert late(found) == [("a", "submission", ("p1",))]
    assert found.state == "applied", "an act that comes late counts all the same"
    (told,) = [one for one in found.findings if one.kind == "late"]
    assert told.reason == f"it should have come before {end:%Y-%m-%dT%H:%M:%S}Z"


AFTER_OBSTACLES = TermsPeriod(60, Unit.CALENDAR_DAYS, REQUESTED)


@pytest.mark.parametrize(
    ("known", "obstacles", "period", "end"),
    [
        # Sixty days from 20 October are eleven in October, thirty in November and nineteen in December.
        ("2025-10-10", "2026-10-20", "submission-after-obstacles", datetime(2026, 12, 19, 23, tzinfo=UTC)),
        # The year is over later than sixty days from the end of obstacles in July.
        ("2025-11-10", "2026-07-01", "submission", datetime(2026, 11, 10, 23, tzinfo=UTC)),
        ("2025-10-10", None, "submission", datetime(2026, 10, 10, 22, tzinfo=UTC)),
    ],
)
def test_the_end_of_obstacles_gives_a_time_of_its_own_and_the_later_end_holds(
    procedure: Procedure, known: str, obstacles: str | None, period: str, end: datetime
) -> None:
    own = terms(**{"submission-after-obstacles": AFTER_OBSTACLES})
    for at, standing, told in ((end - MOMENT, "in-time", []), (end, "late", [("a", period, ("p1",))])):
        made = [replace(one, hindered=obstacles) for one in applied(at, known)]
        found = view(procedure, own, made, at)
        (judged,) = found.timely
        assert (judged.period, judged.standing, judged.end) == (period, standing, Span.at(end))
        assert late(found) == told


def test_obstacles_lengthen_nothing_where_the_terms_do_not_say_so(procedure: Procedure) -> None:
    made = [replace(one, hindered="2026-10-20") for one in applied(T0, "2025-10-10")]
    assert late(view(procedure, terms(), made, T0)) == [("a", "submission", ("p1",))]


def test_an_end_of_obstacles_that_cannot_be_counted_from_leaves_open_what_the_year_does_not_settle(
    procedure: Procedure,
) -> None:
    own = terms(**{"submission-after-obstacles": AFTER_OBSTACLES})
    for known, standing in (("2025-10-10", "unknown"), ("2026-10-10", "in-time")):
        made = [replace(one, hindered="9999-12-31") for one in applied(T0, known)]
        (judged,) = view(procedure, own, made, T0).timely
        assert judged.standing == standing
        assert (judged.why != "") == (standing == "unknown")


def test_an_application_after_obstacles_that_was_invalidated_is_due_anew_by_the_later_end(procedure: Procedure) -> None:
    own = terms(**{"submission-after-obstacles": AFTER_OBSTACLES})
    void = [
        *(replace(one, hindered="2026-10-20") for one in applied(T0, "2025-10-10")),
        replace(event("b", "invalidate", REQUESTING, T0 + DAY, 2, 0), concerning="a"),
    ]
    (due,) = view(procedure, own, void, T0 + DAY).deadlines
    assert (due.period, due.awaits, due.end) == (
        "submission-after-obstacles", REQUESTING, Span.at(datetime(2026, 12, 19, 23, tzinfo=UTC)),
    )  # fmt: skip


def test_an_office_that_closes_at_four_does_not_move_a_stated_day(procedure: Procedure) -> None:
    (judged,) = view(procedure, terms(day_ends=time(16)), applied(T0, "2026-10-25"), T0).timely
    assert judged.end == Span.at(datetime(2027, 10, 25, 14, tzinfo=UTC))


@pytest.mark.parametrize(
    ("stopped", "end"),
    [
        ("2026-10-24T22:15:00Z", Span.at(datetime(2026, 10, 26, 22, 15, tzinfo=UTC))),
        # Of a day alone any hour may be meant: 24 October in Belgrade is from 22:00 UTC of the day before.
        ("2026-10-24", Span(datetime(2026, 10, 25, 22, tzinfo=UTC), datetime(2026, 10, 26, 22, tzinfo=UTC) - MOMENT)),
    ],
)  # fmt: skip
def test_hours_run_from_the_moment_at_which_a_person_was_stopped(procedure: Procedure, stopped: str, end: Span) -> None:
    assert end.latest is not None
    for at, standing in ((end.earliest - MOMENT, "in-time"), (end.latest, "late")):
        (judged,) = view(procedure, terms(), applied(at, stopped, "apply-accelerated"), at).timely
        assert (judged.end, judged.standing) == (end, standing)
    if not end.exact:
        at = end.earliest + timedelta(hours=1)
        found = view(procedure, terms(), applied(at, stopped, "apply-accelerated"), at)
        assert found.timely[0].standing == "disputed"
        assert late(found) == []


def test_a_notice_counts_back_from_the_planned_day_by_the_days_of_the_other_side(procedure: Procedure) -> None:
    # Ten working days back from Tuesday 15 December: 14, 11, 10, 9, 8, 7, 4, 3, 2, 1 December.
    planned, end = "2026-12-15T06:30:00Z", datetime(2026, 12, 1, 23, tzinfo=UTC)
    before = view(procedure, terms(), announced(end - MOMENT, planned), end)
    assert [(one.period, one.standing, one.end) for one in before.timely] == [
        ("transfer-notice", "in-time", Span.at(end))
    ]
    after = view(procedure, terms(), announced(end, planned), end)
    assert late(after) == [("d", "transfer-notice", ("p1",))]
    assert after.state == "announced"


def test_what_counts_is_when_acts_count_by_the_terms(procedure: Procedure) -> None:
    end = datetime(2026, 11, 10, 23, tzinfo=UTC)
    crossing = [replace(applied(end, "2025-11-10")[0], sent=end - MOMENT)]
    assert late(view(procedure, terms(), crossing, end)) == [("a", "submission", ("p1",))]
    assert late(view(procedure, terms(Counts.SENT), crossing, end)) == []


def test_an_act_without_a_receipt_is_due_until_it_arrives(procedure: Procedure) -> None:
    end = datetime(2026, 11, 10, 23, tzinfo=UTC)
    waiting = [replace(one, status=PENDING, received=None) for one in applied(end - 2 * DAY, "2025-11-10")]
    for at, standing in ((end - DAY, "open"), (end, "ended")):
        found = view(procedure, terms(), waiting, at, own=REQUESTING)
        (due,) = found.deadlines
        assert (due.period, due.act, due.awaits, due.end, due.standing) == (
            "submission", "apply", REQUESTING, Span.at(end), standing,
        )  # fmt: skip
        assert ended_periods(found) == (), "no period of the case has ended: the other side knows of none"
    assert view(procedure, terms(Counts.SENT), waiting, end, own=REQUESTING).deadlines == ()
    (reply,) = view(procedure, terms(), applied(end - DAY, "2025-11-10"), end - DAY, own=REQUESTING).deadlines
    assert reply.period == "reply"


def test_an_application_that_was_invalidated_is_due_anew_by_the_same_end(procedure: Procedure) -> None:
    void = [
        *applied(T0, "2025-11-10"),
        replace(event("b", "invalidate", REQUESTING, T0 + DAY, 2, 0), concerning="a"),
    ]
    for own in (REQUESTING, REQUESTED):
        found = view(procedure, terms(), void, T0 + DAY, own=own)
        assert found.state == "invalidated"
        (due,) = found.deadlines
        assert (due.period, due.awaits, due.end) == (
            "submission", REQUESTING, Span.at(datetime(2026, 11, 10, 23, tzinfo=UTC)),
        )  # fmt: skip
        assert found.timely == ()
    again = [*void, event("c", "apply", REQUESTING, T0 + 2 * DAY, 3, 0, "2025-11-10")]
    found = view(procedure, terms(), again, T0 + 2 * DAY)
    assert [one.period for one in found.deadlines] == ["reply"]
    assert [(one.event, one.standing) for one in found.timely] == [("c", "in-time")]


def transferred() -> list[Event]:
    return [
        *announced(T0 + 3 * DAY, "2026-12-15T06:30:00Z"),
        event("e", "report-arrival", REQUESTED, T0 + 43 * DAY, 3, 2),
    ]


@pytest.mark.parametrize(
    ("presented", "end"),
    [
        # Thirty days from 20 December are 11 in December and 19 in January; from the receipt, 22 December, two more.
        ("2026-12-20", datetime(2027, 1, 19, 23, tzinfo=UTC)),
        (None, datetime(2027, 1, 21, 23, tzinfo=UTC)),
    ],
)
def test_costs_are_due_from_the_day_on_which_the_vouchers_were_presented(
    procedure: Procedure, presented: str | None, end: datetime
) -> None:
    own = terms(costs=TermsPeriod(30, Unit.CALENDAR_DAYS, REQUESTED), error=TermsPeriod(1, Unit.MONTHS, REQUESTED))
    came = datetime(2026, 12, 22, 9, tzinfo=UTC)
    events = [*transferred(), event("f", "present-costs", REQUESTED, came, 4, 2, presented)]

    def costs(*more: Event, at: datetime = came) -> list[tuple[str | None, Span | None, str]]:
        found = view(procedure, own, [*events, *more], at)
        return [(one.awaits, one.end, one.standing) for one in found.deadlines if one.period == "costs"]

    assert costs() == [(REQUESTING, Span.at(end), "open")]
    closed = event("g", "close-request", REQUESTING, came + 60 * DAY, 3, 4)
    assert costs(closed, at=came + 90 * DAY) == [(REQUESTING, Span.at(end), "ended")], "closing does not end a debt"
    paid = event("h", "reimburse-costs", REQUESTING, came + DAY, 3, 4)
    assert costs(paid, at=came + 2 * DAY) == []
    taken_back = replace(event("i", "invalidate", REQUESTED, came + DAY, 5, 2), concerning="f")
    assert costs(taken_back, at=came + 2 * DAY) == []


@pytest.mark.parametrize(
    ("told", "arrived", "end"),
    [
        # Two months from 15 December, however late the arrival is told; from the telling only where it states no time.
        (0, "2026-12-15T09:25:00Z", datetime(2027, 2, 15, 23, tzinfo=UTC)),
        (150, "2026-12-15T09:25:00Z", datetime(2027, 2, 15, 23, tzinfo=UTC)),
        (0, None, datetime(2027, 2, 22, 23, tzinfo=UTC)),
        # What is told to be still to come counts from the telling.
        (0, "2027-06-01T09:25:00Z", datetime(2027, 2, 22, 23, tzinfo=UTC)),
    ],
)
def test_an_error_can_be_claimed_for_so_long_from_the_arrival(
    procedure: Procedure, told: int, arrived: str | None, end: datetime
) -> None:
    own = terms(error=TermsPeriod(2, Unit.MONTHS, REQUESTED), transfer=TermsPeriod(1, Unit.YEARS, REQUESTED))
    at = datetime(2026, 12, 22, 9, tzinfo=UTC) + told * DAY
    events = [
        *announced(T0 + 3 * DAY, "2026-12-15T06:30:00Z"),
        event("e", "report-arrival", REQUESTED, at, 3, 2, arrived),
    ]
    found = view(procedure, own, events, at)
    running = [one.end for one in found.deadlines if one.period == "error"]
    assert (found.state, running) == (("transferred", [Span.at(end)]) if at < end else ("concluded", []))
    late = event("f", "claim-error", REQUESTED, end + DAY, 4, 2)
    assert view(procedure, own, [*events, late], end + 2 * DAY).state == "concluded"


@pytest.mark.parametrize("day", ["9999-12-31", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "0001-01-01", "unknown"])
@pytest.mark.parametrize("unit", [Unit.YEARS, Unit.HOURS])
@pytest.mark.parametrize("before", [False, True])
def test_a_day_that_cannot_be_counted_from_says_so(procedure: Procedure, day: str, unit: Unit, before: bool) -> None:
    period = TermsPeriod(1, unit, REQUESTED, before=before)
    found = view(procedure, terms(submission=period), applied(T0, day), T0)
    assert found.state == "applied"
    (judged,) = found.timely
    assert judged.standing == "unknown" or judged.end is not None
    assert (judged.why == "") == (judged.end is not None)


def test_where_no_day_is_stated_nothing_is_said(procedure: Procedure) -> None:
    assert view(procedure, terms(), applied(T0, None), T0).timely == ()


def test_both_readings_of_a_case_find_the_same(procedure: Procedure) -> None:
    planned = "2026-12-15T06:30:00Z"
    events = announced(datetime(2026, 12, 3, 9, tzinfo=UTC), planned)
    ours, theirs = (view(procedure, terms(), some, T0 + 40 * DAY, own=own) for some, own in (
        (events, REQUESTING), ([*reversed(events)], REQUESTED),
    ))  # fmt: skip
    assert ours.timely == theirs.timely
    wanted = [one for one in ours.findings if one.kind == "late"]
    assert wanted == [one for one in theirs.findings if one.kind == "late"]
    assert wanted == [
        Finding("late", ("p1",), "d", "transfer-notice", "it should have come before 2026-12-01T23:00:00Z")
    ]
