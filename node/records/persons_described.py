"""Whom a record describes: each person with names, dates of birth and numbers of documents, for whoever looks for one.

Only fields that are marked searchable are read. The terms made of them are plain: the index seals them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from lxml import etree

from node.records.explain import plain_path
from node.records.marked import is_marked, marked, own_fields, person_id, text_of, texts
from node.records.persons import PartialDateError, birth_keys, name_grams, number_key, read_partial_date
from node.records.shape import Shape

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


def described(root: etree._Element, shape: Shape) -> Described:
    """The persons of a record, in document order."""
    found: dict[object, _Gathered] = {}
    keys: dict[object, str | None] = {}

    def of(holder: etree._Element) -> _Gathered:
        name = person_id(holder, shape)
        key = name if name is not None else holder
        keys[key] = name
        return found.setdefault(key, _Gathered())

    for holder in marked(root, shape, "person"):
        one = of(holder)
        for node in own_fields(holder, shape):
            if is_marked(node, shape, "person-name"):
                one.names.append(_name(node, shape))
            elif is_marked(node, shape, "date-of-birth") and _searchable(node, shape) and text_of(node):
                one.births.append(text_of(node))
    references = [text_of(node) for node in marked(root, shape, "reference") if _searchable(node, shape)]
    for node in marked(root, shape, "document-number"):
        if not _searchable(node, shape) or not text_of(node):
            continue
        persons = [name for name in _concerned(node, shape) if name in found]
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


def _name(node: etree._Element, shape: Shape) -> DescribedName:
    return DescribedName(*(" ".join(_searchable_texts(node, shape, kind)) for kind in _NAME_PARTS))


def _concerned(node: etree._Element, shape: Shape) -> list[str]:
    """The persons whom a number is about: those named beside it, else the one within whom it stands."""
    parent = node.getparent()
    if parent is not None and (beside := texts(parent, shape, "person-reference")):
        return beside
    for above in node.iterancestors():
        if is_marked(above, shape, "person"):
            return [name] if (name := person_id(above, shape)) is not None else []
    return []


def _searchable_texts(node: etree._Element, shape: Shape, kind: str) -> list[str]:
    found = (one for one in node.iter("{*}*") if is_marked(one, shape, kind) and _searchable(one, shape))
    return [text_of(one) for one in found if text_of(one)]


def _searchable(node: etree._Element, shape: Shape) -> bool:
    found = shape.fields.get(plain_path(node))
    return found is not None and found.marks.searchable
