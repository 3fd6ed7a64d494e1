"""Who takes part in a case and who has it now, as its acts say, alike on both sides."""

from dataclasses import replace
from itertools import permutations

import pytest

from node.records.procedure_events import Event
from node.records.procedure_view import CaseView, view
from node.records.procedures import REQUESTED, REQUESTING, Procedure
from tests.records.procedure_case import DAY, T0, Case
from tests.records.procedure_terms import PlainTerms


@pytest.fixture
def case() -> Case:
    case = Case()
    case.apply()
    return case


def told(case: Case, role: str, act: str, at: float, *, day: str, **facts: str) -> Event:
    """The act, which states the day from which it holds."""
    case.act(role, act, at, **facts)
    case.events[-1] = replace(case.events[-1], day=day)
    return case.events[-1]


def listed(found: CaseView) -> list[tuple[str, str | None, str | None, str]]:
    return [(one.party, one.since, one.until, one.by) for one in found.participants]


def test_a_party_is_added_removed_and_added_again(procedure: Procedure, case: Case) -> None:
    told(case, REQUESTED, "participant-add", 1, party="lim.example", day="2026-03-04")
    assert listed(case.look(procedure, 2)) == [("lim.example", "2026-03-04", None, REQUESTED)]
    told(case, REQUESTING, "participant-remove", 3, party="lim.example", day="2026-03-06")
    assert listed(case.look(procedure, 4)) == [("lim.example", "2026-03-04", "2026-03-06", REQUESTING)]
    told(case, REQUESTING, "participant-add", 5, party="lim.example", day="2026-03-08")
    for order in permutations(case.events):
        found = view(procedure, PlainTerms(), order, T0 + 6 * DAY)
        assert listed(found) == [("lim.example", "2026-03-08", None, REQUESTING)]
        assert (found.state, found.findings) == ("applied", ())


def test_no_side_takes_the_others_acts_from_it_by_removing_it(procedure: Procedure, case: Case) -> None:
    told(case, REQUESTING, "participant-remove", 1, party="them.example", day="2026-03-03")
    case.act(REQUESTED, "refuse", 2)
    found = case.look(procedure, 20)
    assert listed(found) == [("them.example", None, "2026-03-03", REQUESTING)]
    assert (found.state, found.findings) == ("refused", ()), "else silence would count as consent"


def test_one_takes_anothers_place_until_that_is_taken_back(procedure: Procedure, case: Case) -> None:
    told(case, REQUESTED, "participant-add", 1, party="lim.example", day="2026-03-04")
    changed = told(
        case, REQUESTED, "participant-change", 2, party="new.example", instead_of="lim.example", day="2026-03-05"
    )
    assert listed(case.look(procedure, 3)) == [
        ("lim.example", "2026-03-04", "2026-03-05", REQUESTED), ("new.example", "2026-03-05", None, REQUESTED),
    ]  # fmt: skip
    case.act(REQUESTED, "invalidate", 4, concerning=changed.id)
    assert listed(case.look(procedure, 5)) == [("lim.example", "2026-03-04", None, REQUESTED)]


def test_the_latest_forwarding_of_each_side_says_who_has_it(procedure: Procedure, case: Case) -> None:
    case.act(REQUESTED, "forward", 1, party="lim.example")
    last = case.act(REQUESTED, "forward", 2, party="new.example")
    own = case.act(REQUESTING, "forward", 3, party="ours.example")
    found = case.look(procedure, 4)
    assert {role: one.id for role, one in found.given_to.items()} == {REQUESTED: last.id, REQUESTING: own.id}
    case.act(REQUESTED, "invalidate", 5, concerning=last.id)
    assert case.look(procedure, 6).given_to[REQUESTED].party == "lim.example"
