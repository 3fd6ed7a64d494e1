"""Who takes part in a case, and who has each side of it now, as its acts say: alike on both sides."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from node.records.procedure_events import Event
from node.records.procedures import ADDED, GIVEN_TO, PUT_IN_PLACE, REMOVED


@dataclass(frozen=True, slots=True)
class Participant:
    """A party that an act names. `since` and `until` are days as written there, None where no act states one; `by` is
    the role that said so last, in the message `event`."""

    party: str
    since: str | None
    until: str | None
    by: str
    event: str


def participants_of(changes: Sequence[tuple[str, Event]]) -> tuple[Participant, ...]:
    """The parties that were added, removed or took another's place, in the order in which they were first named.

    `changes` are in the order in which they count: of one party the last one holds.
    """
    found: dict[str, Participant] = {}
    for change, event in changes:
        if change in (ADDED, PUT_IN_PLACE) and event.party is not None:
            found[event.party] = Participant(event.party, event.day, None, event.actor, event.id)
        gone = event.party if change == REMOVED else event.instead_of if change == PUT_IN_PLACE else None
        if gone is not None:
            before = found.get(gone, Participant(gone, None, None, event.actor, event.id))
            found[gone] = replace(before, until=event.day, by=event.actor, event=event.id)
    return tuple(found.values())


def given_to(changes: Sequence[tuple[str, Event]]) -> dict[str, Event]:
    """By role the latest act by which that side forwarded the case."""
    return {event.actor: event for change, event in changes if change == GIVEN_TO}
