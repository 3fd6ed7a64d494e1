"""Which acts a record holds: read by the paths that procedure.toml gives, so that no code knows an element by name."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from lxml import etree

from node.records.check import CheckedRecord
from node.records.domains import Domain
from node.records.explain import local_name
from node.records.procedures import ADDRESSEE, Act, Path, Procedure, SharedActs, Source


@dataclass(frozen=True, slots=True)
class ActInRecord:
    """One act of a record. `case` is the ConversationId that it names, None for that of the message itself. `day` is
    the day or time that it states, as written there, `hindered` the one until which it was hindered; `new` the message
    that it gives as a new version, `party` the party that it names, `instead_of` the one whose place that takes."""

    act: str
    persons: frozenset[str]
    concerning: str | None = None
    until: date | None = None
    case: str | None = None
    day: str | None = None
    hindered: str | None = None
    new: str | None = None
    party: str | None = None
    instead_of: str | None = None


@dataclass(frozen=True, slots=True)
class StatedAct:
    """An act on paper as a record tells of it. `by` is the role of the party that acted, `done` when."""

    act: ActInRecord
    by: str
    channel: str
    done: datetime
    received: datetime | None = None


@dataclass(frozen=True, slots=True)
class StatedCase:
    """A case as a record tells of it that comes before any other message of it: the namespace of its domain, and who
    opened it."""

    service: str
    by_writer: bool


def case_stated_in(record: CheckedRecord) -> StatedCase | None:
    """The case that a record of a shared set tells of; None where it tells of none."""
    shared = record.domain.procedure
    told = shared.statement if isinstance(shared, SharedActs) else None
    if told is None or told.source.record != record.action:
        return None
    service, opened_by = (_first(record.root, record.root, path) for path in (told.service, told.opened_by))
    return None if service is None else StatedCase(service, opened_by != ADDRESSEE)


def stated_in(record: CheckedRecord) -> StatedAct | None:
    """The act on paper that a record of a shared set tells of; None where it tells of none."""
    shared = record.domain.procedure
    told = shared.statement if isinstance(shared, SharedActs) else None
    if told is None or told.source.record != record.action:
        return None
    root = record.root
    act, by, channel, done = (_first(root, root, path) or "" for path in (told.act, told.by, told.channel, told.done))
    received = _first(root, root, told.received)
    (found,) = _read(act, told.source, root)
    return StatedAct(
        found, by, channel, datetime.fromisoformat(done), datetime.fromisoformat(received) if received else None
    )


def acts_in(record: CheckedRecord, domain: Domain) -> tuple[ActInRecord, ...]:
    """The acts of a record in a case of `domain`, in the order of the procedure and then of the record.

    Empty where the domain has no procedure, or the record says nothing that the procedure knows.
    """
    procedure = domain.procedure
    if not isinstance(procedure, Procedure):
        return ()
    found: list[ActInRecord] = []
    for act in procedure.acts.values():
        for source in _sources(act, record, domain):
            if source.record == record.action:
                found += _read(act.name, source, record.root)
    return tuple(found)


def _sources(act: Act, record: CheckedRecord, domain: Domain) -> tuple[Source, ...]:
    if act.shared is None:
        return act.sources if record.service == domain.namespace else ()
    shared = record.domain.procedure
    if act.shared != record.service or not isinstance(shared, SharedActs) or act.name not in shared.acts:
        return ()
    return shared.acts[act.name].sources


def _read(name: str, source: Source, root: etree._Element) -> Iterator[ActInRecord]:
    for place in (root,) if source.at is None else _elements(root, source.at):
        persons = [text for path in source.persons for text in _texts(root, place, path)]
        until = _first(root, place, source.until)
        yield ActInRecord(
            act=name,
            persons=frozenset(persons),
            concerning=_first(root, place, source.concerning),
            until=date.fromisoformat(until) if until else None,
            case=_first(root, place, source.case),
            day=_first(root, place, source.day),
            hindered=_first(root, place, source.hindered),
            new=_first(root, place, source.new),
            party=_first(root, place, source.party),
            instead_of=_first(root, place, source.instead_of),
        )


def _elements(start: etree._Element, path: Path) -> list[etree._Element]:
    found = [start]
    for step in path.steps:
        found = [
            child
            for parent in found
            for child in parent.iterchildren("{*}*")
            if local_name(child) == step.name and (step.child is None or _has(child, step.child, step.value))
        ]
    return found


def _has(element: etree._Element, child: str, value: str | None) -> bool:
    return any(
        local_name(one) == child and (value is None or (one.text or "").strip() == value)
        for one in element.iterchildren("{*}*")
    )


def _texts(root: etree._Element, place: etree._Element, path: Path) -> list[str]:
    found = _elements(root if path.from_root else place, path)
    texts = [one.get(path.attribute) if path.attribute else one.text for one in found]
    return [text.strip() for text in texts if text and text.strip()]


def _first(root: etree._Element, place: etree._Element, path: Path | None) -> str | None:
    return None if path is None else next(iter(_texts(root, place, path)), None)
