"""What one party to a case has asked and the other has not answered yet, where no period runs for it.

Two kinds: a question that an act opened and another act answers, and an act that waits for the other party's consent.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from node.records.procedure_events import Event, Terms
from node.records.procedure_states import PersonState, Replayed
from node.records.procedures import BY_TERMS, CONSENT, EITHER, ROLES, Procedure, other_role


@dataclass(frozen=True, slots=True)
class Asked:
    """The act `act` of the message `event`, which `awaits` (a role) has to answer; `question` is what it opened, or
    CONSENT. `since`: when it was received, or sent as long as that is not known. `answered`: by a message of ours that
    waits for its receipt."""

    question: str
    event: str
    act: str
    awaits: str
    persons: tuple[str, ...]
    since: datetime
    answered: bool


def asked(
    procedure: Procedure, terms: Terms, state: Replayed, expected: Replayed, events: Sequence[Event]
) -> tuple[Asked, ...]:
    """What waits for an answer in the reading `state`, which came of `events`; oldest first.

    What nobody can answer any more in the states that the persons have come to is left out.
    """
    found = [
        *_questions(procedure, terms, state, expected, events),
        *_proposals(procedure, terms, state, expected, events),
    ]
    return tuple(sorted(found, key=lambda one: (one.since, one.event, one.question)))


def _questions(
    procedure: Procedure, terms: Terms, state: Replayed, expected: Replayed, events: Sequence[Event]
) -> Iterator[Asked]:
    opening = {(one.act, one.opens) for one in procedure.transitions if one.opens}
    by_id = {(one.id, question): one for one in events for act, question in opening if one.act == act}
    for question, messages in state.open.items():
        for message, asker in messages.items():
            awaits, event = other_role(asker), by_id[message, question]
            persons = [
                name
                for name, here in state.persons.items()
                if (not event.persons or not procedure.per_person or name in event.persons)
                and _may_answer(procedure, terms, here, question, awaits)
            ]
            if persons:
                answered = message not in expected.open.get(question, {})
                yield Asked(question, message, event.act, awaits, tuple(persons), _since(event), answered)


def _may_answer(procedure: Procedure, terms: Terms, here: PersonState, question: str, role: str) -> bool:
    return any(
        question in one.answered and role in roles_of(one.who, terms) for one in procedure.from_state(here.state)
    )


def _proposals(
    procedure: Procedure, terms: Terms, state: Replayed, expected: Replayed, events: Sequence[Event]
) -> Iterator[Asked]:
    by_id: Mapping[tuple[str, str], Event] = {(one.id, one.act): one for one in events}
    waiting: dict[tuple[str, str, str], list[str]] = {}
    for name, here in state.persons.items():
        for message, proposal in here.proposals.items():
            proposed = procedure.transitions[proposal.transition]
            awaits = other_role(proposal.by)
            may = any(one.consents and awaits in roles_of(one.who, terms) for one in procedure.from_state(here.state))
            if may and here.state in proposed.sources and proposal.concerning not in here.void:
                waiting.setdefault((message, proposed.act, awaits), []).append(name)
    for (message, act, awaits), persons in waiting.items():
        answered = not any(message in expected.persons[name].proposals for name in persons if name in expected.persons)
        yield Asked(CONSENT, message, act, awaits, tuple(persons), _since(by_id[message, act]), answered)


def _since(event: Event) -> datetime:
    return event.sent if event.received is None else event.received.earliest


def role_awaited(awaits: str | None, terms: Terms) -> str | None:
    """The one role that a period waits for, where it is one."""
    if awaits is not None and awaits.startswith(BY_TERMS):
        return terms.party(awaits.removeprefix(BY_TERMS))
    return None if awaits == EITHER else awaits


def roles_of(who: str, terms: Terms) -> tuple[str, ...]:
    """The roles that `who` of a transition is, under these terms."""
    if who == EITHER:
        return ROLES
    role = role_awaited(who, terms)
    return () if role is None else (role,)
