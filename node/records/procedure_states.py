"""Where the persons of a case stand, and what came of its acts, as values: what `procedure_replay` makes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from node.records.procedure_events import Event, NoEnd, Pause, Span, Terms

_MOMENT = timedelta(microseconds=1)
WHOLE_CASE = ""
"""Stands for the person in a procedure that is per case."""


@dataclass(frozen=True, slots=True)
class Running:
    """A period that was started for a person. `end` None: none can be computed; `why` says what stands against it."""

    period: str
    started_by: str
    start: Span
    end: Span | None
    terms: Terms = field(repr=False, compare=False)
    extended: bool = False
    pauses: tuple[Pause, ...] = ()
    until: date | None = None
    over: bool = False
    owed: bool = False
    """It is over, and what follows of that waits for a state in which it does."""
    disputed: bool = False
    why: str = ""

    @property
    def paused(self) -> bool:
        return bool(self.pauses) and self.pauses[-1][1] is None

    @property
    def ends_at(self) -> datetime | None:
        """The instant at which it has certainly ended, while it runs."""
        return None if self.over or self.paused or self.end is None else self.end.latest


@dataclass(frozen=True, slots=True)
class Proposal:
    """A transition (its number) that `by` proposes, and the message that it concerns."""

    transition: int
    by: str
    concerning: str | None


@dataclass(frozen=True, slots=True)
class PersonState:
    """Where one person stands. `acts` and `void` are those of the whole replay, whatever the state was meanwhile."""

    state: str
    since: Span | None = None
    running: tuple[Running, ...] = ()
    stopped: tuple[Running, ...] = ()
    acts: dict[str, "tuple[Done, ...]"] = field(default_factory=dict)
    """What each message that took effect did, by its id, in the order in which it did so."""
    void: set[str] = field(default_factory=set)
    proposals: Mapping[str, Proposal] = field(default_factory=dict)
    """What waits for consent, by the message that proposes it."""
    before: "PersonState | None" = None
    moves: int = 0
    """How often the state has changed; what is taken back has not."""


@dataclass(frozen=True, slots=True)
class Done:
    """One act of a message, by which role, and the person before and after it."""

    act: str
    by: str
    before: PersonState = field(repr=False, compare=False)
    after: PersonState = field(repr=False, compare=False)

    @property
    def moved(self) -> bool:
        return self.before.state != self.after.state


@dataclass(frozen=True, slots=True)
class Passed:
    """One step that a person's case took: by an act (`event` its message) or by the end of a period."""

    person: str
    source: str
    target: str
    at: Span
    act: str | None = None
    event: str | None = None
    period: str | None = None


@dataclass(frozen=True, slots=True)
class OutOfStep:
    """An act that does not fit, for which persons, and why: a word of REASONS."""

    event: Event
    persons: tuple[str, ...]
    reason: str
    states: tuple[str, ...]


REASONS = {
    "state": "no such act in the present state",
    "party": "the act is the other party's",
    "person": "the case has no such person",
    "void": "it concerns a message that is void",
    "concerns": "it concerns no message that it could",
    "period": "the period that it needs does not run",
    "no-extension": "the terms give no extension",
    "own-question": "the answer is the other party's",
    "open": "something is still open that has to be answered first",
    "not-over": "the period has not ended",
    "no-such-act": "the procedure knows no such act",
}


@dataclass(frozen=True, slots=True)
class Judged:
    """An act that has to come within a period, for one person: `day` is when that counts from (or back from), `end` its
    end, `came` when the act counts as made. Where there is no end, `why` says what stands against it."""

    person: str
    event: Event
    period: str
    came: Span
    day: Span | None = None
    end: Span | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of the acts: each person's state, the steps, and what did not fit."""

    persons: Mapping[str, PersonState]
    steps: tuple[Passed, ...]
    out_of_step: tuple[OutOfStep, ...]
    open: Mapping[str, Mapping[str, str]]
    """Messages that wait for an answer, by what they opened; each with the role that wrote it."""
    ours_alone: bool
    judged: tuple[Judged, ...] = ()
    renewed: tuple[Event, ...] = ()
    """The acts that gave a message a new version, in the order in which they count."""
    parties: tuple[tuple[str, Event], ...] = ()
    """The acts that changed who takes part, and how (PARTY_CHANGES), in the same order."""


def last_moment(end: Span) -> Span:
    """What begins with the end of a period begins on its last day, not on the first day after it."""
    return Span(end.earliest - _MOMENT, None if end.latest is None else end.latest - _MOMENT)


def no_later(stated: Span, told: Span) -> Span:
    """When something was by the record that tells of it, which cannot be after it was told."""
    latest = stated.latest if told.latest is None or stated.latest is None else min(stated.latest, told.latest)
    return Span(min(stated.earliest, told.earliest), latest)


def no_sooner(end: Span, since: Span) -> Span:
    """When what follows of an end comes about that waited for a state."""
    latest = None if end.latest is None or since.latest is None else max(end.latest, since.latest)
    return Span(max(end.earliest, since.earliest), latest)


def with_end(period: Running) -> Running:
    """The period with its end, or with why it has none."""
    found: list[datetime | None] = []
    for start in (period.start.earliest, period.start.latest):
        if start is None:
            found.append(None)
            continue
        end = period.terms.end(period.period, start, extended=period.extended, until=period.until, pauses=period.pauses)
        if isinstance(end, NoEnd):
            return replace(period, end=None, why=end.reason)
        found.append(end)
    earliest, latest = found
    return period if earliest is None else replace(period, end=Span(earliest, latest), why="")


def with_running(here: PersonState, started: Sequence[Running]) -> PersonState:
    """The person with these periods running, instead of those of the same names."""
    names = {one.period for one in started}
    return replace(
        here,
        running=(*(one for one in here.running if one.period not in names), *started),
        stopped=tuple(one for one in here.stopped if one.period not in names),
    )
