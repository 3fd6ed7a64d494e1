"""A rejected document is due anew from its writer; a new version of one says which message is current."""

from dataclasses import replace
from itertools import permutations

import pytest

from node.records.procedure_events import Event
from node.records.procedure_view import CaseView, view
from node.records.procedures import REQUESTED, REQUESTING, Procedure
from tests.records.procedure_case import DAY, T0, Case, strange
from tests.records.procedure_terms import PlainTerms


def due(found: CaseView) -> list[tuple[str, str, str]]:
    return [(one.question, one.event, one.awaits) for one in found.asked]


def rejected(case: Case) -> tuple[Event, Event]:
    """An application that was rejected, and the rejection."""
    application = case.apply()
    return application, case.act(REQUESTED, "reject", 1, concerning=application.id)


def test_a_rejected_document_is_due_from_its_writer_and_holds_meanwhile(procedure: Procedure, case: Case) -> None:
    _, rejection = rejected(case)
    found = case.look(procedure, 2)
    assert found.state == "applied"
    assert due(found) == [("rejection", rejection.id, REQUESTING)]


@pytest.mark.parametrize("act", ["invalidate", "update", "clarify-reply"])
def test_it_is_due_until_it_is_taken_back_renewed_or_answered(procedure: Procedure, case: Case, act: str) -> None:
    application, rejection = rejected(case)
    about = rejection if act == "clarify-reply" else application
    case.act(REQUESTING, act, 3, concerning=about.id)
    found = case.look(procedure, 4)
    assert (due(found), strange(found)) == ([], [])


def test_it_is_due_until_the_same_comes_anew(procedure: Procedure, case: Case) -> None:
    case.apply()
    given = case.act(REQUESTING, "give-particulars", 1)
    rejection = case.act(REQUESTED, "reject", 2, concerning=given.id)
    case.act(REQUESTING, "clarify-request", 3)
    assert ("rejection", rejection.id, REQUESTING) in due(case.look(procedure, 3.5))
    anew = case.act(REQUESTING, "give-particulars", 4)
    assert "rejection" not in {one[0] for one in due(case.look(procedure, 5))}
    case.act(REQUESTING, "invalidate", 6, concerning=anew.id)
    assert ("rejection", rejection.id, REQUESTING) in due(case.look(procedure, 7)), "what answered it was taken back"


def test_nobody_rejects_what_is_its_own_or_renews_what_is_the_others(procedure: Procedure, case: Case) -> None:
    application = case.apply()
    own = case.act(REQUESTING, "reject", 1, concerning=application.id)
    others = case.act(REQUESTED, "update", 2, concerning=application.id)
    found = case.look(procedure, 3)
    assert strange(found) == [(own.id, "party"), (others.id, "party")]
    assert (found.asked, found.versions) == ((), ())


def test_a_rejection_that_is_taken_back_asks_nothing(procedure: Procedure, case: Case) -> None:
    _, rejection = rejected(case)
    case.act(REQUESTED, "invalidate", 2, concerning=rejection.id)
    found = case.look(procedure, 3)
    assert (due(found), strange(found), found.state) == ([], [], "applied")


def test_the_newest_version_is_the_current_one_on_both_sides(procedure: Procedure, case: Case) -> None:
    application = case.apply()
    first = case.act(REQUESTING, "update", 1, concerning=application.id, new="document-2")
    case.act(REQUESTED, "acknowledge", 1)
    second = case.act(REQUESTING, "update", 2, concerning="document-2")
    for order in permutations(case.events):
        (one, two) = view(procedure, PlainTerms(), order, T0 + 3 * DAY).versions
        assert (one.message, one.current, one.by) == (application.id, second.id, (first.id, second.id))
        assert (two.message, two.current) == ("document-2", second.id)
    case.act(REQUESTING, "invalidate", 4, concerning=second.id)
    assert [(one.message, one.current) for one in case.look(procedure, 5).versions] == [(application.id, "document-2")]


def test_versions_that_name_each_other_come_to_an_end(procedure: Procedure, case: Case) -> None:
    application = case.apply()
    event = case.act(REQUESTING, "update", 1, concerning=application.id, new="b")
    case.events.append(replace(event, id="x", sequence=3, concerning="b", new=application.id))
    assert len(case.look(procedure, 2).versions) == 2
