"""A second domain runs by its own procedure, for the case as a whole, without a line of code that knows it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from node.records import CheckedRecord, Domain, Domains, check
from node.records.procedure_acts import acts_in
from node.records.procedure_events import Event, Span
from node.records.procedure_replay import WHOLE_CASE
from node.records.procedure_view import CaseView, view
from node.records.procedures import REQUESTED, REQUESTING, Procedure
from tests.records.procedure_terms import PlainTerms

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
TERMS = PlainTerms(days={"reply": 30, "data": 14, "consultation": 7})


@pytest.fixture
def inquiry(domains: Domains) -> Domain:
    found = domains.named("inquiry")
    assert found is not None
    return found


def exchanged(inquiry: Domain, domains: Domains, *examples: tuple[str, str, int]) -> list[Event]:
    """The events of a case in which each example (name, role, day) was sent in turn, about the message before."""
    events: list[Event] = []
    count = {REQUESTING: 0, REQUESTED: 0}
    for name, role, day in examples:
        record = check(inquiry.files[f"examples/good/{name}.xml"], domains)
        assert isinstance(record, CheckedRecord)
        count[role] += 1
        other = REQUESTED if role == REQUESTING else REQUESTING
        at = T0 + timedelta(days=day)
        (act,) = acts_in(record, inquiry)
        event = Event(name, act.act, role, at, Span.at(at), count[role], count[other], persons=act.persons)
        events.append(replace(event, concerning=events[-1].id if events else None))
    return events


def look(inquiry: Domain, events: list[Event], day: int, terms: PlainTerms = TERMS) -> CaseView:
    assert isinstance(inquiry.procedure, Procedure)
    return view(inquiry.procedure, terms, events, T0 + timedelta(days=day))


@pytest.mark.parametrize(
    ("opening", "reply", "state"),
    [
        ("inquiry", "inquiry-reply", "answered"),
        ("inquiry-free", "inquiry-not-answered", "not-answered"),
        ("data-request", "data-changed", "data-changed"),
        ("data-request", "data-not-changed", "data-kept"),
        ("prior-consultation", "consultation-objection", "objected"),
        ("prior-consultation", "consultation-no-objection", "not-objected"),
        ("inquiry", "prior-consultation", "asked"),
    ],
)
def test_each_kind_finds_its_answer(inquiry: Domain, domains: Domains, opening: str, reply: str, state: str) -> None:
    found = look(inquiry, exchanged(inquiry, domains, (opening, REQUESTING, 0), (reply, REQUESTED, 3)), 4)
    assert found.state == state
    assert list(found.persons) == [WHOLE_CASE]
    assert [one.kind for one in found.findings] == (["out-of-step"] if state == "asked" else [])


def test_silence_to_a_consultation_is_no_objection_where_the_terms_say_so(inquiry: Domain, domains: Domains) -> None:
    events = exchanged(inquiry, domains, ("prior-consultation", REQUESTING, 0))
    assert look(inquiry, events, 6).state == "consulted"
    assert look(inquiry, events, 7).state == "deemed-not-objected"
    assert look(inquiry, events, 7, replace(TERMS, accepts=False)).state == "consultation-overdue"
    late = exchanged(inquiry, domains, ("prior-consultation", REQUESTING, 0), ("consultation-objection", REQUESTED, 8))
    assert look(inquiry, late, 9).state == "deemed-not-objected"
    assert look(inquiry, late, 9, replace(TERMS, accepts=False)).state == "objected"


def test_a_notification_asks_for_nothing(inquiry: Domain, domains: Domains) -> None:
    found = look(inquiry, exchanged(inquiry, domains, ("visa-notice", REQUESTING, 0)), 400)
    assert (found.state, found.deadlines, found.findings) == ("told", (), ())
