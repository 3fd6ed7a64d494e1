"""A case as its procedure shows it now: state, what may be done next and by whom, what runs, what is to be known.

The keys are part of the doors (docs/reference/procedure.md). Persons stand in them by their ids within the case.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from node.exchange.case_ends import recorded_ends
from node.exchange.case_events import CaseEvents, events_of_case
from node.exchange.case_reading import AT_ONCE, CaseReading
from node.exchange.case_terms import TermsOfCase, terms_of_case
from node.exchange.listing import instant_text
from node.exchange.node import Node
from node.exchange.paper_scans import recorded_by_hand
from node.exchange.paper_shown import describe_paper
from node.records.domains import Domains
from node.records.procedure_asked import Asked
from node.records.procedure_clock import ClockTerms
from node.records.procedure_events import Span
from node.records.procedure_expected import expected
from node.records.procedure_possible import Possible
from node.records.procedure_states import REASONS, WHOLE_CASE
from node.records.procedure_timely import LATE
from node.records.procedure_view import CaseView, Deadline, Finding, view
from node.records.procedures import BY_TERMS, CONSENT, EITHER, ROLES, Act, Procedure, SharedActs, Source

OURS, THEIRS, BOTH, NOBODY = "ours", "theirs", "both", "nobody"
UNREADABLE = "unreadable"
PARTICIPANT = "participant"
"""The role of a party that is neither of the two."""


@dataclass(frozen=True, slots=True)
class ComputedCase:
    """A case with what came of its acts."""

    case: CaseEvents
    terms: TermsOfCase
    view: CaseView
    domains: Domains

    def awaited(self, deadline: Deadline) -> str:
        """Whose act the period waits for: ours, theirs, both or nobody."""
        role = deadline.awaits
        if role is not None and role.startswith(BY_TERMS):
            role = self.terms.now.party(role.removeprefix(BY_TERMS))
        if role is None:
            return NOBODY
        return BOTH if role == EITHER else OURS if role == self.case.own else THEIRS

    def may_move(self, deadline: Deadline) -> list[dict[str, str]]:
        """The days off, not certain yet, that may move its end: {day, name, calendar}, whose calendar being ours or
        theirs."""
        terms = self.terms.of_period(deadline.period, deadline.started_by, deadline.start)
        if deadline.end is None or not isinstance(terms, ClockTerms):
            return []
        own = self.case.parties[self.case.own]
        return [
            {"day": one.day.isoformat(), "name": one.name, "calendar": OURS if one.party == own else THEIRS}
            for one in terms.may_move(deadline.period, deadline.start, deadline.end)
        ]

    def silence(self, deadline: Deadline) -> str | None:
        """The state that the end brings without an act; None where it only shows that something is overdue."""
        period = self.case.procedure.periods[deadline.period]
        deemed = self.terms.now.silence_accepts(deadline.period)
        effect = period.at_end or (period.deemed if deemed else period.overdue)
        return None if effect is None else effect.target


def compute_case(
    node: Node, connection: Connection, case: Mapping[str, Any], now: datetime | None = None
) -> ComputedCase | None:
    """A case (a row of `exchange_case`) at `now`; None where it runs by no procedure."""
    return next(compute_cases(node, connection, [case], now, offer=True))


def compute_cases(
    node: Node,
    connection: Connection,
    cases: Iterable[Mapping[str, Any]],
    now: datetime | None = None,
    *,
    offer: bool = False,
) -> Iterator[ComputedCase | None]:
    """The same of several cases, in their order; what they share is read once. `offer`: as `procedure_view.view`."""
    rows, at = [*cases], now or node.now()
    reading = CaseReading(node, connection, min((row["id"] for row in rows), default=None))
    for start in range(0, len(rows), AT_ONCE):
        some = rows[start : start + AT_ONCE]
        reading.gather([row["id"] for row in some])
        yield from (_computed(reading, case, at, offer=offer) for case in some)


def _computed(reading: CaseReading, case: Mapping[str, Any], now: datetime, *, offer: bool) -> ComputedCase | None:
    node = reading.node
    others = [party for party in reading.members(case["id"]) if party != node.party]
    if not others:
        return None
    peer = case["opener"] if case["opener"] in others else others[0]
    found = events_of_case(reading, case, peer)
    if found is None:
        return None
    terms = terms_of_case(reading, found)
    seen = view(
        found.procedure,
        terms.now,
        found.events,
        now,
        own=found.own,
        heard_until=found.heard_until,
        kept=terms.kept,
        held=terms.held,
        offer=offer,
    )
    return ComputedCase(found, terms, seen, node.domains)


def describe_case(computed: ComputedCase) -> dict[str, Any]:
    """What `case show` prints of a computed case."""
    case, seen = computed.case, computed.view
    procedure = case.procedure
    persons = [
        {
            "id": name or None,
            "state": one.state,
            "title": procedure.states[one.state],
            "agreed": one.agreed,
            "expected": one.expected,
            "since": _span(one.since),
            "by_silence": one.by_silence,
        }
        for name, one in seen.persons.items()
    ]
    terms = computed.terms.agreed
    expected_state = _first(procedure, [one.expected for one in seen.persons.values()])
    return {
        "title": procedure.title,
        "role": case.own,
        "state": seen.state,
        "state_title": procedure.states[seen.state],
        "agreed": _first(procedure, [one.agreed for one in seen.persons.values()]),
        "expected": expected_state,
        "expected_title": procedure.states[expected_state],
        "turn": turn_of(computed),
        "persons": persons,
        "deadlines": [_deadline(computed, one) for one in seen.deadlines],
        "expected_deadlines": [_deadline(computed, one) for one in seen.expected_deadlines],
        "allowed": [_possible(computed, one) for one in seen.possible if one.who == case.own],
        "allowed_to_them": [_possible(computed, one) for one in seen.possible if one.who != case.own],
        "steps": [
            {
                "person": one.person or None,
                "from": one.source,
                "to": one.target,
                "at": _span(one.at),
                "act": one.act,
                "message": one.event,
                "period": one.period,
            }
            for one in seen.steps
        ],
        "findings": [describe_finding(computed, one) for one in (*seen.findings, *_unread(case))],
        "on_paper": describe_paper(case, OURS, THEIRS),
        "asked": [
            {
                "message": one.event,
                "act": one.act,
                "title": asked_title(procedure, one),
                "question": one.question,
                "awaits": OURS if one.awaits == case.own else THEIRS,
                "persons": _named(one.persons),
                "since": instant_text(one.since),
                "answered": one.answered,
            }
            for one in seen.asked
        ],
        "timely": [
            {
                "period": one.period,
                "title": procedure.periods[one.period].title,
                "act": one.act,
                "message": one.event,
                "persons": _named(one.persons),
                "day": _span(one.day),
                "end": _span(one.end),
                "standing": one.standing,
                "why": one.why or None,
            }
            for one in seen.timely
        ],
        "versions": [
            {"message": one.message, "current": one.current, "updates": list(one.by)} for one in seen.versions
        ],
        "participants": _participants(computed),
        "forwarded": [
            {
                "side": OURS if role == case.own else THEIRS,
                "party": one.party,
                "since": instant_text(one.sent),
                "message": one.id,
            }
            for role, one in sorted(seen.given_to.items())
        ],
        "pending": list(seen.pending),
        "terms": None if terms is None else {"title": terms.title, "digest": terms.digest},
        "calendars": {party: calendar.digest for party, calendar in computed.terms.calendars.items()},
    }


def describe_finding(computed: ComputedCase, one: Finding) -> dict[str, Any]:
    """What `case show` prints of a finding; `expected` in place of an act that does not fit, null of other findings."""
    procedure = computed.case.procedure
    late = None if one.kind != LATE or one.period is None else f"the act within: {procedure.periods[one.period].title}"
    return {
        "kind": one.kind,
        "persons": _named(one.persons),
        "message": one.event,
        "period": one.period,
        "reason": REASONS.get(one.reason, one.reason),
        "expected": late if one.misfit is None else expected(procedure, one.misfit),
    }


def _unread(case: CaseEvents) -> Iterator[Finding]:
    return (Finding(UNREADABLE, event=one, reason="its record is not kept") for one in case.unread)


def _participants(computed: ComputedCase) -> list[dict[str, Any]]:
    """The two parties and who was added; one of whom no act says since when takes part from the beginning."""
    own = computed.case.own
    roles = {party: role for role, party in computed.case.parties.items()}
    named = {one.party: one for one in computed.view.participants}
    found = []
    for party in [*(computed.case.parties[role] for role in ROLES), *(one for one in named if one not in roles)]:
        one = named.get(party)
        found.append(
            {
                "party": party,
                "role": roles.get(party, PARTICIPANT),
                "since": None if one is None else one.since,
                "until": None if one is None else one.until,
                "by": None if one is None else OURS if one.by == own else THEIRS,
                "message": None if one is None else one.event,
            }
        )
    return found


def asked_title(procedure: Procedure, asked: Asked) -> str:
    """In words, what is to be answered."""
    title = procedure.acts[asked.act].title
    return f"consent, or not: {title}" if asked.question == CONSENT else f"to be answered: {title}"


def turn_of(computed: ComputedCase) -> str:
    """Whom running periods and what was asked wait for."""
    awaited = {computed.awaited(one) for one in computed.view.deadlines} - {NOBODY}
    awaited |= {OURS if one.awaits == computed.case.own else THEIRS for one in computed.view.asked}
    return NOBODY if not awaited else awaited.pop() if len(awaited) == 1 else BOTH


def procedure_of(node: Node, connection: Connection, row: Mapping[str, Any]) -> dict[str, Any]:
    """What a case (its row) shows besides the keys of its list: {procedure}, null where it runs by none."""
    computed = compute_case(node, connection, row)
    if computed is None:
        return {"procedure": None}
    described = describe_case(computed) | {"recorded_ends": recorded_ends(connection, row["id"])}
    by_hand = recorded_by_hand(connection, row["id"])
    told = {"recorded_by": None, "recorded_at": None, "scans": 0}
    described["on_paper"] = [one | by_hand.get(one["id"], told) for one in described["on_paper"]]
    return {"procedure": described}


def _deadline(computed: ComputedCase, one: Deadline) -> dict[str, Any]:
    silence = computed.silence(one)
    return {
        "period": one.period,
        "title": computed.case.procedure.periods[one.period].title,
        "persons": _named(one.persons),
        "awaits": computed.awaited(one),
        "start": _span(one.start),
        "end": _span(one.end),
        "may_move": computed.may_move(one),
        "standing": one.standing,
        "silence": silence,
        "extended": one.extended,
        "started_by": one.started_by,
        "act": one.act,
        "why": one.why or None,
    }


def _possible(computed: ComputedCase, one: Possible) -> dict[str, Any]:
    act = computed.case.procedure.acts[one.act]
    service = act.shared or computed.case.domain.namespace
    records = sorted({source.record for source in _sources(computed, act)})
    return {
        "act": one.act,
        "title": act.title,
        "service": service if records else None,
        "records": records,
        "persons": _named(one.persons),
        "needs_consent": one.consent,
        "of": list(one.of),
    }


def _sources(computed: ComputedCase, act: Act) -> tuple[Source, ...]:
    if act.shared is None:
        return act.sources
    domain = computed.domains.find(act.shared)
    shared = None if domain is None else domain.procedure
    return shared.acts[act.name].sources if isinstance(shared, SharedActs) and act.name in shared.acts else ()


def _span(span: Span | None) -> dict[str, str | None] | None:
    return None if span is None else {"earliest": instant_text(span.earliest), "latest": instant_text(span.latest)}


def _named(persons: Sequence[str]) -> list[str]:
    return [one for one in persons if one != WHOLE_CASE]


def _first(procedure: Procedure, states: Sequence[str | None]) -> str:
    return next((name for name in procedure.states if name in states), procedure.start)
