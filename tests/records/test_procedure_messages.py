"""A whole case from records: read, made into events, computed; a charter brings its acts to each case."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from node.records import CheckedRecord, Domain, Domains, check
from node.records.procedure_acts import acts_in, stated_in
from node.records.procedure_events import Event, Span
from node.records.procedure_messages import MessageFacts, event_on_paper, events_of
from node.records.procedure_view import view
from node.records.procedures import REQUESTED, REQUESTING, Procedure
from tests.records.procedure_terms import PlainTerms

T0 = datetime(2026, 11, 25, 9, tzinfo=UTC)
OWN = "5b1d4c1e-3c0e-4a60-9f5e-b1f8b5a2a001"
OTHER = "5b1d4c1e-3c0e-4a60-9f5e-b1f8b5a2a002"
APPLICATION = "2f0c7f0e-7d3a-4c55-9b1e-1f0a3f6f2c11@fra.example"


def checked(domain: Domain, domains: Domains, name: str) -> CheckedRecord:
    record = check(domain.files[f"examples/good/{name}.xml"], domains)
    assert isinstance(record, CheckedRecord)
    return record


def events(returns: Domain, domains: Domains, case: str = OWN) -> list[Event]:
    """The examples as the messages of one case, each having seen all before it."""
    found: list[Event] = []
    count = {REQUESTING: 0, REQUESTED: 0}
    sent = [
        ("full-application", REQUESTING, APPLICATION, OWN),
        ("reply-for-each-person", REQUESTED, "r1", OWN),
        ("travel-document", REQUESTED, "r2", OWN),
        ("transfer-notice", REQUESTING, "a2", OWN),
        ("transfer-confirmation", REQUESTED, "r3", OWN),
        ("transfer-outcome", REQUESTED, "r4", OWN),
    ]
    for day, (name, role, message, conversation) in enumerate(sent):
        count[role] += 1
        at = T0 + timedelta(hours=day)
        other = REQUESTED if role == REQUESTING else REQUESTING
        facts = MessageFacts(message, role, conversation, at, Span.at(at), count[role], count[other])
        found += events_of(facts, acts_in(checked(returns, domains, name), returns), case)
    return found


def test_a_case_goes_from_records_to_states(returns: Domain, domains: Domains) -> None:
    assert isinstance(returns.procedure, Procedure)
    found = view(returns.procedure, PlainTerms(), events(returns, domains), T0 + timedelta(hours=9))
    assert found.persons["p1"].state == "transferred"
    assert found.persons["p2"].state == "refused"
    # An accelerated application cannot be extended, so that p3 is applied for still; the notice names p3 all the same.
    assert found.persons["p3"].state == "applied"
    assert {(one.event, one.persons, one.reason) for one in found.findings} == {
        ("r1", ("p3",), "period"), ("a2", ("p3",), "state"), ("r3", ("p3",), "state")
    }  # fmt: skip


def test_a_charter_brings_each_case_its_own_acts(returns: Domain, domains: Domains) -> None:
    here, there = events(returns, domains), events(returns, domains, OTHER)
    assert [(one.id, one.act, sorted(one.persons), one.index) for one in there] == [
        ("a2", "announce-transfer", ["p1"], 1), ("r4", "report-no-arrival", ["p1"], 1)
    ]  # fmt: skip
    assert not {one.key for one in here} & {one.key for one in there}


def test_an_act_on_paper_that_both_record_is_one(returns: Domain, domains: Domains) -> None:
    assert isinstance(returns.procedure, Procedure)
    shared = domains.named("administrative")
    assert shared is not None
    told = stated_in(checked(shared, domains, "act-on-paper"))
    assert told is not None
    known = [one for one in events(returns, domains) if one.id == APPLICATION and one.act != "request-interview"]
    known = [replace(one, act="apply") for one in known]
    ours = event_on_paper("by-hand-1", told, REQUESTING, T0 + timedelta(days=5))
    theirs = event_on_paper("message-1", told, REQUESTED, T0 + timedelta(days=6))
    at = T0 + timedelta(days=7)
    alone = view(returns.procedure, PlainTerms(), [*known, ours], at, own=REQUESTING)
    assert (alone.persons["p1"].state, alone.persons["p1"].agreed) == ("accepted", "applied")
    both = view(returns.procedure, PlainTerms(), [*known, ours, theirs], at, own=REQUESTING)
    assert both.persons["p1"].agreed == "accepted"
    assert [one.kind for one in both.findings] == []
