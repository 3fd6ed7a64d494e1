"""A procedure as a value: the states of a case, the acts that lead from one to the next, the periods that run in them.

It is data of a domain (`procedure.toml`; docs/reference/procedure.md names every key), read by `procedure_file`, judged
by `procedure_checks`, carried out by `procedure_replay`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

REQUESTING = "requesting"
"""The party that opened the case."""
REQUESTED = "requested"
ROLES = (REQUESTING, REQUESTED)
WRITER, ADDRESSEE = "writer", "addressee"
"""The two sides of a message, as a statement names who opened a case."""
EITHER = "either"
BY_TERMS = "terms:"
"""Begins the name of a party that the terms name: `terms:travel-document`."""
PREVIOUS = "previous"
"""As the target of a transition: the state that the person was in before the present one."""
CONSENT = "consent"
"""What a proposal asks: no question that an act opens has this name."""

ADDED, REMOVED, PUT_IN_PLACE, GIVEN_TO = "added", "removed", "put-in-place", "given-to"
PARTY_CHANGES = (ADDED, REMOVED, PUT_IN_PLACE, GIVEN_TO)
"""A party takes part from now on, no longer, or in the place of another; or the actor's side of the case is with it."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path: the element's name, and what a child of it must be for it to count.

    `value` None asks only that the child is there; no `child`: every element of that name counts.
    """

    name: str
    child: str | None = None
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Path:
    """Where in a record something stands: steps downwards, and at the end perhaps an attribute.

    `from_root` False: below the element that the act is.
    """

    steps: tuple[Step, ...]
    attribute: str | None = None
    from_root: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """Where an act is found in a record. An act occurs once for each element at `at`; without it, once a record."""

    record: str
    at: Path | None = None
    persons: tuple[Path, ...] = ()
    """Whom it concerns; none: everybody in the case."""
    concerning: Path | None = None
    """The message that it is about."""
    until: Path | None = None
    """The day up to which it asks for or grants something."""
    case: Path | None = None
    """The ConversationId, where one record holds acts of several cases."""
    day: Path | None = None
    """The day or time that it states, from or back from which a period counts."""
    hindered: Path | None = None
    """The day on which what stood in the way of the act ended."""
    new: Path | None = None
    """The message that is the new version of the one that it is about."""
    party: Path | None = None
    """The party that it names: one that takes part, or has the case from now on."""
    instead_of: Path | None = None
    """The party whose place that one takes."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something that a party does. `shared` names the Service of a set of acts that serves every domain."""

    name: str
    title: str
    sources: tuple[Source, ...] = ()
    declares: bool = False
    """The persons whom it names become persons of the case."""
    shared: str | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """What the end of a period brings: from these of its states (none named: all) to another; periods that start."""

    sources: tuple[str, ...]
    target: str | None
    starts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Period:
    """A length of time within which something is awaited.

    It runs in the states `runs_in` and stops when the state leaves them. `at_end` is what its end brings in any case,
    `deemed` and `overdue` what it brings where the terms attach that to silence.
    """

    name: str
    title: str
    runs_in: frozenset[str]
    awaits: str | None = None
    given: bool = False
    """Its end is the day that the act which starts it gives, not a length in the terms."""
    from_day: bool = False
    """It begins on the day that the act which starts it states, where that states one."""
    at_end: Effect | None = None
    deemed: Effect | None = None
    overdue: Effect | None = None

    @property
    def effects(self) -> tuple[Effect, ...]:
        return tuple(one for one in (self.at_end, self.deemed, self.overdue) if one is not None)


@dataclass(frozen=True, slots=True)
class Transition:
    """An act by `who` in one of the states `sources`: what follows. `target` None: the state stays.

    `of` limits it to acts that concern a message which was one of those acts, and makes that message void. `consent`:
    it is a proposal, carried out by the other party's consent. `undoes`: what that message did is taken back, by its
    writer; as a proposal where something has moved the state since. `after`: the period must have ended. `within`: the
    act is late where it comes after the end of the period, counted from (or back from) the day that the act states.
    `or_within`: or of this one, where that is later, counted from the day until which the act was hindered.
    """

    act: str
    who: str
    sources: tuple[str, ...]
    target: str | None = None
    of: tuple[str, ...] = ()
    undoes: bool = False
    consent: bool = False
    consents: bool = False
    declines: bool = False
    starts: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    pauses: tuple[str, ...] = ()
    resumes: tuple[str, ...] = ()
    extends: tuple[str, ...] = ()
    revives: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    or_within: tuple[str, ...] = ()
    opens: str | None = None
    answers: tuple[str, ...] = ()
    may_answer: tuple[str, ...] = ()
    """As `answers`, of an act that also fits where it answers nothing."""
    lapses: bool = False
    """What it `opens` is over, too, when the other party moves a state."""
    anew: bool = False
    """What it `opens` is about a message of the other party, and over when that makes the message anew or void."""
    replaces: bool = False
    """It gives a message of its own party a new version."""
    party: str | None = None
    """What becomes of the party that the act names: one of PARTY_CHANGES."""
    not_while: tuple[str, ...] = ()
    place: str = ""
    """Where in the file it stands, for whoever looks for it."""

    @property
    def answered(self) -> tuple[str, ...]:
        """The questions that the act may answer."""
        return self.answers or self.may_answer

    @property
    def moves(self) -> bool:
        """Whether it changes a state or a clock, or proposes or answers such a change."""
        clocks = (self.starts, self.ends, self.pauses, self.resumes, self.extends, self.revives)
        return bool(self.target or any(clocks) or self.undoes or self.consent or self.consents or self.declines)

    def may_be_by(self, role: str) -> bool:
        """Whether `role` may do it under some terms."""
        return self.who in (role, EITHER) or self.who.startswith(BY_TERMS)


@dataclass(frozen=True, slots=True)
class Procedure:
    """All that procedure.toml says. `states` are in the file's order: how far a case has come."""

    title: str
    per_person: bool
    start: str
    states: Mapping[str, str]
    """Title of each state by its name."""
    acts: Mapping[str, Act]
    periods: Mapping[str, Period]
    transitions: tuple[Transition, ...]
    precedence: tuple[str, ...]
    exceptions: Mapping[tuple[str, str], str]
    """(first act, second act) → why, where a pair does not follow the order."""
    _steps: dict[tuple[str, str], list[Transition]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        steps: dict[tuple[str, str], list[Transition]] = {}
        for one in self.transitions:
            for state in one.sources:
                steps.setdefault((state, one.act), []).append(one)
        object.__setattr__(self, "_steps", steps)

    def steps(self, state: str, act: str) -> Sequence[Transition]:
        """The transitions that this act may be in `state`, in the order of the file."""
        return self._steps.get((state, act), ())

    def is_first(self, act: str, other: str) -> bool | None:
        """Whether of two concurrent acts `act` is taken first; None where the procedure does not say."""
        if (act, other) in self.exceptions:
            return True
        if (other, act) in self.exceptions:
            return False
        if act == other or act not in self.precedence or other not in self.precedence:
            return None
        return self.precedence.index(act) < self.precedence.index(other)

    def from_state(self, state: str) -> Iterable[Transition]:
        """The transitions that an act in `state` may be."""
        return (one for one in self.transitions if state in one.sources)


@dataclass(frozen=True, slots=True)
class Statement:
    """Where the record by which a party tells of an act on paper says which act, by whom, how and when.

    `source` gives the record, whom the act concerns, which message, and until when; `service` and `opened_by` the
    domain of a case that the other side does not know yet, and whether the writer or the addressee opened it.
    """

    source: Source
    act: Path
    by: Path
    channel: Path
    done: Path
    received: Path | None = None
    service: Path | None = None
    opened_by: Path | None = None


@dataclass(frozen=True, slots=True)
class SharedActs:
    """Acts that serve every domain: what the procedure.toml of a shared set says."""

    title: str
    acts: Mapping[str, Act]
    statement: Statement | None = None


def role_of(party: str, opener: str) -> str:
    """The role in a case of a party that is in it: of its opener, or of the other."""
    return REQUESTING if party == opener else REQUESTED


def other_role(role: str) -> str:
    """The other of the two parties to a case."""
    return REQUESTED if role == REQUESTING else REQUESTING


class ProcedureError(Exception):
    """A procedure.toml that cannot be used: where in it, why, and what to do."""

    def __init__(self, place: str, reason: str, remedy: str) -> None:
        super().__init__(f"{place}: {reason}. {remedy}")
        self.place = place
        self.reason = reason
        self.remedy = remedy
