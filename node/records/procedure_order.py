"""Which act came before which, from what the messages say of themselves: the same on both sides.

A message comes after all that its writer had written before it and after all that the writer had seen. Where a message
says nothing of that (another make of node, paper), its instant decides. What is left is concurrent.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate

from node.records.procedure_events import Event
from node.records.procedures import ROLES

_GRACE = timedelta(minutes=2)  # what a message had seen is settled shortly before its own time is


@dataclass(slots=True)
class Order:
    """Events that wait to be taken, first things first. `at[i]` is the instant at which the event at i counts.

    The events of each writer stand in a row, those whose place is not known in a third one, by their instants.
    """

    events: Sequence[Event]
    at: Sequence[datetime]
    ours_alone: bool
    """Some message states no sequence: the other side need not see the same order."""
    _rows: dict[str, list[int]] = field(repr=False)
    _loose: list[int] = field(repr=False)
    _seen: dict[int, int] = field(repr=False)

    def heads(self) -> list[int]:
        """The events that nothing which still waits comes before; where messages contradict each other, the earliest.
        Empty when all are taken."""
        first = {role: row[-1] for role, row in self._rows.items() if row}
        found = []
        for role, i in first.items():
            other = next((j for name, j in first.items() if name != role), None)
            if other is not None and _sequence(self.events[other]) <= self._seen[i]:
                continue
            if self._loose and self._moment(self._loose[-1]) < self._moment(i):
                continue
            found.append(i)
        if self._loose and all(self._moment(self._loose[-1]) < self._moment(i) for i in first.values()):
            found.append(self._loose[-1])
        if found or not first:
            return sorted(found)
        return [min(first.values(), key=self._moment)]

    def take(self, i: int) -> None:
        """One of the heads is taken."""
        for row in (*self._rows.values(), self._loose):
            if row and row[-1] == i:
                row.pop()
                return

    def _moment(self, i: int) -> tuple[datetime, bool, str, str, int]:
        return (self.at[i], not _in_a_row(self.events[i]), *self.events[i].key)


def arrange(events: Sequence[Event], instants: Sequence[datetime]) -> Order:
    """`instants` are when the events count, as far as is known. What was seen cannot be later than what saw it."""
    rows = {
        role: [
            i
            for _, i in sorted(
                (_place(one), i) for i, one in enumerate(events) if one.writer == role and _in_a_row(one)
            )
        ]
        for role in ROLES
    }
    seen: dict[int, int] = {}
    earliest: dict[str, list[datetime]] = {}
    for role, row in rows.items():
        # One that says that it had seen less than before has not forgotten it.
        seen |= zip(row, accumulate((events[i].seen or 0 for i in row), max), strict=True)
        earliest[role] = list(accumulate((instants[i] for i in reversed(row)), min))[::-1]
    at = list(instants)
    for role, row in rows.items():
        for other, theirs in rows.items():
            marks = [seen[j] for j in theirs] if other != role else []
            for place, i in enumerate(row):
                later = place if other == role else bisect_left(marks, _sequence(events[i]))
                if later < len(theirs):
                    at[i] = min(at[i], earliest[other][later])
    loose = [i for i, one in enumerate(events) if not _in_a_row(one)]
    foreign = any(not _in_a_row(one) and not one.on_paper for one in events)
    loose.sort(key=lambda i: (at[i], events[i].key), reverse=True)
    return Order(events, at, foreign, {role: row[::-1] for role, row in rows.items()}, loose, seen)


def _place(event: Event) -> tuple[int, str, int]:
    return (_sequence(event), event.id, event.index)


def _sequence(event: Event) -> int:
    return event.sequence or 0


def _in_a_row(event: Event) -> bool:
    """Whether its place among the messages is known. What was done on paper counts from when it was done; what a third
    party wrote states a place in another row of messages."""
    return event.sequence is not None and not event.on_paper and event.writer in ROLES


def said_unseen(events: Sequence[Event]) -> list[tuple[Event, Event]]:
    """(message, earlier message of the other side) where the writer says that it had not seen what it had receipted.

    Of several that it says it had not seen, the last.
    """
    found = []
    for role in ROLES:
        theirs = sorted(
            (one.received.latest, _sequence(one), number)
            for number, one in enumerate(events)
            if one.writer != role and _in_a_row(one) and one.received is not None and one.received.latest is not None
        )
        times = [time for time, _, _ in theirs]
        last = list(accumulate(((sequence, number) for _, sequence, number in theirs), max))
        for one in events:
            had = bisect_right(times, one.sent - _GRACE) - 1
            if one.writer == role and _in_a_row(one) and had >= 0 and last[had][0] > (one.seen or 0):
                found.append((one, events[last[had][1]]))
    return found
