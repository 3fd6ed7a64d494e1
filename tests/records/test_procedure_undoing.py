"""What taking back a sent document does to state and clock: as if it had not been given, for whoever may."""

from datetime import date, timedelta

from node.records.procedure_events import Span
from node.records.procedure_view import CaseView
from node.records.procedures import REQUESTED, REQUESTING, Procedure
from tests.records.procedure_case import DAY, T0, Case, documented, strange
from tests.records.procedure_terms import DAYS, PlainTerms

TERMS = PlainTerms(days={**DAYS, "transit-reply": 5, "transit-consent": 30})
EXPIRES = date(2026, 12, 1)


def ends(found: CaseView) -> dict[str, Span | None]:
    return {one.period: one.end for one in found.deadlines}


def may_take_back(found: CaseView, role: str, message: str) -> list[bool]:
    """Whether the other side has to consent, for each way in which `role` may take the message back."""
    return [
        one.consent for one in found.possible if (one.act, one.who) == ("invalidate", role) and message in one.of
    ]  # fmt: skip


def test_a_travel_document_taken_back_leaves_the_case_as_it_found_it(procedure: Procedure, case: Case) -> None:
    case.apply()
    case.act(REQUESTED, "accept", 5)
    before = case.look(procedure, 6)
    issued = case.act(REQUESTED, "issue-document", 6, until=EXPIRES)
    assert may_take_back(case.look(procedure, 6.5), REQUESTED, issued.id) == [False]
    assert may_take_back(case.look(procedure, 6.5), REQUESTING, issued.id) == []
    case.act(REQUESTED, "invalidate", 7, concerning=issued.id)
    after = case.look(procedure, 7)
    assert (after.state, ends(after)) == ("accepted", ends(before))


def test_only_its_writer_takes_a_document_back(procedure: Procedure, case: Case) -> None:
    documented(case)
    wrong = case.act(REQUESTING, "invalidate", 8, concerning=case.events[-1].id)
    assert strange(case.look(procedure, 9)) == [(wrong.id, "party")]
    asked = case.act(REQUESTED, "clarify-request", 9)
    wrong_again = case.act(REQUESTING, "invalidate", 10, concerning=asked.id)
    assert strange(case.look(procedure, 11)) == [(wrong.id, "party"), (wrong_again.id, "party")]


def test_a_document_that_a_transfer_rests_on_needs_consent(procedure: Procedure, case: Case) -> None:
    documented(case)
    issued = case.events[-1]
    case.act(REQUESTING, "announce-transfer", 8)
    assert may_take_back(case.look(procedure, 9), REQUESTED, issued.id) == [True]
    wish = case.act(REQUESTED, "invalidate", 9, concerning=issued.id)
    assert case.look(procedure, 9.5).state == "announced"
    case.act(REQUESTING, "consent", 10, concerning=wish.id)
    after = case.look(procedure, 10)
    assert (after.state, strange(after)) == ("accepted", [])
    assert "transfer-reply" not in ends(after)


def test_a_document_of_before_another_is_not_taken_back_alone(procedure: Procedure, case: Case) -> None:
    documented(case)
    first = case.events[-1]
    case.act(REQUESTING, "request-document", 9)
    second = case.act(REQUESTED, "issue-document", 10, until=EXPIRES)
    found = case.look(procedure, 11)
    assert may_take_back(found, REQUESTED, first.id) == [True]
    assert may_take_back(found, REQUESTED, second.id) == [False]
    case.act(REQUESTED, "invalidate", 12, concerning=second.id)
    after = ends(case.look(procedure, 12))
    assert {"new-travel-document", "travel-document"} & set(after) == {"new-travel-document"}


def test_the_announcement_and_its_confirmation_are_taken_back(procedure: Procedure, case: Case) -> None:
    documented(case)
    notice = case.act(REQUESTING, "announce-transfer", 8)
    waiting = ends(case.look(procedure, 9))
    confirmed = case.act(REQUESTED, "confirm-transfer", 9)
    assert may_take_back(case.look(procedure, 10), REQUESTING, notice.id) == [True]
    case.act(REQUESTED, "invalidate", 10, concerning=confirmed.id)
    found = case.look(procedure, 10)
    assert (found.state, ends(found)) == ("announced", waiting)
    assert may_take_back(found, REQUESTING, notice.id) == [False], "nothing rests on it any more"
    case.act(REQUESTING, "invalidate", 11, concerning=notice.id)
    assert case.look(procedure, 11).state == "documented"


def test_an_extension_taken_back_gives_the_first_end_again(procedure: Procedure, case: Case) -> None:
    case.apply()
    end = ends(case.look(procedure, 1))["reply"]
    extended = case.act(REQUESTED, "extend", 5)
    assert ends(case.look(procedure, 6))["reply"] != end
    case.act(REQUESTED, "invalidate", 6, concerning=extended.id)
    found = case.look(procedure, 7)
    assert (found.state, ends(found)["reply"], found.deadlines[0].extended) == ("applied", end, False)
    case.act(REQUESTED, "extend", 8)
    assert case.look(procedure, 9).state == "extended", "it may be extended anew"


def test_an_obstacle_that_was_none_lengthens_nothing(procedure: Procedure, case: Case) -> None:
    documented(case)
    end = ends(case.look(procedure, 8))["transfer"]
    begun = case.act(REQUESTING, "begin-obstacle", 10)
    ended = case.act(REQUESTING, "end-obstacle", 20)
    assert ends(case.look(procedure, 21))["transfer"] != end
    assert may_take_back(case.look(procedure, 21), REQUESTING, ended.id) == [True], "its own time would grow by it"
    case.act(REQUESTING, "invalidate", 22, concerning=begun.id)
    assert ends(case.look(procedure, 23))["transfer"] == end


def test_an_end_of_an_obstacle_taken_back_lets_it_last(procedure: Procedure, case: Case) -> None:
    documented(case)
    case.act(REQUESTING, "begin-obstacle", 10)
    ended = case.act(REQUESTING, "end-obstacle", 20)
    wish = case.act(REQUESTING, "invalidate", 22, concerning=ended.id)
    assert [one.standing for one in case.look(procedure, 23).deadlines if one.period == "transfer"] == ["open"]
    case.act(REQUESTED, "consent", 24, concerning=wish.id)
    assert [one.standing for one in case.look(procedure, 25).deadlines if one.period == "transfer"] == ["paused"]


def test_an_outcome_that_both_have_recorded_needs_both(procedure: Procedure, case: Case) -> None:
    documented(case)
    case.act(REQUESTING, "announce-transfer", 8)
    running = ends(case.look(procedure, 9))
    arrived = case.act(REQUESTING, "report-arrival", 30)
    case.act(REQUESTED, "consent", 31, concerning=arrived.id)
    found = case.look(procedure, 32)
    assert (found.state, may_take_back(found, REQUESTING, arrived.id)) == ("transferred", [True])
    wish = case.act(REQUESTING, "invalidate", 33, concerning=arrived.id)
    assert case.look(procedure, 34).state == "transferred"
    case.act(REQUESTED, "consent", 34, concerning=wish.id)
    after = case.look(procedure, 34.5)
    assert (after.state, strange(after)) == ("announced", [])
    assert ends(after)["transfer"] == running["transfer"]


def test_an_outcome_of_one_side_is_taken_back_by_it_and_claims_on_it_need_both(
    procedure: Procedure, case: Case
) -> None:
    documented(case)
    case.act(REQUESTING, "announce-transfer", 8)
    arrived = case.act(REQUESTED, "report-arrival", 30)
    assert may_take_back(case.look(procedure, 31), REQUESTED, arrived.id) == [False]
    claim = case.act(REQUESTED, "claim-error", 32)
    assert [one.question for one in case.look(procedure, 33).asked] == ["taking-back"]
    assert may_take_back(case.look(procedure, 33), REQUESTED, arrived.id) == [True]
    case.act(REQUESTED, "invalidate", 34, concerning=claim.id)
    found = case.look(procedure, 34)
    assert (found.state, found.asked) == ("transferred", ())
    case.act(REQUESTED, "invalidate", 35, concerning=arrived.id)
    assert case.look(procedure, 35).state == "announced"


def test_transit_goes_back_step_by_step(procedure: Procedure, case: Case) -> None:
    case.apply(act="apply-transit")
    reply = ends(case.look(procedure, 0.5, TERMS))
    steps = [
        (REQUESTED, case.act(REQUESTED, "allow-transit", 1)),
        (REQUESTING, case.act(REQUESTING, "announce-transit", 2)),
        (REQUESTING, case.act(REQUESTING, "report-transit", 3)),
    ]
    assert case.look(procedure, 3.1, TERMS).state == "transit-done"
    for number, (who, message) in enumerate(reversed(steps)):
        case.act(who, "invalidate", 3.2 + number / 10, concerning=message.id)
    found = case.look(procedure, 3.6, TERMS)
    assert (found.state, strange(found), ends(found)) == ("transit-applied", [], reply)


def test_a_question_taken_back_is_closed_and_one_whose_answer_is_taken_back_is_open(
    procedure: Procedure, case: Case
) -> None:
    case.apply()
    first = case.act(REQUESTED, "clarify-request", 1)
    answer = case.act(REQUESTING, "clarify-reply", 2, concerning=first.id)
    assert case.look(procedure, 2.5).asked == ()
    case.act(REQUESTING, "invalidate", 3, concerning=answer.id)
    assert [one.event for one in case.look(procedure, 3.5).asked] == [first.id]
    case.act(REQUESTED, "invalidate", 4, concerning=first.id)
    assert case.look(procedure, 4.5).asked == ()


def test_an_interview_request_taken_back_ends_its_period(procedure: Procedure, case: Case) -> None:
    case.apply()
    wanted = case.act(REQUESTING, "request-interview", 1, persons=frozenset({"p1"}))
    begun = ends(case.look(procedure, 1.5))
    result = case.act(REQUESTED, "report-interview", 2)
    case.act(REQUESTED, "invalidate", 3, concerning=result.id)
    assert ends(case.look(procedure, 3.5)) == begun
    case.act(REQUESTING, "invalidate", 3.6, concerning=wanted.id)
    assert set(ends(case.look(procedure, 3.7))) == {"reply"}


def test_an_application_that_asks_for_an_interview_can_be_taken_back(procedure: Procedure, case: Case) -> None:
    both = case.apply()
    case.events.append(
        type(both)(**{name: getattr(both, name) for name in both.__slots__} | {"act": "request-interview", "index": 1})
    )
    case.act(REQUESTING, "invalidate", 2, concerning=both.id)
    found = case.look(procedure, 3)
    assert (found.state, found.deadlines, strange(found)) == ("invalidated", (), [])


def test_a_reply_taken_back_in_the_extended_time_leaves_it_extended(procedure: Procedure, case: Case) -> None:
    case.apply()
    case.act(REQUESTED, "extend", 5)
    end = ends(case.look(procedure, 6))
    answer = case.act(REQUESTED, "accept", 7)
    case.act(REQUESTED, "invalidate", 8, concerning=answer.id)
    found = case.look(procedure, 8)
    assert (found.state, ends(found)) == ("extended", end)
    assert found.deadlines[0].start == Span.at(T0 + timedelta(seconds=1))
    assert case.look(procedure, 40).state == "deemed-accepted"
    assert found.persons["p1"].since == Span.at(T0 + 8 * DAY + timedelta(seconds=1))
