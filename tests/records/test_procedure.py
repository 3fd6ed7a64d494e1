"""A case by its procedure, for each person: state, what is due, what may be done next. The procedure is real data."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from time import process_time

import pytest

from node.records.procedure_events import SENT, Event, Span
from node.records.procedure_view import view
from node.records.procedures import REQUESTED, REQUESTING, Procedure
from tests.records.procedure_case import DAY, T0, Case, accepted, allowed, documented, states, strange
from tests.records.procedure_terms import PlainTerms


def test_a_case_that_has_not_begun_can_only_be_opened(procedure: Procedure, case: Case) -> None:
    found = case.look(procedure, 0)
    assert found.state == "draft"
    assert allowed(found) == {(act, REQUESTING) for act in ("apply", "apply-accelerated", "apply-transit")}


def test_from_application_to_the_end(procedure: Procedure, case: Case) -> None:
    documented(case)
    case.act(REQUESTING, "announce-transfer", 10)
    case.act(REQUESTED, "confirm-transfer", 12)
    case.act(REQUESTED, "report-arrival", 30)
    found = case.look(procedure, 31)
    assert [(step.source, step.target) for step in found.steps] == [
        ("draft", "applied"), ("applied", "accepted"), ("accepted", "documented"), ("documented", "announced"),
        ("announced", "notified"), ("notified", "transferred"),
    ]  # fmt: skip
    assert found.findings == ()
    (error,) = found.deadlines
    assert (error.period, error.awaits, error.standing) == ("error", REQUESTED, "open")
    assert error.end == Span.at(T0 + 90 * DAY + timedelta(seconds=1))
    assert case.look(procedure, 91).state == "concluded"
    case.act(REQUESTED, "claim-error", 80)
    assert case.look(procedure, 91).state == "returned"


def test_the_clock_starts_with_the_receipt_and_silence_follows_the_terms(procedure: Procedure, case: Case) -> None:
    case.apply()
    end = T0 + 10 * DAY + timedelta(seconds=1)
    before = view(procedure, PlainTerms(), case.events, end - timedelta(microseconds=1))
    assert [(one.period, one.end, one.standing) for one in before.deadlines] == [("reply", Span.at(end), "open")]
    assert before.state == "applied"
    deemed = view(procedure, PlainTerms(), case.events, end)
    assert deemed.state == "deemed-accepted"
    assert deemed.persons["p1"].by_silence
    assert deemed.persons["p1"].since == Span.at(end)
    assert [(one.period, one.start) for one in deemed.deadlines if one.period == "transfer"] == [
        ("transfer", Span.at(end - timedelta(microseconds=1)))
    ]
    late = view(procedure, PlainTerms(accepts=False), case.events, end)
    assert late.state == "overdue"
    assert ("accept", REQUESTED) in allowed(late)
    assert ("extend", REQUESTED) not in allowed(late)


@pytest.mark.parametrize(("day", "state"), [(9.9, "refused"), (10.1, "deemed-accepted")])
def test_an_answer_counts_by_its_instant_not_by_when_it_is_looked_at(
    procedure: Procedure, case: Case, day: float, state: str
) -> None:
    case.apply()
    assert case.look(procedure, 11).state == "deemed-accepted"
    refusal = case.act(REQUESTED, "refuse", day)
    found = case.look(procedure, 400 if state == "refused" else 11)
    assert found.state == state
    assert strange(found) == ([] if state == "refused" else [(refusal.id, "state")])


def test_answers_may_differ_per_person(procedure: Procedure, case: Case) -> None:
    case.apply("p1", "p2", "p3")
    for index, (act, person) in enumerate([("accept", "p1"), ("refuse", "p2"), ("extend", "p3")]):
        case.events.append(
            Event(
                "answer", act, REQUESTED, T0 + 4 * DAY, Span.at(T0 + 4 * DAY), sequence=1, seen=1, index=index,
                persons=frozenset({person}), until=date(2026, 3, 14) if act == "extend" else None,
            )
        )  # fmt: skip
    found = case.look(procedure, 5)
    assert states(found) == {"p1": "accepted", "p2": "refused", "p3": "extended"}
    assert found.state == "extended", "the case is as far as the person who is behind"
    (reply,) = [one for one in found.deadlines if one.period == "reply"]
    assert (reply.persons, reply.extended, reply.end) == (("p3",), True, Span.at(datetime(2026, 3, 15, tzinfo=UTC)))
    assert states(case.look(procedure, 14)) == {"p1": "accepted", "p2": "refused", "p3": "deemed-accepted"}


def test_an_extension_goes_no_further_than_the_terms_and_only_once(procedure: Procedure, case: Case) -> None:
    case.apply()
    case.act(REQUESTED, "extend", 3, until=date(2027, 1, 1))
    again = case.act(REQUESTED, "extend", 4, until=date(2027, 1, 1))
    found = case.look(procedure, 12)
    assert [one.end for one in found.deadlines] == [Span.at(T0 + 16 * DAY + timedelta(seconds=1))]
    assert strange(found) == [(again.id, "state")]
    assert case.look(procedure, 17).state == "deemed-accepted"


def test_without_an_extension_in_the_terms_there_is_none(procedure: Procedure, case: Case) -> None:
    case.apply()
    asked = case.act(REQUESTED, "extend", 3)
    found = case.look(procedure, 4, PlainTerms(extensions={}))
    assert (found.state, strange(found)) == ("applied", [(asked.id, "no-extension")])
    assert ("extend", REQUESTED) not in allowed(found)


def test_an_accelerated_application_has_its_own_time(procedure: Procedure, case: Case) -> None:
    case.apply(act="apply-accelerated")
    assert [one.period for one in case.look(procedure, 1).deadlines] == ["reply-accelerated"]
    assert case.look(procedure, 3).state == "deemed-accepted"
    assert strange(case.look(procedure, 3)) == []


def test_a_period_that_the_terms_lack_is_shown_and_ends_never(procedure: Procedure, case: Case) -> None:
    case.apply()
    found = case.look(procedure, 390, PlainTerms(days={}))
    assert found.state == "applied"
    assert [(one.end, one.standing, one.why) for one in found.deadlines] == [
        (None, "unknown", "the terms give no period reply")
    ]


def test_the_party_that_the_terms_name_issues_the_document(procedure: Procedure, case: Case) -> None:
    accepted(case)
    document = case.act(REQUESTING, "issue-document", 6, until=date(2026, 12, 1))
    assert strange(case.look(procedure, 7)) == [(document.id, "party")]
    swiss = PlainTerms(parties={"travel-document": REQUESTING})
    assert case.look(procedure, 7, swiss).state == "documented"
    assert ("issue-document", REQUESTING) in allowed(view(procedure, swiss, case.events[:2], T0 + 6 * DAY))


def test_an_expired_document_is_asked_for_anew(procedure: Procedure, case: Case) -> None:
    accepted(case)
    case.act(REQUESTED, "issue-document", 7, until=date(2026, 3, 20))
    assert case.look(procedure, 18).state == "documented"
    found = case.look(procedure, 19)
    assert found.state == "accepted"
    (anew,) = [one for one in found.deadlines if one.period == "new-travel-document"]
    assert anew.start == Span.at(datetime(2026, 3, 21, tzinfo=UTC) - timedelta(microseconds=1))
    instead = PlainTerms(parties={"travel-document": REQUESTED, "travel-document-instead": REQUESTING})
    assert ("issue-instead", REQUESTING) not in allowed(case.look(procedure, 19, instead))
    assert ("issue-instead", REQUESTING) in allowed(case.look(procedure, 40, instead))
    early = case.act(REQUESTING, "issue-instead", 25, until=date(2026, 12, 1))
    assert strange(case.look(procedure, 26, instead)) == [(early.id, "not-over")]
    case.act(REQUESTING, "issue-instead", 40, until=date(2026, 12, 1))
    assert case.look(procedure, 41, instead).state == "documented"


def test_a_document_that_expires_before_a_transfer_that_is_declined_is_asked_for_anew(
    procedure: Procedure, case: Case
) -> None:
    accepted(case)
    case.act(REQUESTED, "issue-document", 7, until=date(2026, 3, 20))
    announced = case.act(REQUESTING, "announce-transfer", 10)
    assert case.look(procedure, 30).state == "announced", "whether the transfer goes on is for the other side to say"
    case.act(REQUESTED, "decline-transfer", 30, concerning=announced.id)
    found = case.look(procedure, 31)
    assert found.state == "accepted"
    assert ("announce-transfer", REQUESTING) not in allowed(found)
    ((name, start),) = [(one.period, one.start) for one in found.deadlines if one.period != "transfer"]
    assert (name, start and start.earliest.date()) == ("new-travel-document", (T0 + 30 * DAY).date())
    case.act(REQUESTED, "issue-document", 33, until=date(2026, 12, 1))
    assert case.look(procedure, 34).state == "documented"


def test_obstacles_lengthen_the_time_for_the_transfer(procedure: Procedure, case: Case) -> None:
    accepted(case)
    case.act(REQUESTING, "begin-obstacle", 50)
    assert [one.standing for one in case.look(procedure, 200).deadlines if one.period == "transfer"] == ["paused"]
    assert case.look(procedure, 200).state == "accepted"
    twice = case.act(REQUESTING, "begin-obstacle", 55)
    case.act(REQUESTING, "end-obstacle", 60)
    found = case.look(procedure, 96)
    assert found.state == "accepted"
    assert strange(found) == [(twice.id, "period")]
    assert case.look(procedure, 106).state == "lapsed"


def test_a_lapsed_case_is_not_revived_by_a_late_obstacle(procedure: Procedure, case: Case) -> None:
    accepted(case)
    late = case.act(REQUESTING, "begin-obstacle", 100, occurred=T0 + 20 * DAY)
    found = case.look(procedure, 101)
    assert (found.state, strange(found)) == ("lapsed", [(late.id, "state")])


def test_the_requesting_side_alone_cannot_report_an_arrival(procedure: Procedure, case: Case) -> None:
    documented(case)
    case.act(REQUESTING, "announce-transfer", 10)
    said = case.act(REQUESTING, "report-arrival", 20)
    assert case.look(procedure, 21).state == "announced"
    own = case.act(REQUESTING, "consent", 21, concerning=said.id)
    found = case.look(procedure, 22)
    assert (found.state, strange(found)) == ("announced", [(own.id, "concerns")])
    assert ("consent", REQUESTED) in allowed(found)
    assert ("consent", REQUESTING) not in allowed(found)
    case.act(REQUESTED, "consent", 23, concerning=said.id)
    assert case.look(procedure, 24).state == "transferred"


def test_an_invalidated_application_ends_its_period_and_the_corrected_one_starts_anew(
    procedure: Procedure, case: Case
) -> None:
    wrong = case.apply("p1", "p2")
    case.act(REQUESTING, "invalidate", 4, concerning=wrong.id)
    assert case.look(procedure, 20).state == "invalidated"
    assert case.look(procedure, 20).deadlines == ()
    right = case.act(REQUESTING, "apply", 5, persons=frozenset({"p1"}))
    found = case.look(procedure, 14.9)
    assert states(found) == {"p1": "applied", "p2": "invalidated"}
    assert [(one.started_by, one.end) for one in found.deadlines] == [
        (right.id, Span.at(T0 + 15 * DAY + timedelta(seconds=1)))
    ]
    answer = case.act(REQUESTED, "accept", 6, concerning=wrong.id)
    found = case.look(procedure, 7)
    assert strange(found) == [(answer.id, "void")], "an answer to the void application does not answer the new one"
    assert states(found)["p1"] == "applied"


def test_an_answer_that_crosses_the_invalidation_of_its_application(procedure: Procedure, case: Case) -> None:
    wrong = case.apply()
    case.act(REQUESTING, "invalidate", 4, concerning=wrong.id, seen=False)
    case.act(REQUESTING, "apply", 4, persons=frozenset({"p1"}), seen=False)
    case.act(REQUESTED, "accept", 3.9, concerning=wrong.id)
    for order in permutations(case.events):
        case.events = list(order)
        found = case.look(procedure, 5)
        assert [step.target for step in found.steps] == ["applied", "accepted", "invalidated", "applied"]
        assert found.state == "applied"


def test_an_answer_can_be_taken_back_until_it_is_acted_on(procedure: Procedure, case: Case) -> None:
    case.apply()
    answer = case.act(REQUESTED, "accept", 5)
    case.act(REQUESTED, "invalidate", 6, concerning=answer.id)
    found = case.look(procedure, 7)
    assert found.state == "applied"
    assert [(one.period, one.end) for one in found.deadlines] == [
        ("reply", Span.at(T0 + 10 * DAY + timedelta(seconds=1)))
    ], "the period goes on with the end that it had"
    assert case.look(procedure, 11).state == "deemed-accepted"
    case.act(REQUESTED, "refuse", 8)
    assert case.look(procedure, 11).state == "refused"


def test_an_answer_that_was_acted_on_needs_the_others_consent(procedure: Procedure, case: Case) -> None:
    documented(case)
    answer = case.events[1]
    wanted = case.act(REQUESTED, "invalidate", 8, concerning=answer.id)
    assert case.look(procedure, 9).state == "documented"
    assert next(one for one in case.look(procedure, 9).possible if one.act == "consent").of == (wanted.id,)
    declined = Case()
    declined.events, declined._last, declined.seen = list(case.events), dict(case._last), dict(case.seen)
    declined.act(REQUESTING, "decline", 9, concerning=wanted.id)
    assert declined.look(procedure, 10).state == "documented"
    case.act(REQUESTING, "consent", 9, concerning=wanted.id)
    assert case.look(procedure, 9.5).state == "applied"


def test_an_answer_crosses_the_act_on_it(procedure: Procedure, case: Case) -> None:
    swiss = PlainTerms(parties={"travel-document": REQUESTING})
    case.apply()
    answer = case.act(REQUESTED, "accept", 5)
    case.act(REQUESTED, "invalidate", 6, concerning=answer.id, seen=False)
    case.act(REQUESTING, "issue-document", 6, until=date(2026, 12, 1), seen=False)
    for order in permutations(case.events):
        assert view(procedure, swiss, order, T0 + 7 * DAY).state == "documented"


def test_time_decides_between_acts_that_cross_over_the_end(procedure: Procedure, case: Case) -> None:
    case.apply()
    case.act(REQUESTING, "withdraw", 9, seen=False)
    late = case.act(REQUESTED, "accept", 12, seen=False)
    found = case.look(procedure, 13)
    assert (found.state, strange(found)) == ("withdrawn", [(late.id, "state")])


def test_an_answer_that_crosses_the_end_undoes_what_was_built_on_silence(procedure: Procedure, case: Case) -> None:
    by_dispatch = PlainTerms(counts=SENT, parties={"travel-document": REQUESTING})
    case.apply()
    case.act(REQUESTED, "refuse", 9.9, seen=False, received=Span.at(T0 + 11.5 * DAY))
    built = case.act(REQUESTING, "issue-document", 11, until=date(2026, 12, 1), seen=False)
    before = view(procedure, by_dispatch, [case.events[0], built], T0 + 11 * DAY, own=REQUESTING)
    assert before.state == "documented"
    for order in permutations(case.events):
        found = view(procedure, by_dispatch, order, T0 + 12 * DAY)
        assert (found.state, strange(found)) == ("refused", [(built.id, "state")])


def test_closing_and_reopening(procedure: Procedure, case: Case) -> None:
    case.apply()
    asked = case.act(REQUESTED, "close-request", 1)
    assert case.look(procedure, 2).state == "applied", "nobody closes a case that runs alone"
    case.act(REQUESTING, "consent", 2, concerning=asked.id)
    assert case.look(procedure, 50).state == "closed"
    again = case.act(REQUESTING, "reopen-request", 3)
    case.act(REQUESTED, "consent", 4, concerning=again.id)
    found = case.look(procedure, 5)
    assert (found.state, [one.period for one in found.deadlines]) == ("applied", ["reply"])
    assert case.look(procedure, 11).state == "deemed-accepted"


def test_no_closing_while_a_clarification_is_open(procedure: Procedure, case: Case) -> None:
    case.apply()
    case.act(REQUESTED, "refuse", 2)
    question = case.act(REQUESTING, "clarify-request", 3)
    early = case.act(REQUESTED, "close-request", 4)
    assert strange(case.look(procedure, 5)) == [(early.id, "open")]
    assert ("close-request", REQUESTED) not in allowed(case.look(procedure, 5))
    case.act(REQUESTED, "clarify-reply", 5, concerning=question.id)
    case.act(REQUESTED, "close-request", 6)
    assert case.look(procedure, 7).state == "closed"


def test_a_started_period_keeps_the_terms_under_which_it_began(procedure: Procedure, case: Case) -> None:
    case.apply()
    shorter = PlainTerms(days={"reply": 5})
    assert case.look(procedure, 6, shorter).state == "deemed-accepted"
    kept = {("reply", "requesting-1"): PlainTerms()}
    assert case.look(procedure, 6, shorter, kept=kept).state == "applied"


def test_transit(procedure: Procedure, case: Case) -> None:
    days = PlainTerms(days={"transit-reply": 5, "transit-consent": 30, "transit-proposal": 1}, accepts=False)
    case.apply(act="apply-transit")
    assert [(one.period, one.standing) for one in case.look(procedure, 6, days).deadlines] == [
        ("transit-reply", "ended")
    ], "silence is no consent to a transit unless the terms say so"
    case.act(REQUESTED, "allow-transit", 7)
    case.act(REQUESTING, "announce-transit", 8)
    case.act(REQUESTED, "object-to-transit", 9)
    found = case.look(procedure, 9, days)
    assert found.state == "transit-allowed"
    assert [(one.period, one.awaits) for one in found.deadlines] == [
        ("transit-proposal", REQUESTING), ("transit-consent", REQUESTING)
    ]  # fmt: skip
    assert case.look(procedure, 38, days).state == "transit-lapsed"
    case.act(REQUESTED, "revoke-transit", 10)
    assert case.look(procedure, 38, days).state == "transit-revoked"


def test_whoever_was_readmitted_in_error_is_taken_back(procedure: Procedure, case: Case) -> None:
    documented(case)
    case.act(REQUESTING, "announce-transfer", 10)
    case.act(REQUESTED, "report-arrival", 20)
    case.act(REQUESTED, "claim-error", 30)
    closing = case.act(REQUESTING, "close-request", 31)
    found = case.look(procedure, 32)
    assert (found.state, strange(found)) == ("returned", []), f"{closing.id} waits for consent"
    case.act(REQUESTING, "plan-return", 33)
    case.act(REQUESTED, "report-return", 40)
    assert case.look(procedure, 41).state == "taken-back"


def test_what_went_to_the_wrong_party_is_recalled_and_its_erasure_confirmed(procedure: Procedure, case: Case) -> None:
    wrong = case.apply()
    case.act(REQUESTING, "invalidate", 1, concerning=wrong.id)
    notice = case.act(REQUESTING, "erase-data", 1, concerning=wrong.id)
    early = case.act(REQUESTING, "close-request", 2)
    found = case.look(procedure, 3)
    assert (found.state, strange(found)) == ("invalidated", [(early.id, "open")])
    case.act(REQUESTED, "confirm-data", 4, concerning=notice.id)
    case.act(REQUESTING, "close-request", 5)
    assert case.look(procedure, 6).state == "closed"


def test_messages_that_contradict_each_other_are_taken_in_one_order_all_the_same(
    procedure: Procedure, case: Case
) -> None:
    case.apply()
    case.act(REQUESTING, "withdraw", 2)
    case.act(REQUESTED, "accept", 3)
    case.events[1] = replace(case.events[1], seen=9)
    case.events[2] = replace(case.events[2], seen=9)
    seen = {case.look(procedure, 5).state}
    for order in permutations(case.events):
        case.events = list(order)
        seen.add(case.look(procedure, 5).state)
    assert seen == {"withdrawn"}


def test_a_third_party_is_heard_and_its_place_is_ours_alone(procedure: Procedure, case: Case) -> None:
    case.apply()
    strange_party = Event("x-1", "accept", "observer", T0 + DAY, Span.at(T0 + DAY), 1, 0)
    case.events.append(strange_party)
    found = case.look(procedure, 5)
    assert (found.state, strange(found)) == ("applied", [("x-1", "party")])
    assert "ours-alone" in [one.kind for one in found.findings]


def test_a_long_case_costs_no_more_for_each_message(procedure: Procedure, case: Case) -> None:
    case.apply(*(f"p{number}" for number in range(1, 31)))
    for number in range(3000):
        case.act((REQUESTING, REQUESTED)[number % 2], "clarify-request", number / 3000, concerning="requesting-1")
    spent = []
    for length in (301, 3001):
        began = process_time()
        assert view(procedure, PlainTerms(), case.events[:length], T0 + 2 * DAY).state == "applied"
        spent.append(process_time() - began)
    assert spent[1] < 10 * 4 * spent[0]
