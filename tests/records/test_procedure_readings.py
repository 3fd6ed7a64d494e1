"""What either side knows of a case: steps without receipt, answers on their way, paper, another make of node."""

from dataclasses import replace
from typing import Any

import pytest

from node.records.procedure_events import PENDING, SENT, UNDONE, Event, Span
from node.records.procedure_view import view
from node.records.procedures import REQUESTED, REQUESTING, Procedure
from tests.records.procedure_case import DAY, T0, Case, allowed, states, strange
from tests.records.procedure_terms import PlainTerms


def test_our_own_step_is_pending_until_its_receipt(procedure: Procedure, case: Case) -> None:
    case.apply()
    case.act(REQUESTED, "refuse", 3, status=PENDING, received=None, seen=False)
    found = case.look(procedure, 4, own=REQUESTED)
    assert (found.state, found.persons["p1"].expected, found.pending) == ("applied", "refused", ("requested-1",))
    assert ("refuse", REQUESTED) in allowed(case.look(procedure, 4))
    assert ("refuse", REQUESTED) not in allowed(found), "it is on its way"
    assert ("withdraw", REQUESTING) in allowed(found)
    case.events[-1] = replace(case.events[-1], status=UNDONE)
    undone = case.look(procedure, 4, own=REQUESTED)
    assert (undone.state, undone.persons["p1"].expected, undone.pending) == ("applied", "applied", ())
    assert [(one.kind, one.event) for one in undone.findings] == [("undone", "requested-1")]


def test_a_pending_step_that_the_other_side_has_seen_is_settled(procedure: Procedure, case: Case) -> None:
    case.apply()
    case.events[0] = replace(case.events[0], status=PENDING, received=None)
    case.act(REQUESTED, "acknowledge", 1)
    found = case.look(procedure, 2, own=REQUESTING)
    assert (found.state, found.pending) == ("applied", ())
    (reply,) = found.deadlines
    assert reply.end == Span(T0 + 10 * DAY, T0 + 11 * DAY), "both ends are shown while the receipt is missing"
    assert [one.standing for one in case.look(procedure, 10.5).deadlines] == ["disputed"]
    assert case.look(procedure, 10.5).state == "applied"
    assert case.look(procedure, 11).state == "deemed-accepted"


@pytest.mark.parametrize(("counts", "state"), [(True, "applied"), (False, "draft")])
def test_terms_say_what_holds_without_a_receipt(procedure: Procedure, case: Case, counts: bool, state: str) -> None:
    case.apply()
    case.events[0] = replace(case.events[0], status=PENDING, received=None)
    terms = PlainTerms(unreceipted=(2 * DAY, counts))
    assert case.look(procedure, 1.9, terms, own=REQUESTING).pending == ("requesting-1",)
    found = case.look(procedure, 2, terms, own=REQUESTING)
    assert (found.state, found.pending) == (state, ())


def test_may_have_been_answered_is_said_until_it_is_known(procedure: Procedure, case: Case) -> None:
    case.apply()
    by_dispatch = PlainTerms(counts=SENT)

    def said(day: float, terms: PlainTerms, **how: Any) -> bool:
        return any(one.kind == "may-have-been-answered" for one in case.look(procedure, day, terms, **how).findings)

    assert not said(9, by_dispatch, own=REQUESTING)
    assert said(11, by_dispatch, own=REQUESTING)
    assert said(11, by_dispatch, own=REQUESTING, heard_until=T0 + 9 * DAY)
    assert not said(12, by_dispatch, own=REQUESTING, heard_until=T0 + 11 * DAY)
    assert not said(11, PlainTerms(), own=REQUESTING), "by receipt, nothing that has not come yet can be in time"
    case.act(REQUESTED, "refuse", 9.5, status=PENDING, received=None, seen=False)
    assert said(11, PlainTerms(), own=REQUESTED)
    assert case.look(procedure, 11, own=REQUESTED).state == "deemed-accepted"
    case.events[-1] = replace(case.events[-1], status="settled", received=Span.at(T0 + 9.6 * DAY))
    assert not said(11, PlainTerms(), own=REQUESTED)
    assert case.look(procedure, 11, own=REQUESTED).state == "refused"


def paper(stated_by: str, day: float, name: str, act: str = "accept", actor: str = REQUESTED) -> Event:
    return Event(name, act, actor, T0 + day * DAY, channel="fax", stated_by=stated_by, persons=frozenset({"p1"}))


def test_an_act_on_paper_is_ours_alone_until_the_other_side_says_the_same(procedure: Procedure, case: Case) -> None:
    case.apply()
    case.events.append(paper(REQUESTING, 9, "paper-1"))
    ours = case.look(procedure, 11, own=REQUESTING)
    assert (ours.persons["p1"].state, ours.persons["p1"].agreed) == ("accepted", "deemed-accepted")
    assert [(one.kind, one.event, one.reason) for one in ours.findings] == [("one-sided", "paper-1", REQUESTING)]
    theirs = case.look(procedure, 11, own=REQUESTED)
    assert theirs.persons["p1"].state == "deemed-accepted", "nobody makes the other's acts by stating them"
    case.events.append(paper(REQUESTED, 9.2, "paper-2"))
    for own in (REQUESTING, REQUESTED, None):
        found = case.look(procedure, 11, own=own)
        assert (found.persons["p1"].state, found.persons["p1"].agreed) == ("accepted", "accepted")
        assert found.findings == ()


def test_what_we_have_recorded_and_not_told_counts_here_and_is_agreed_on_neither_side(
    procedure: Procedure, case: Case
) -> None:
    case.apply()
    theirs = paper(REQUESTED, 9, "message-1")
    ours = paper(REQUESTING, 9.2, "by-hand-1")
    there = [*case.events, theirs]
    here = [*there, replace(ours, by_hand=True)]
    told = [*there, replace(ours, id="message-2")]
    waiting = [*here, replace(ours, id="message-2", status=PENDING)]
    refused = [*here, replace(ours, id="message-2", status=UNDONE)]

    def agreed(events: list[Event], own: str) -> tuple[str, str | None, list[str]]:
        found = view(procedure, PlainTerms(), events, T0 + 11 * DAY, own=own)
        return found.persons["p1"].state, found.persons["p1"].agreed, [one.kind for one in found.findings]

    assert agreed(there, REQUESTED) == ("accepted", "deemed-accepted", ["one-sided"])
    for events in (here, waiting):
        assert agreed(events, REQUESTING) == ("accepted", "deemed-accepted", ["untold"])
    assert agreed(refused, REQUESTING) == ("accepted", "deemed-accepted", ["undone", "untold"])
    for own in (REQUESTING, REQUESTED):
        assert agreed(told, own) == ("accepted", "accepted", [])


def test_a_case_on_paper_alone_runs_on_the_same_clock_and_goes_on_over_the_wire(procedure: Procedure) -> None:
    case = Case()
    case.events.append(paper(REQUESTING, 0, "paper-1", "apply", REQUESTING))
    found = case.look(procedure, 3, own=REQUESTING)
    assert found.state == "applied"
    assert [one.end for one in found.deadlines] == [Span.at(T0 + 10 * DAY)]
    case.act(REQUESTED, "accept", 4)
    assert case.look(procedure, 5, own=REQUESTING).state == "accepted"


def test_another_make_of_node_is_ordered_by_what_we_received(procedure: Procedure, case: Case) -> None:
    case.apply()
    case.act(REQUESTED, "accept", 5)
    case.events = [replace(one, sequence=None, seen=None) for one in reversed(case.events)]
    found = case.look(procedure, 6)
    assert found.state == "accepted"
    assert [one.kind for one in found.findings] == ["ours-alone"]


def test_a_message_that_says_it_had_not_seen_what_was_receipted_is_told(procedure: Procedure, case: Case) -> None:
    case.apply()
    case.act(REQUESTING, "withdraw", 1, seen=False)
    case.act(REQUESTED, "accept", 5)
    found = case.look(procedure, 6)
    assert [(one.kind, one.event, one.reason) for one in found.findings] == [
        ("said-unseen", "requested-1", "requesting-2")
    ]


def test_a_strange_message_changes_nothing(procedure: Procedure, case: Case) -> None:
    case.apply()
    case.act(REQUESTED, "juggle", 1)
    case.act(REQUESTED, "accept", 2, persons=frozenset({"p9"}))
    case.act(REQUESTED, "confirm-transfer", 3)
    case.act(REQUESTING, "accept", 4)
    found = case.look(procedure, 5)
    assert [reason for _, reason in strange(found)] == ["no-such-act", "person", "state", "party"]
    assert states(found) == {"p1": "applied"}
