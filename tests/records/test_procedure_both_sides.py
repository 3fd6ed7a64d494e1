"""Two honest nodes come to the same state whatever the network does, one side alone gains nothing, a replay agrees."""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.records import Domain, Domains
from node.records.procedure_events import PENDING, SETTLED, UNDONE, Event, Span
from node.records.procedure_stored import read_event, write_event
from node.records.procedure_view import CaseView, view
from node.records.procedures import BY_TERMS, PREVIOUS, REQUESTED, REQUESTING, ROLES, Procedure, other_role
from tests.records.procedure_terms import DAYS, PlainTerms

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
TERMS = PlainTerms(
    days={**DAYS, "data": 14, "consultation": 7, "transit-reply": 5, "transit-consent": 30, "transit-submission": 2},
    parties={"travel-document": REQUESTED, "travel-document-instead": REQUESTING},
)
PERSONS = ("p1", "p2", "p3")
FAR = T0 + timedelta(days=2000)


@pytest.fixture(scope="module")
def procedure(returns: Domain) -> Procedure:
    assert isinstance(returns.procedure, Procedure)
    return returns.procedure


@dataclass
class Side:
    """What one node holds: its events by message and act, and what it has processed of the other's."""

    role: str
    events: dict[tuple[str, str, int], Event] = field(default_factory=dict)
    sent: int = 0
    seen: int = 0

    def take(self, event: Event) -> None:
        self.events[event.key] = event

    def look(self, procedure: Procedure, at: datetime) -> CaseView:
        return view(procedure, TERMS, list(self.events.values()), at, own=self.role)


@dataclass
class World:
    """Two nodes and the network between them: messages of one direction stay in order, receipts come when they come."""

    procedure: Procedure
    random: Random
    now: datetime = T0
    sides: dict[str, Side] = field(default_factory=lambda: {role: Side(role) for role in ROLES})
    under_way: dict[str, list[Event]] = field(default_factory=lambda: {role: [] for role in ROLES})
    receipts: list[Event] = field(default_factory=list)

    @property
    def moving(self) -> set[str]:
        """Acts that change a state or a clock: the others are many, and would crowd them out."""
        return {one.act for one in self.procedure.transitions if one.moves or one.opens or one.answers}

    def act(self, role: str) -> None:
        side = self.sides[role]
        possible = [one for one in side.look(self.procedure, self.now).possible if one.who == role]
        if not possible:
            return
        moving = [one for one in possible if one.act in self.moving] or possible
        chosen = self.random.choice(moving if self.random.random() < 0.9 else possible)
        persons = chosen.persons or PERSONS[: self.random.randint(1, 3)]
        side.sent += 1
        opened = next((one.id for one in side.events.values() if self.procedure.acts[one.act].declares), None)
        event = Event(
            id=f"{role}-{side.sent}", act=chosen.act, actor=role, sent=self.now, sequence=side.sent, seen=side.seen,
            persons=frozenset(self.random.sample(persons, self.random.randint(1, len(persons)))),
            concerning=self.random.choice(chosen.of) if chosen.of else opened,
            until=date(2026, 3, 14) + timedelta(days=self.random.randint(0, 200)), status=PENDING,
            day=f"{date(2025, 3, 1) + timedelta(days=self.random.randint(0, 500))}",
        )  # fmt: skip
        side.take(event)
        self.under_way[role].append(event)

    def deliver(self, role: str) -> None:
        """The next message of `role` arrives and is receipted; the receipt is under way."""
        if self.under_way[role]:
            event = self.under_way[role].pop(0)
            received = replace(event, status=SETTLED, received=Span.at(self.now))
            other = self.sides[other_role(role)]
            other.take(received)
            other.seen = max(other.seen, event.sequence or 0)
            self.receipts.append(received)

    def bring_receipt(self) -> None:
        if self.receipts:
            event = self.receipts.pop(self.random.randrange(len(self.receipts)))
            self.sides[event.actor].take(event)

    def refuse(self, role: str) -> None:
        """The last message of `role` that is still under way is taken back."""
        if self.under_way[role]:
            event = self.under_way[role].pop()
            self.sides[role].take(replace(event, status=UNDONE))

    def run(self, steps: list[int]) -> None:
        for step in steps:
            self.now += timedelta(hours=self.random.choice((0, 1, 5, 20)))
            role = ROLES[step % 2]
            if step < 8:
                self.act(role)
            elif step < 12:
                self.deliver(role)
            elif step < 15:
                self.bring_receipt()
            else:
                self.refuse(role)

    def settle(self) -> None:
        while any(self.under_way.values()) or self.receipts:
            self.now += timedelta(hours=1)
            for role in ROLES:
                self.deliver(role)
            self.bring_receipt()


def told(found: CaseView) -> object:
    """All of a view that both sides must agree on."""
    own = {"undone", "said-unseen"}
    return (
        found.state, {name: (one.state, one.agreed, one.since) for name, one in found.persons.items()}, found.deadlines,
        found.steps, sorted(found.possible, key=repr),
        [one for one in found.findings if one.kind not in own], found.pending, found.timely,
    )  # fmt: skip


STEPS = st.lists(st.integers(0, 15), min_size=8, max_size=40)


@pytest.mark.parametrize("name", ["returns", "inquiry"])
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), steps=STEPS)
def test_two_honest_nodes_end_in_the_same_state(domains: Domains, name: str, seed: int, steps: list[int]) -> None:
    domain = domains.named(name)
    assert domain is not None
    procedure = domain.procedure
    assert isinstance(procedure, Procedure)
    world = World(procedure, Random(seed))
    world.act(REQUESTING)
    world.run(steps)
    world.settle()
    for at in (world.now, world.now + timedelta(days=20), FAR):
        first, second = (world.sides[role].look(procedure, at) for role in ROLES)
        assert told(first) == told(second)
        agreed = view(procedure, TERMS, list(world.sides[REQUESTING].events.values()), at)
        assert {name: one.state for name, one in agreed.persons.items()} == {
            name: one.agreed for name, one in first.persons.items()
        }


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), steps=STEPS)
def test_order_and_repetition_of_what_came_do_not_matter(procedure: Procedure, seed: int, steps: list[int]) -> None:
    world = World(procedure, Random(seed))
    world.act(REQUESTING)
    world.run(steps)
    for side in world.sides.values():
        expected = side.look(procedure, world.now)
        events = list(side.events.values())
        events += [replace(one, status=PENDING, received=None) for one in events if one.status == SETTLED]
        world.random.shuffle(events)
        assert told(view(procedure, TERMS, events, world.now, own=side.role)) == told(expected)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), steps=STEPS)
def test_a_stored_case_gives_the_stored_state(procedure: Procedure, seed: int, steps: list[int]) -> None:
    world = World(procedure, Random(seed))
    world.act(REQUESTING)
    world.run(steps)
    for side in world.sides.values():
        stored = json.loads(json.dumps([write_event(one) for one in side.events.values()]))
        events = [read_event(row) for row in stored]
        assert events == list(side.events.values())
        assert view(procedure, TERMS, events, world.now, own=side.role) == side.look(procedure, world.now)


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


@settings(max_examples=120, deadline=None)
@given(
    seed=st.integers(0, 2**32), role=st.sampled_from(ROLES), length=st.integers(1, 12),
    base=st.sampled_from([(), ("accept",), ("refuse",), ("accept", "issue-document"), ("extend",), ("acknowledge",)]),
)  # fmt: skip
def test_one_side_alone_gains_no_right(
    procedure: Procedure, seed: int, role: str, length: int, base: tuple[str, ...]
) -> None:
    random = Random(seed)
    persons = frozenset({"p1"})
    start = Span.at(T0)
    events = [Event("a1", "apply", REQUESTING, T0, start, 1, 0, persons=persons)]
    for number, act in enumerate(base, 1):
        at = T0 + timedelta(days=number)
        events.append(
            Event(f"b{number}", act, REQUESTED, at, Span.at(at), number, 1, persons=persons, until=date(2026, 9, 1))
        )
    known = [one.id for one in events]
    own = sum(one.actor == role for one in events)
    at = T0 + timedelta(days=len(base))
    for number in range(own + 1, own + 1 + length):
        # It says and dates whatever it likes; what it cannot do is make the other side's messages or receipts.
        at += timedelta(days=random.choice((0, 1, 4, 30)))
        name = f"{role}-{number}"
        events.append(
            Event(
                name, random.choice(sorted(procedure.acts)), role, at - timedelta(days=random.choice((0, 0, 40))),
                Span.at(at), number, random.randint(0, 20), persons=random.choice((persons, frozenset(), {"p7"})),
                concerning=random.choice([None, *known]), until=date(2026, 3, 3) + timedelta(random.randint(0, 900)),
                occurred=T0 - timedelta(days=random.randint(0, 90)),
            )
        )  # fmt: skip
        known.append(name)
    others = {one.act for one in events if one.actor != role}
    reach = within_reach(procedure, role, others)
    for when in (at, at + timedelta(days=3), FAR):
        found = view(procedure, TERMS, events, when)
        for person in found.persons.values():
            assert person.state in reach
        for deadline in found.deadlines:
            if deadline.period == "reply" and deadline.end is not None:
                least = deadline.start.earliest + timedelta(days=10)
                assert least <= deadline.end.earliest <= least + timedelta(days=6)
