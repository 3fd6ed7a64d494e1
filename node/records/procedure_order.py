"""Which act came before which, from what the messages say of themselves: the same on both sides.

A message comes after all that its writer had written before it and after all that the writer had seen. Where a message
says nothing of that (another make of node, paper), its instant decides. What is left is concurrent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from node.records.procedure_events import Event
from node.records.procedures import ROLES

_GRACE = timedelta(minutes=2)  # what a message had seen is settled shortly before its own time is


@dataclass(frozen=True, slots=True)
class Order:
    """`before[i]` are the positions of the events that come before the one at i; `at[i]` its settled instant."""

    before: tuple[frozenset[int], ...]
    at: tuple[datetime, ...]
    ours_alone: bool
    """Some message states no sequence: the other side need not see the same order."""


def arrange(events: Sequence[Event], instants: Sequence[datetime]) -> Order:
    """`instants` are when the events count, as far as is known. What was seen cannot be later than what saw it."""
    before: list[set[int]] = [set() for _ in events]
    seen = _highest_seen(events)
    for i, one in enumerate(events):
        for j, other in enumerate(events):
            if i == j or not (_in_a_row(one) and _in_a_row(other)):
                continue
            own = one.writer == other.writer
            if _place(other) < _place(one) if own else (other.sequence or 0) <= seen[i]:
                before[i].add(j)
    at = list(instants)
    for i, _ in enumerate(events):
        for j in before[i]:
            at[j] = min(at[j], instants[i])
    for i, one in enumerate(events):
        for j, other in enumerate(events):
            if i == j or (_in_a_row(one) and _in_a_row(other)):
                continue
            if _moment(other, at[j]) < _moment(one, at[i]):
                before[i].add(j)
    foreign = any(one.sequence is None and not one.on_paper for one in events)
    return Order(tuple(map(frozenset, before)), tuple(at), foreign)


def _highest_seen(events: Sequence[Event]) -> list[int]:
    """What each writer had seen at least: one that says less than before has not forgotten it."""
    result = [0] * len(events)
    for role in ROLES:
        row = [i for i, one in enumerate(events) if one.writer == role and _in_a_row(one)]
        row.sort(key=lambda i: events[i].sequence or 0)
        highest = 0
        for i in row:
            highest = max(highest, events[i].seen or 0)
            result[i] = highest
    return result


def _in_a_row(event: Event) -> bool:
    """Whether its place among the messages is known. What was done on paper counts from when it was done."""
    return event.sequence is not None and not event.on_paper


def _place(event: Event) -> tuple[int, str, int]:
    return (event.sequence or 0, event.id, event.index)


def _moment(event: Event, at: datetime) -> tuple[datetime, bool, str, str, int]:
    return (at, not _in_a_row(event), *event.key)


def said_unseen(events: Sequence[Event]) -> list[tuple[Event, Event]]:
    """(message, earlier message of the other side) where the writer says that it had not seen what it had receipted."""
    found = []
    for one in events:
        for other in events:
            if (
                one.writer != other.writer
                and _in_a_row(one)
                and _in_a_row(other)
                and other.received is not None
                and other.received.latest is not None
                and other.received.latest + _GRACE < one.sent
                and (other.sequence or 0) > (one.seen or 0)
            ):
                found.append((one, other))
    return found


def heads(order: Order, remaining: Mapping[int, None]) -> list[int]:
    """The events that nothing remaining comes before; where messages contradict each other, the earliest of all."""
    found = [i for i in remaining if not any(j in remaining for j in order.before[i])]
    return found or [min(remaining, key=lambda i: (order.at[i], i))]
