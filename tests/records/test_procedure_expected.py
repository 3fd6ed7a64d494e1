"""Of an act that does not fit, in words: what would have fitted."""

from datetime import date

import pytest

from node.records import Domain
from node.records.procedure_expected import expected
from node.records.procedures import REQUESTED, REQUESTING, Procedure
from tests.records.procedure_case import Case, accepted, documented
from tests.records.procedure_terms import PlainTerms


@pytest.fixture
def procedure(returns: Domain) -> Procedure:
    assert isinstance(returns.procedure, Procedure)
    return returns.procedure


def said(procedure: Procedure, case: Case, day: float) -> str:
    """The reason of the one act that does not fit, and what was expected."""
    (one,) = [found.misfit for found in case.look(procedure, day).findings if found.misfit is not None]
    return f"{one.reason}: {expected(procedure, one)}"


def test_in_a_state_without_such_an_act_those_that_move_it_are_named(procedure: Procedure) -> None:
    case = Case()
    case.apply()
    case.act(REQUESTED, "refuse", 3)
    case.act(REQUESTED, "accept", 4)
    found = said(procedure, case, 5)
    assert found.startswith("state: of the requested party in the state refused: ")
    assert "present-costs" in found
    assert "withdraw" not in found, "that is the other party's"


def test_an_act_of_the_other_party_is_expected_from_that_one(procedure: Procedure) -> None:
    case = Case()
    case.apply()
    case.act(REQUESTING, "accept", 3)
    assert said(procedure, case, 4) == "party: the act by the other party"


def test_who_is_not_in_the_case_is_told_so(procedure: Procedure) -> None:
    case = Case()
    case.apply("p1")
    case.act(REQUESTED, "accept", 3, persons=frozenset({"p9"}))
    assert said(procedure, case, 4) == "person: a person of the case"


def test_a_message_that_the_act_cannot_be_about_is_told_with_those_that_it_can(procedure: Procedure) -> None:
    case = Case()
    case.apply()
    case.act(REQUESTED, "clarify-reply", 3, concerning="nothing")
    assert (
        said(procedure, case, 4)
        == "concerns: as what it concerns a message that holds, one of: clarify-request, reject"
    )


def test_a_consent_needs_what_the_other_side_proposed(procedure: Procedure) -> None:
    case = Case()
    case.apply()
    case.act(REQUESTED, "consent", 3, concerning="requesting-1")
    assert said(procedure, case, 4) == "concerns: as what it concerns what the other party proposed and waits for"


def test_a_time_that_has_to_run_is_named(procedure: Procedure) -> None:
    case = Case()
    accepted(case)
    case.act(REQUESTING, "end-obstacle", 6)
    assert said(procedure, case, 7) == "period: a time that runs: transfer"


def test_a_time_that_has_to_be_over_is_named(procedure: Procedure) -> None:
    case = Case()
    documented(case)
    case.act(REQUESTING, "request-document", 8)
    case.act(REQUESTING, "issue-instead", 9, until=date(2026, 12, 1))
    terms = PlainTerms(parties={"travel-document": REQUESTED, "travel-document-instead": REQUESTING})
    (one,) = [found.misfit for found in case.look(procedure, 10, terms).findings if found.misfit is not None]
    assert one.reason == "not-over"
    assert expected(procedure, one) == "the end of a time first: issue of a new travel document"


def test_what_has_to_be_answered_first_is_named(procedure: Procedure) -> None:
    case = Case()
    case.apply()
    case.act(REQUESTED, "clarify-request", 2, concerning="requesting-1")
    case.act(REQUESTED, "close-request", 3)
    assert said(procedure, case, 4) == "open: an answer first to: clarification, data"


def test_each_other_reason_has_its_words(procedure: Procedure) -> None:
    case = Case()
    case.apply()
    case.act(REQUESTED, "nod", 3)
    assert said(procedure, case, 4) == "no-such-act: an act of the procedure"
    case = Case()
    first = case.apply()
    case.act(REQUESTING, "invalidate", 1, concerning=first.id)
    case.apply()
    case.act(REQUESTED, "accept", 3, concerning=first.id)
    assert said(procedure, case, 4) == "void: a message that is not void"
