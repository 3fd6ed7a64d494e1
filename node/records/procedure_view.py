"""A case as its procedure shows it at an instant: where it stands, what may be done next and by whom, what is due.

Three readings of the same acts stand side by side. `agreed`: what the messages of both sides say, the same on both
nodes once both have them. `state`: with what we alone have stated of acts on paper. `expected`: with our own acts, too,
that wait for their receipts.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from node.records.procedure_asked import Asked, asked, role_awaited
from node.records.procedure_events import (
    PENDING,
    RECEIVED,
    SETTLED,
    UNDONE,
    Event,
    Span,
    Terms,
    without_repeats,
)
from node.records.procedure_order import said_unseen
from node.records.procedure_paper import join_statements, told_besides
from node.records.procedure_participants import Participant, given_to, participants_of
from node.records.procedure_possible import Possible, possible
from node.records.procedure_replay import replay
from node.records.procedure_states import OutOfStep, Passed, PersonState, Replayed, Running
from node.records.procedure_timely import LATE, Timely, late_text, timely, to_come
from node.records.procedure_versions import Version, current_versions
from node.records.procedures import EITHER, Procedure, other_role

ENDED, PAUSED, UNKNOWN, DISPUTED, OPEN = "ended", "paused", "unknown", "disputed", "open"
"""How a period stands."""
_UNTOLD = "both sides state it, and the other side has not been told so"


@dataclass(frozen=True, slots=True)
class PersonView:
    """One person: the state in each of the three readings, and since when and by what the first holds."""

    state: str
    agreed: str | None
    expected: str
    since: Span | None
    by_silence: bool


@dataclass(frozen=True, slots=True)
class Deadline:
    """A period that runs, or has ended without effect, for these persons.

    `standing`: open, paused, ended, disputed (it lies between two instants, or its start is doubted), unknown (`why`).
    """

    period: str
    persons: tuple[str, ...]
    awaits: str | None
    start: Span
    end: Span | None
    standing: str
    extended: bool
    started_by: str
    why: str
    act: str | None = None
    """The act that has to come by the end, where no period runs: it waits for its receipt, or was made void."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a person should know of the case: `kind`, the message or period that it is about, and why."""

    kind: str
    persons: tuple[str, ...] = ()
    event: str | None = None
    period: str | None = None
    reason: str = ""
    misfit: OutOfStep | None = field(default=None, repr=False, compare=False)
    """The act that is out of step, where it is about one."""


@dataclass(frozen=True, slots=True)
class CaseView:
    """`state` of the case is the first, in the procedure's order, that any of its persons is in."""

    state: str
    persons: Mapping[str, PersonView]
    deadlines: tuple[Deadline, ...]
    possible: tuple[Possible, ...]
    findings: tuple[Finding, ...]
    steps: tuple[Passed, ...]
    pending: tuple[str, ...]
    """Our own messages that wait for their receipts."""
    asked: tuple[Asked, ...] = ()
    """What one side waits for the other to answer, under no period."""
    timely: tuple[Timely, ...] = ()
    """Whether acts that have to come within a period did."""
    participants: tuple[Participant, ...] = ()
    """Who takes part besides the two parties, and who of these no longer does, as its acts say."""
    given_to: Mapping[str, Event] = field(default_factory=dict)
    """By role the act by which that side gave its part of the case to another authority, the latest one."""
    versions: tuple[Version, ...] = ()
    """Which message is the current version of each document that has a new one."""
    expected_deadlines: tuple[Deadline, ...] = ()
    """What `deadlines` would hold besides, or otherwise, once our own messages have their receipts. Of a message
    without a receipt the end has no latest instant that is known."""


def view(
    procedure: Procedure,
    terms: Terms,
    events: Sequence[Event],
    now: datetime,
    *,
    own: str | None = None,
    heard_until: datetime | None = None,
    kept: Mapping[tuple[str, str], Terms] | None = None,
    held: Callable[[datetime], Terms] | None = None,
    offer: bool = True,
) -> CaseView:
    """The case at `now`, a function of what is given alone.

    `own` is the role of the party whose node looks (None: somebody who only has the messages). `heard_until`: the
    instant up to which all that the other side sent is known here. `kept` and `held`: as in `replay`.
    Without `offer` nothing is said of what may be done next, which costs as much as all else.
    """
    settled = [settle(one, events, terms, now) for one in without_repeats(events)]
    besides = told_besides(settled)
    acts = join_statements([one for one in settled if one.status != UNDONE and one not in besides])

    def read(wanted: Sequence[Event]) -> Replayed:
        return replay(procedure, terms, wanted, now, kept, held)

    done = [one for one in acts if one.status == SETTLED]
    both = [one for one in done if one.stated_by is None and not one.by_hand]
    known = [one for one in done if one.stated_by in (None, own)]
    wanted = [one for one in acts if one.stated_by in (None, own)]
    state = read(known)
    agreed = state if len(both) == len(known) else read(both)
    expected = state if len(wanted) == len(known) else read(wanted)
    nobody = PersonState(procedure.start)
    persons = {
        name: _person(name, state.persons.get(name, nobody), agreed, expected, state.steps)
        for name in sorted({*state.persons, *expected.persons})
    }
    unsettled = [one for one in acts if one.status == PENDING]
    in_time = timely(state)
    found = [
        *_out_of_step(state),
        *_late(in_time),
        *_of_messages(settled, acts, state),
        *_may_have_been_answered(procedure, terms, state, unsettled, own, heard_until, now),
    ]
    states = {one.state for one in state.persons.values()}
    return CaseView(
        state=next((name for name in procedure.states if name in states), procedure.start),
        persons=persons,
        deadlines=_in_order([*_running(procedure, state, now), *_to_come(procedure, terms, state, expected, now)]),
        # What we have sent ourselves we need not be offered again, though its receipt is still to come.
        possible=tuple(
            one
            for reading, ours in ((expected, True), (state, False))
            for one in possible(procedure, terms, reading)
            if (one.who == own) is ours
        )
        if offer
        else (),
        findings=tuple(found),
        steps=state.steps,
        pending=tuple(sorted({one.id for one in (*unsettled, *besides)})),
        asked=asked(procedure, terms, state, expected, known),
        timely=in_time,
        versions=current_versions(state.renewed),
        participants=participants_of(state.parties),
        given_to=given_to(state.parties),
        expected_deadlines=_expected(procedure, state, expected, now),
    )


def _person(name: str, here: PersonState, agreed: Replayed, expected: Replayed, steps: Sequence[Passed]) -> PersonView:
    """A person whom only an act that waits for its receipt names stands at the beginning, and is expected further."""
    return PersonView(
        state=here.state,
        agreed=agreed.persons[name].state if name in agreed.persons else None,
        expected=expected.persons[name].state if name in expected.persons else here.state,
        since=here.since,
        by_silence=any(step.period for step in steps if step.person == name and step.at == here.since),
    )


def settle(event: Event, events: Sequence[Event], terms: Terms, now: datetime) -> Event:
    """A pending act that the other side has seen, or that by the terms counts without a receipt, is settled."""
    if event.status != PENDING:
        return event
    seen = [
        other.sent
        for other in events
        if other.writer != event.writer
        and other.status == SETTLED
        and event.sequence is not None
        and event.sequence <= (other.seen or 0)
    ]
    if seen:
        latest = max(event.sent, min(seen))
        return replace(event, status=SETTLED, received=event.received or Span(event.sent, latest))
    rule = terms.without_receipt()
    if rule is None or now < event.sent + rule[0]:
        return event
    return replace(event, status=SETTLED if rule[1] else UNDONE)


def _out_of_step(state: Replayed) -> list[Finding]:
    return [
        Finding("out-of-step", one.persons, one.event.id, reason=one.reason, misfit=one) for one in state.out_of_step
    ]


def _late(in_time: Sequence[Timely]) -> list[Finding]:
    return [
        Finding(LATE, one.persons, one.event, one.period, late_text(one)) for one in in_time if one.standing == LATE
    ]


def _of_messages(settled: Sequence[Event], acts: Sequence[Event], state: Replayed) -> list[Finding]:
    found = [
        Finding("undone", tuple(sorted(one.persons)), one.id, reason=one.act) for one in settled if one.status == UNDONE
    ]
    found += [
        Finding("one-sided", tuple(sorted(one.persons)), one.id, reason=one.stated_by)
        for one in acts
        if one.stated_by is not None
    ]
    found += [
        Finding("untold", tuple(sorted(one.persons)), one.id, reason=_UNTOLD)
        for one in acts
        if one.stated_by is None and one.by_hand
    ]
    found += [Finding("disputed-time", tuple(sorted(one.persons)), one.id) for one in settled if one.disputed]
    unseen = sorted({(one.id, other.id) for one, other in said_unseen(settled)})
    found += [Finding("said-unseen", event=one, reason=other) for one, other in unseen]
    if state.ours_alone:
        found.append(Finding("ours-alone"))
    return found


def _may_have_been_answered(
    procedure: Procedure,
    terms: Terms,
    state: Replayed,
    unsettled: Sequence[Event],
    own: str | None,
    heard_until: datetime | None,
    now: datetime,
) -> list[Finding]:
    """Periods that have ended by what is known here, while an answer from before their end may be on its way."""
    found: dict[tuple[str, str], Finding] = {}
    for name, here in state.persons.items():
        for one in (*here.running, *here.stopped):
            period = procedure.periods[one.period]
            if one.end is None or one.end.earliest > now or not period.effects:
                continue
            if not one.over and one in here.stopped:
                continue
            role = role_awaited(period.awaits, terms)
            own_answer = [
                event
                for event in unsettled
                if event.actor in (role or event.actor, EITHER)
                and event.sent < (one.end.latest or event.sent)
                and (not event.persons or name in event.persons)
            ]
            unheard = (
                role is not None
                and own == other_role(role)
                and terms.answered() != RECEIVED
                and (heard_until is None or one.end.latest is None or heard_until < one.end.latest)
            )
            if own_answer or unheard:
                key = (one.period, one.started_by)
                before = found.get(key, Finding("may-have-been-answered", (), None, one.period))
                found[key] = replace(before, persons=(*before.persons, name))
    return list(found.values())


def _running(procedure: Procedure, state: Replayed, now: datetime) -> list[Deadline]:
    groups: dict[tuple[str, str, Span | None, bool], tuple[Running, list[str]]] = {}
    for name, here in state.persons.items():
        for one in here.running:
            _, persons = groups.setdefault((one.period, one.started_by, one.end, one.over), (one, []))
            persons.append(name)
    return [
        Deadline(
            period=one.period,
            persons=tuple(persons),
            awaits=procedure.periods[one.period].awaits,
            start=one.start,
            end=one.end,
            standing=_standing(one, now),
            extended=one.extended,
            started_by=one.started_by,
            why=one.why,
        )
        for one, persons in groups.values()
    ]


def _expected(procedure: Procedure, state: Replayed, expected: Replayed, now: datetime) -> tuple[Deadline, ...]:
    if expected is state:
        return ()
    known = {(one.period, one.started_by, one.end, one.persons) for one in _running(procedure, state, now)}
    return _in_order(
        [
            one
            for one in _running(procedure, expected, now)
            if (one.period, one.started_by, one.end, one.persons) not in known
        ]
    )


def _to_come(
    procedure: Procedure, terms: Terms, state: Replayed, expected: Replayed, now: datetime
) -> Iterator[Deadline]:
    for one in to_come(procedure, terms, state, expected):
        over = one.end.latest is not None and one.end.latest <= now
        standing = ENDED if over else DISPUTED if one.end.earliest <= now else OPEN
        yield Deadline(one.period, one.persons, one.who, one.day, one.end, standing, False, one.event, "", one.act)


def _in_order(found: Sequence[Deadline]) -> tuple[Deadline, ...]:
    far = datetime.max.replace(tzinfo=UTC)
    return tuple(sorted(found, key=lambda one: (one.end.earliest if one.end else far, one.period, one.started_by)))


def _standing(one: Running, now: datetime) -> str:
    if one.over:
        return ENDED
    if one.paused:
        return PAUSED
    if one.end is None:
        return UNKNOWN
    return DISPUTED if one.disputed or one.end.earliest <= now else OPEN
