"""Whom a record describes: each person with names, dates of birth and numbers of documents, for whoever looks for one.

Only fields that are marked searchable are read. The terms made of them are plain: the index seals them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from lxml import etree

from node.records.marked import RecordFields, text_of
from node.records.persons import PartialDateError, birth_keys, name_grams, number_key, read_partial_date

NAME, NUMBER, BIRTH = "n:", "d:", "b:"
_T = TypeVar("_T")
_NAME_PARTS = ("name-primary", "name-secondary", "name-native")


@dataclass(frozen=True, slots=True)
class DescribedName:
    """A name in Latin letters, and in its own script where the record has that."""

    primary: str
    secondary: str
    native: str

    def __str__(self) -> str:
        return ", ".join(filter(None, (self.primary, self.secondary)))


@dataclass(frozen=True, slots=True)
class DescribedPerson:
    """`id` is the one within the case, None where the record gives none. The first name is the person's own, others are
    earlier ones and aliases. `births` as the record has them."""

    id: str | None
    names: tuple[DescribedName, ...]
    births: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Described:
    """All persons of a record; `references` are file numbers, and numbers of documents of nobody in particular."""

    persons: tuple[DescribedPerson, ...]
    references: tuple[str, ...]


@dataclass(slots=True)
class _Gathered:
    names: list[DescribedName] = field(default_factory=list)
    births: list[str] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)


def described(fields: RecordFields) -> Described:
    """The persons of a record, in document order."""
    found: dict[object, _Gathered] = {}
    keys: dict[object, str | None] = {}

    def of(holder: etree._Element) -> _Gathered:
        name = fields.person_id(holder)
        key = name if name is not None else holder
        keys[key] = name
        return found.setdefault(key, _Gathered())

    for holder in fields.marked("person"):
        one = of(holder)
        one.names += [_name(node, fields) for node in fields.own(holder, "person-name")]
        one.births += [
            text
            for node in fields.own(holder, "date-of-birth")
            if fields.is_searchable(node) and (text := text_of(node))
        ]
    references = [text_of(node) for node in fields.marked("reference") if fields.is_searchable(node)]
    for node in fields.marked("document-number"):
        if not fields.is_searchable(node) or not text_of(node):
            continue
        persons = [name for name in _concerned(node, fields) if name in found]
        for name in persons:
            found[name].numbers.append(text_of(node))
        if not persons:
            references.append(text_of(node))
    persons_found = [
        DescribedPerson(keys[key], _once(one.names), _once(one.births), _once(one.numbers))
        for key, one in found.items()
        if one.names
    ]
    owned = {number for person in persons_found for number in person.numbers}
    return Described(tuple(persons_found), _once(one for one in references if one and one not in owned))


def _once(values: Iterable[_T]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys(values))


def search_terms(found: Described) -> frozenset[str]:
    """What a record is found by, each with what it is of; not sealed."""
    return frozenset(_terms(found))


def _terms(found: Described) -> Iterator[str]:
    for number in found.references:
        yield NUMBER + number_key(number)
    for person in found.persons:
        for name in person.names:
            for part in (name.primary, name.secondary, name.native):
                yield from (NAME + gram for gram in name_grams(part))
        for number in person.numbers:
            yield NUMBER + number_key(number)
        for born in person.births:
            try:
                yield from (BIRTH + key for key in birth_keys(read_partial_date(born)))
            except PartialDateError:
                continue  # another form of date: the record is found by what else it holds


def _name(node: etree._Element, fields: RecordFields) -> DescribedName:
    return DescribedName(*(" ".join(_searchable_texts(node, fields, kind)) for kind in _NAME_PARTS))


def _concerned(node: etree._Element, fields: RecordFields) -> list[str]:
    """The persons whom a number is about: those named beside it, else the one within whom it stands."""
    within = fields.above(node)
    if within and (beside := fields.texts(within[0], "person-reference")):
        return beside
    for above in within:
        if fields.is_marked(above, "person"):
            return [name] if (name := fields.person_id(above)) is not None else []
    return []


def _searchable_texts(node: etree._Element, fields: RecordFields, kind: str) -> list[str]:
    found = (one for one in fields.marked(kind, node) if fields.is_searchable(one))
    return [text for one in found if (text := text_of(one))]
