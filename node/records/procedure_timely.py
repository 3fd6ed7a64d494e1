"""Acts that have to come within a period: whether each came in time, and until when one that has not arrived may come.

The period counts from a day that the act states (when a stay became known), or back from it (a planned transfer). An
act that comes late counts all the same: both sides are told that it did, and the law of the two says what follows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from node.records.procedure_events import PENDING, SENT, Event, NoEnd, Span, Terms
from node.records.procedure_states import Judged, Replayed
from node.records.procedures import Procedure, Transition

IN_TIME, LATE, DISPUTED, UNKNOWN = "in-time", "late", "disputed", "unknown"
"""How an act stands to the end of its period."""


@dataclass(frozen=True, slots=True)
class Timely:
    """Whether the act of the message `event` came within the period: `day` is when that counts from, or back from.
    Of two periods of which either will do, it is the one that ends later.

    `standing`: in-time, late, disputed (it may be either, by what is known of the instants), unknown (`why`).
    """

    period: str
    act: str
    event: str
    persons: tuple[str, ...]
    day: Span | None
    end: Span | None
    standing: str
    why: str


@dataclass(frozen=True, slots=True)
class ToCome:
    """An act that has to come by `end` and has not: it waits for its receipt, or was made void. `who` has to act."""

    period: str
    act: str
    event: str
    persons: tuple[str, ...]
    who: str
    day: Span
    end: Span


def judge(person: str, event: Event, one: Transition, came: Span, terms: Callable[[str], Terms]) -> Iterator[Judged]:
    """The act `event`, made as the transition `one`, which counts as made at `came`, beside the end of each period that
    it had to come within; none where it states no day. `terms` are those of a period."""
    if event.day is None:
        return
    for period in one.within:
        found = _beside(person, event, event.day, period, came, terms(period))
        for other in one.or_within:
            if event.hindered is not None and terms(other).has(other):
                found = _later(found, _beside(person, event, event.hindered, other, came, terms(other)))
        yield found


def _later(one: Judged, other: Judged) -> Judged:
    """Of two ends of which either will do, the later; the one that is not known where the known one does not do."""
    if one.end is None or (other.end is None and _standing(one) == IN_TIME):
        return one
    return other if other.end is None or other.end.earliest > one.end.earliest else one


def _beside(person: str, event: Event, written: str, period: str, came: Span, terms: Terms) -> Judged:
    """The act `event`, which states the day `written` and counts as made at `came`, beside the end of `period`."""
    day = terms.on_day(period, written)
    if isinstance(day, NoEnd):
        return Judged(person, event, period, came, why=day.reason)
    ends = []
    for start in (day.earliest, day.latest):
        end = start and terms.end(period, start, extended=False, until=None, pauses=())
        if isinstance(end, NoEnd):
            return Judged(person, event, period, came, day, why=end.reason)
        ends.append(end)
    earliest, latest = ends
    return Judged(person, event, period, came, day, None if earliest is None else Span(earliest, latest))


def timely(state: Replayed) -> tuple[Timely, ...]:
    """Of each act of the reading that is judged, once for all its persons, how it stands; voided ones are left out."""
    groups: dict[tuple[tuple[str, str, int], str], tuple[Judged, list[str]]] = {}
    for one in state.judged:
        if one.event.id not in state.persons[one.person].void:
            groups.setdefault((one.event.key, one.period), (one, []))[1].append(one.person)
    return tuple(
        Timely(
            one.period,
            one.event.act,
            one.event.id,
            tuple(sorted(persons)),
            one.day,
            one.end,
            _standing(one),
            one.why,
        )
        for one, persons in groups.values()
    )


def late_text(one: Timely) -> str:
    """In words, by when it should have come."""
    end = None if one.end is None else one.end.latest or one.end.earliest
    return "" if end is None else f"it should have come before {_text(end)}"


def to_come(procedure: Procedure, terms: Terms, state: Replayed, expected: Replayed) -> Iterator[ToCome]:
    """What has to come by an end and has not: acts of ours without a receipt (`expected`), and acts that are void and
    may be made anew. Where acts count when they are sent, one that was sent need not be waited for."""
    groups: dict[tuple[tuple[str, str, int], str, str], tuple[Judged, list[str]]] = {}
    for one in expected.judged:
        here = expected.persons[one.person]
        if one.event.id in here.void:
            anew = [
                step
                for step in procedure.steps(here.state, one.event.act)
                if one.period in (*step.within, *step.or_within)
            ]
            who = anew[0].who if anew and one.person in state.persons else None
        else:
            waits = one.event.status == PENDING and terms.answered() != SENT
            who = one.event.actor if waits else None
        if who is not None and one.end is not None:
            groups.setdefault((one.event.key, one.period, who), (one, []))[1].append(one.person)
    for (_, _, who), (one, persons) in groups.items():
        if one.day is not None and one.end is not None:
            yield ToCome(one.period, one.event.act, one.event.id, tuple(sorted(persons)), who, one.day, one.end)


def _standing(one: Judged) -> str:
    if one.end is None or one.end.latest is None:
        return UNKNOWN
    if one.came.earliest >= one.end.latest:
        return LATE
    return IN_TIME if one.came.latest is not None and one.came.latest < one.end.earliest else DISPUTED


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
