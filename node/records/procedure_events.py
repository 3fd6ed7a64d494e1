"""What happened in a case, as the engine takes it: acts with their place in the exchange and their instants.

Also what the engine asks of terms and calendars (`Terms`): it counts no days itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

SENT = "sent"
RECEIVED = "received"
WIRE = "wire"
SETTLED = "settled"
PENDING = "pending"
"""Sent by us; no receipt yet."""
UNDONE = "undone"
"""Refused by the other side, given up, or taken back before it left: it never came to be an act."""
Pause = tuple[datetime, datetime | None]
"""From when to when time does not count; without the second, it lasts."""


@dataclass(frozen=True, slots=True)
class Span:
    """An instant that is known (both the same), or lies between two; `latest` None: not known to have come yet."""

    earliest: datetime
    latest: datetime | None

    @classmethod
    def at(cls, instant: datetime) -> "Span":
        return cls(instant, instant)

    @property
    def exact(self) -> bool:
        return self.latest == self.earliest

    def over(self, other: "Span") -> "Span":
        """The span that covers both."""
        latest = None if self.latest is None or other.latest is None else max(self.latest, other.latest)
        return Span(min(self.earliest, other.earliest), latest)


@dataclass(frozen=True, slots=True)
class Event:
    """One act by one party. A message that holds several acts gives several events, told apart by `index`.

    `sequence` and `seen` are the message's; None where the peer states none, or for paper that no message tells of.
    `sent` is the message's own time, for an act on paper the time at which it occurred. `received` is the receipt's.
    """

    id: str
    act: str
    actor: str
    """Role of the party that acted."""
    sent: datetime
    received: Span | None = None
    sequence: int | None = None
    seen: int | None = None
    index: int = 0
    persons: frozenset[str] = frozenset()
    """Whom it concerns; empty: everybody in the case."""
    concerning: str | None = None
    until: date | None = None
    day: str | None = None
    """The day, month, year or time that it states, as written: from, or back from, which a period counts."""
    hindered: str | None = None
    """The day, month, year or time at which what stood in the way of the act ended, as written."""
    new: str | None = None
    """The message that it gives as the new version of the one that it concerns."""
    party: str | None = None
    """The party that it names: one that takes part, or has the case from now on."""
    instead_of: str | None = None
    status: str = SETTLED
    channel: str = WIRE
    """`wire`, or how it was done: paper, fax, mail, telephone."""
    stated_by: str | None = None
    """For an act that was not done on the wire: role of the party that says so."""
    by_hand: bool = False
    """It was recorded here by hand, and no message of ours that arrived tells of it."""
    occurred: datetime | None = None
    recorded: datetime | None = None
    disputed: bool = False
    """Its receipt's time does not lie within the attempt that brought it."""

    @property
    def writer(self) -> str:
        """Role of the party in whose row of messages it stands."""
        return self.stated_by or self.actor

    @property
    def on_paper(self) -> bool:
        return self.channel != WIRE

    @property
    def key(self) -> tuple[str, str, int]:
        return (self.writer, self.id, self.index)


@dataclass(frozen=True, slots=True)
class NoEnd:
    """Why a period has no end that can be computed, in words."""

    reason: str


class Terms(Protocol):
    """What terms and calendars say, asked by the engine. A period is named as in the procedure.

    Instants are aware. The end of a period is the first instant that is too late.
    """

    def answered(self) -> str:
        """SENT or RECEIVED: which of its two instants decides whether an act came in time."""
        ...

    def has(self, period: str) -> bool:
        """Whether the terms give the period."""
        ...

    def begins(self, period: str) -> str:
        """SENT or RECEIVED: with which instant of the act that starts it the period begins."""
        ...

    def without_receipt(self) -> tuple[timedelta, bool] | None:
        """So long after it was sent an act without a receipt counts as received (True) or as not made (False)."""
        ...

    def end(
        self, period: str, start: datetime, *, extended: bool, until: date | None, pauses: tuple[Pause, ...]
    ) -> datetime | NoEnd:
        """When the period that begins at `start` ends.

        `extended`: as extended once, no further than to the end of the day `until` where one is named. `pauses`: the
        times that do not count; the last may still last.
        """
        ...

    def end_of_day(self, period: str, day: date) -> datetime | NoEnd:
        """When the day `day` ends for a period whose end a record gives; a day beyond all calendars has no end."""
        ...

    def on_day(self, period: str, written: str) -> Span | NoEnd:
        """When the day or time was that a record states (`written`), as the period counts from it."""
        ...

    def silence_accepts(self, period: str) -> bool:
        """Whether silence to the end of the period counts as consent."""
        ...

    def party(self, name: str) -> str | None:
        """The role of the party that the terms name for `name`; None where they name none."""
        ...


def instant(event: Event, when: str, terms: Terms) -> Span:
    """The instant of an act that counts: when it was sent, or when it was received as far as is known."""
    if when == SENT or (event.on_paper and event.received is None):
        return Span.at(event.sent)
    if event.received is not None:
        return event.received
    rule = terms.without_receipt()
    return Span(event.sent, event.sent + rule[0] if rule is not None and rule[1] else None)


def without_repeats(events: Sequence[Event]) -> list[Event]:
    """Each act once, in an order that does not depend on the order given.

    Of one told of several times the settled telling counts, then the one that knows its receipt best.
    """
    best: dict[tuple[str, str, int], Event] = {}
    for event in sorted(events, key=_rank):
        best.setdefault(event.key, event)
    return [best[key] for key in sorted(best)]


def _rank(event: Event) -> tuple[int, bool, bool, str]:
    known = event.received is not None
    exact = event.received is not None and event.received.exact
    return ((SETTLED, PENDING, UNDONE).index(event.status), not exact, not known, repr(event))
