"""A case runs on real terms and calendars: the ends of its periods are those that the clocks work out."""

from datetime import UTC, date, datetime, timedelta

import pytest

from node.records import Domain
from node.records.clocks import Calendar, CaseTerms, Extends, Place, Silence, Terms, TermsPeriod, Unit
from node.records.procedure_clock import ClockTerms
from node.records.procedure_events import Event, Span
from node.records.procedure_view import view
from node.records.procedures import REQUESTED, REQUESTING, Procedure

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
ACCEPTED = Silence.ACCEPTED


@pytest.fixture
def procedure(returns: Domain) -> Procedure:
    assert isinstance(returns.procedure, Procedure)
    return returns.procedure


@pytest.fixture
def terms() -> ClockTerms:
    extension = TermsPeriod(6, Unit.CALENDAR_DAYS, REQUESTED, silence=ACCEPTED, extends=Extends.ADDED)
    periods = {
        "reply": TermsPeriod(10, Unit.CALENDAR_DAYS, REQUESTED, silence=ACCEPTED, extension=extension),
        "reply-accelerated": TermsPeriod(2, Unit.WORKING_DAYS, REQUESTED, calendars=(REQUESTED,), silence=ACCEPTED),
        "transfer": TermsPeriod(3, Unit.MONTHS, REQUESTED),
    }
    places = {"fra": Place("Europe/Paris"), "srb": Place("Europe/Belgrade")}
    made = Terms("test", "urn:test:1", places, periods, REQUESTED, named={"travel-document": REQUESTED})
    calendar = Calendar("srb", date(2026, 1, 1), date(2026, 12, 31), T0, "test")
    return ClockTerms(CaseTerms(made, {REQUESTING: "fra", REQUESTED: "srb"}, {"srb": calendar}))


def event(name: str, act: str, actor: str, at: datetime, number: int, seen: int, until: date | None = None) -> Event:
    persons = frozenset({"p1"})
    return Event(name, act, actor, at, Span.at(at), number, seen, persons=persons, until=until)


def test_the_reply_is_due_at_the_end_of_the_tenth_day_where_it_is_asked(
    procedure: Procedure, terms: ClockTerms
) -> None:
    events = [event("a", "apply", REQUESTING, T0, 1, 0)]
    end = datetime(2026, 3, 12, 23, tzinfo=UTC)  # midnight in Belgrade
    (reply,) = view(procedure, terms, events, T0).deadlines
    assert reply.end == Span.at(end)
    assert view(procedure, terms, events, end - timedelta(microseconds=1)).state == "applied"
    found = view(procedure, terms, events, end)
    assert found.state == "deemed-accepted"
    transfer = next(one for one in found.deadlines if one.period == "transfer")
    assert transfer.end == Span.at(datetime(2026, 6, 12, 22, tzinfo=UTC)), "from the day on which the time was over"


def test_an_extension_and_an_obstacle_by_the_calendar(procedure: Procedure, terms: ClockTerms) -> None:
    day = timedelta(days=1)
    events = [
        event("a", "apply", REQUESTING, T0, 1, 0),
        event("b", "extend", REQUESTED, T0 + 3 * day, 1, 1, date(2026, 3, 16)),
    ]
    (reply,) = view(procedure, terms, events, T0 + 4 * day).deadlines
    assert reply.end == Span.at(datetime(2026, 3, 16, 23, tzinfo=UTC))
    events += [
        event("c", "accept", REQUESTED, T0 + 5 * day, 2, 1),
        event("d", "begin-obstacle", REQUESTING, T0 + 6 * day, 2, 2),
    ]
    begun = next(one for one in view(procedure, terms, events, T0 + 90 * day).deadlines if one.period == "transfer")
    assert (begun.standing, begun.end) == ("paused", None)
    events.append(event("e", "end-obstacle", REQUESTING, T0 + 8 * day, 3, 2))
    ended = next(one for one in view(procedure, terms, events, T0 + 9 * day).deadlines if one.period == "transfer")
    assert ended.end == Span.at(datetime(2026, 6, 10, 22, tzinfo=UTC)), "7 June and the three days that it touched"


def test_what_the_calendar_does_not_cover_has_no_end_and_says_why(procedure: Procedure, terms: ClockTerms) -> None:
    late = datetime(2026, 12, 31, 9, tzinfo=UTC)
    events = [event("a", "apply-accelerated", REQUESTING, late, 1, 0)]
    found = view(procedure, terms, events, late + timedelta(days=300))
    assert found.state == "applied"
    assert found.deadlines[0].standing == "unknown"
    assert "srb" in found.deadlines[0].why
