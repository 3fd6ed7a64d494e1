"""Two honest nodes come to the same state whatever the network does, one side alone gains nothing, a replay agrees."""

import json
from dataclasses import replace
from datetime import date, timedelta
from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.records import Domains
from node.records.procedure_events import PENDING, SETTLED, Event, Span
from node.records.procedure_stored import read_event, write_event
from node.records.procedure_view import CaseView, view
from node.records.procedures import BY_TERMS, PREVIOUS, REQUESTED, REQUESTING, ROLES, Procedure, other_role
from tests.records.procedure_world import CASES, FAR, T0, TERMS, World


def told(found: CaseView) -> object:
    """All of a view that both sides must agree on."""
    own = {"undone", "said-unseen"}
    return (
        found.state, {name: (one.state, one.agreed, one.since) for name, one in found.persons.items()}, found.deadlines,
        found.steps, sorted(found.possible, key=repr),
        [one for one in found.findings if one.kind not in own], found.pending, found.timely,
    )  # fmt: skip


STEPS = st.lists(st.integers(0, 19), min_size=8, max_size=40)


def run_of(domains: Domains, name: str, seed: int, steps: list[int]) -> World:
    """What two honest nodes came to by these steps, in cases of the domain."""
    domain = domains.named(name)
    assert domain is not None
    assert isinstance(domain.procedure, Procedure)
    world = World(domain.procedure, Random(seed))
    world.run(steps)
    return world


@pytest.mark.parametrize("name", ["returns", "inquiry"])
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), steps=STEPS)
def test_two_honest_nodes_end_in_the_same_state(domains: Domains, name: str, seed: int, steps: list[int]) -> None:
    """With lists of several cases, mistakes taken back with consent, days off that change, and acts on paper: what both
    say of these, once one side's alone, and once both have stated the same."""
    world = run_of(domains, name, seed, steps)
    world.settle()
    for case, at in product(CASES, (world.now, world.now + timedelta(days=20), FAR)):
        by_both = [told(world.sides[role].look(world.procedure, case, at, from_both=True)) for role in ROLES]
        assert by_both[0] == by_both[1]
        agreed = world.sides[REQUESTING].look(world.procedure, case, at, from_both=True).persons
        for role in ROLES:
            persons = world.sides[role].look(world.procedure, case, at).persons
            assert {who: one.agreed for who, one in persons.items() if one.agreed} == {
                who: one.state for who, one in agreed.items()
            }
    for role in ROLES:
        world.say_the_same(role)
    world.settle()
    for case, at in product(CASES, (world.now, world.now + timedelta(days=20), FAR)):
        first, second = (world.sides[role].look(world.procedure, case, at) for role in ROLES)
        assert not [one for one in first.findings if one.kind == "one-sided"]
        assert told(first) == told(second)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), steps=STEPS)
def test_order_and_repetition_of_what_came_do_not_matter(domains: Domains, seed: int, steps: list[int]) -> None:
    world = run_of(domains, "returns", seed, steps)
    for side, case in product(world.sides.values(), CASES):
        expected = side.look(world.procedure, case, world.now)
        events = side.all_events(case)
        events += [replace(one, status=PENDING, received=None) for one in events if one.status == SETTLED]
        world.random.shuffle(events)
        assert told(side.look(world.procedure, case, world.now, events)) == told(expected)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), steps=STEPS)
def test_a_stored_case_gives_the_stored_state(domains: Domains, seed: int, steps: list[int]) -> None:
    world = run_of(domains, "returns", seed, steps)
    for side, case in product(world.sides.values(), CASES):
        stored = json.loads(json.dumps([write_event(one) for one in side.all_events(case)]))
        events = [read_event(row) for row in stored]
        assert events == side.all_events(case)
        shown = side.look(world.procedure, case, world.now, events)
        assert shown == side.look(world.procedure, case, world.now)


def within_reach(procedure: Procedure, role: str, others: set[str]) -> set[str]:
    """The states that `role` can bring about with its own acts, time, and these acts of the other side."""
    reached = {procedure.start}
    while True:
        more = set()
        for state in reached:
            for one in procedure.from_state(state):
                by_terms = one.who.startswith(BY_TERMS) and TERMS.party(one.who.removeprefix(BY_TERMS)) == role
                mine = one.who in (role, "either") or by_terms
                if (mine and not one.consent) or one.act in others:
                    more.add(one.target or state)
                if one.consent and "consent" in others:
                    more.add(one.target or state)
                if one.consent and one.act in others and mine is False:
                    more.add(one.target or state)
            for period in procedure.periods.values():
                if state in period.runs_in:
                    more |= {one.target or state for one in period.effects if not one.sources or state in one.sources}
        if PREVIOUS in more:
            more = (more - {PREVIOUS}) | reached
        if more <= reached:
            return reached
        reached |= more


BASES = {
    "returns": (
        ("apply",), ("apply", "accept"), ("apply", "refuse"), ("apply", "accept", "issue-document"),
        ("apply", "extend"), ("apply", "acknowledge"), ("apply-transit", "allow-transit"),
    ),
    "inquiry": (
        ("ask",), ("ask", "answer"), ("ask-data", "refuse-data"), ("consult",), ("consult", "object"), ("notify-visa",),
        ("ask", "clarify-request"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BASES)
@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 2**32), role=st.sampled_from(ROLES), length=st.integers(1, 12), base=st.integers(0, 6))
def test_one_side_alone_gains_no_right(
    domains: Domains, name: str, seed: int, role: str, length: int, base: int
) -> None:
    domain = domains.named(name)
    assert domain is not None
    procedure = domain.procedure
    assert isinstance(procedure, Procedure)
    random = Random(seed)
    persons = frozenset({"p1"})
    opening, *answers = BASES[name][base]
    events = [Event("a1", opening, REQUESTING, T0, Span.at(T0), 1, 0, persons=persons)]
    for number, act in enumerate(answers, 1):
        at = T0 + timedelta(days=number)
        events.append(
            Event(f"b{number}", act, REQUESTED, at, Span.at(at), number, 1, persons=persons, until=date(2026, 9, 1))
        )
    known = [one.id for one in events]
    own = sum(one.actor == role for one in events)
    at = T0 + timedelta(days=len(answers))
    on_paper = []
    for number in range(own + 1, own + 1 + length):
        # It says and dates whatever it likes; what it cannot do is make the other side's messages or receipts.
        at += timedelta(days=random.choice((0, 1, 4, 30)))
        id = f"{role}-{number}"
        event = Event(
            id, random.choice(sorted(procedure.acts)), role, at - timedelta(days=random.choice((0, 0, 40))),
            Span.at(at), number, random.randint(0, 20), persons=random.choice((persons, frozenset(), {"p7"})),
            concerning=random.choice([None, *known]), until=date(2026, 3, 3) + timedelta(random.randint(0, 900)),
            occurred=T0 - timedelta(days=random.randint(0, 90)),
        )  # fmt: skip
        if random.random() < 0.3:
            # Of paper it may say, too, that the other side did it, and twice.
            told = replace(event, actor=random.choice(ROLES), channel="fax", stated_by=role, sequence=None, seen=None)
            on_paper += [told, replace(told, id=f"{id}-again")][: random.randint(1, 2)]
        else:
            events.append(event)
        known.append(id)
    others = {one.act for one in events if one.actor != role}
    reach = within_reach(procedure, role, others)
    for when, own_view in product((at, at + timedelta(days=3), FAR), (None, other_role(role))):
        found = view(procedure, TERMS, [*events, *on_paper], when, own=own_view)
        without = view(procedure, TERMS, events, when, own=own_view)
        assert (found.persons, found.deadlines, found.steps, found.possible, found.asked, found.timely) == (
            without.persons, without.deadlines, without.steps, without.possible, without.asked, without.timely,
        )  # fmt: skip
        for person in found.persons.values():
            assert person.state in reach
        for deadline in found.deadlines:
            if deadline.period == "reply" and deadline.end is not None:
                least = deadline.start.earliest + timedelta(days=10)
                assert least <= deadline.end.earliest <= least + timedelta(days=6)
