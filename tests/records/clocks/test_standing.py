"""What holds at the end: alike on both sides once they hold the same messages, and unsettled until then."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.records.clocks import Ends, Judgement, Period, Silence, Span, Standing, Unit, in_time, standing

END = datetime(2026, 11, 12, 23, tzinfo=UTC)
EXACT = Ends(END, END, date(2026, 11, 12), "Europe/Belgrade")
SPAN = Ends(END - timedelta(days=2), END, date(2026, 11, 12), "Europe/Belgrade")
DEEMED = Period(10, Unit.CALENDAR_DAYS, "Europe/Belgrade", silence=Silence.ACCEPTED)
OVERDUE = Period(10, Unit.CALENDAR_DAYS, "Europe/Belgrade")
INSTANT = timedelta(microseconds=1)


def test_the_last_instant_is_in_time_and_the_end_is_not() -> None:
    assert in_time(Span.at(END - INSTANT), EXACT) is True
    assert in_time(Span.at(END), EXACT) is False
    assert in_time(Span(END - timedelta(days=1), END + timedelta(days=1)), EXACT) is None
    assert in_time(Span.at(END - timedelta(days=1)), SPAN) is None
    assert in_time(Span.at(END - timedelta(days=3)), SPAN) is True


@pytest.mark.parametrize(("period", "silence"), [(DEEMED, Standing.ACCEPTED), (OVERDUE, Standing.OVERDUE)])
def test_silence_has_its_effect_at_the_end_whenever_it_is_learnt(period: Period, silence: Standing) -> None:
    for days in (0, 1, 400):
        now = END + timedelta(days=days)
        assert standing(period, EXACT, now, heard_until=now) == Judgement(silence, END)


def test_a_peer_that_was_not_heard_since_may_have_answered() -> None:
    unsettled = Judgement(Standing.MAY_HAVE_BEEN_ANSWERED)
    for heard in (None, END - timedelta(days=5), END - INSTANT):
        assert standing(DEEMED, EXACT, END + timedelta(days=3), heard_until=heard) == unsettled


def test_before_the_end_it_runs_and_between_two_ends_it_is_unsettled() -> None:
    assert standing(DEEMED, EXACT, END - INSTANT) == Judgement(Standing.RUNNING)
    assert standing(DEEMED, SPAN, SPAN.earliest, heard_until=SPAN.earliest).standing is Standing.MAY_HAVE_BEEN_ANSWERED
    assert standing(DEEMED, SPAN, END, heard_until=END) == Judgement(Standing.ACCEPTED, None)


def test_an_answer_that_crossed_the_end_is_settled_once_it_arrives() -> None:
    sent = END - timedelta(minutes=5)
    received = END + timedelta(hours=30)
    # Terms by which sending counts: in time, however late it arrived. Terms by which receipt counts: late.
    assert standing(DEEMED, EXACT, received, answer=Span.at(sent)) == Judgement(Standing.ANSWERED, sent)
    assert standing(DEEMED, EXACT, received, answer=Span.at(received)) == Judgement(Standing.ACCEPTED, END, late=True)
    # The sender of an answer without a receipt cannot know.
    assert standing(DEEMED, EXACT, received, answer=Span(sent, received)).standing is Standing.MAY_HAVE_BEEN_ANSWERED


@settings(deadline=None)
@given(st.timedeltas(timedelta(days=-20), timedelta(days=20)), st.timedeltas(timedelta(0), timedelta(days=40)))
def test_both_sides_with_the_same_answer_judge_alike_at_any_time(made: timedelta, later: timedelta) -> None:
    answer = Span.at(END + made)
    one = standing(DEEMED, EXACT, END, answer=answer, heard_until=None)
    assert one == standing(DEEMED, EXACT, END + later, answer=answer, heard_until=END + later)
    assert one.standing in (Standing.ANSWERED, Standing.ACCEPTED)
