"""What somebody looks for, read from one line: a name, a document's number, a date of birth, or a name with a date.

A query says which terms an index row must have, and judges what was found by the record itself: terms alone may err.
"""

from collections.abc import Iterator, Set
from dataclasses import dataclass

from node.records.persons import (
    PartialDate,
    PartialDateError,
    birth_query,
    number_key,
    query_grams,
    read_partial_date,
    spells,
)
from node.records.persons_described import BIRTH, NAME, NUMBER, Described, DescribedPerson

LEAST_LETTERS = 3
LEAST_NUMBER = 3
LONGEST = 300
BY_NAME, BY_NUMBER, BY_BIRTH, BY_CASE = "name", "number", "birth", "case"

Terms = frozenset[str]
Wanted = tuple[tuple[Terms, ...], ...]
"""All of these must hold; each holds where all terms of one of its sets are there."""


class QueryRefused(Exception):
    """A line by which nothing can be looked for; the text says what to give."""


@dataclass(frozen=True, slots=True)
class PersonQuery:
    """`name` and `births` together, or `number` (its key, without what stands between letters and digits)."""

    name: str
    births: tuple[PartialDate, ...]
    number: str

    @property
    def alternatives(self) -> tuple[Wanted, ...]:
        """What an index row must have: all that one of these asks for."""
        found: list[Wanted] = []
        if self.number:
            found.append(((frozenset({NUMBER + self.number}),),))
        wanted: list[tuple[Terms, ...]] = [
            tuple(frozenset(NAME + gram for gram in grams) for grams in readings) for readings in query_grams(self.name)
        ]
        wanted += [tuple(frozenset({BIRTH + key}) for key in birth_query(born)) for born in self.births]
        if wanted:
            found.append(tuple(wanted))
        return tuple(found)

    def may_match(self, terms: Set[str]) -> bool:
        """Whether a row with these terms may be of a record that is looked for."""
        return any(all(any(one <= terms for one in readings) for readings in wanted) for wanted in self.alternatives)

    def matches(self, record: Described) -> Iterator[tuple[DescribedPerson, str]]:
        """The persons of the record who are looked for, each with what they are found by."""
        by_reference = bool(self.number) and self.number in map(number_key, record.references)
        for person in record.persons:
            if by_reference or (self.number and self.number in map(number_key, person.numbers)):
                yield person, BY_NUMBER
            elif (self.name or self.births) and self._is(person):
                yield person, BY_NAME if self.name else BY_BIRTH

    def _is(self, person: DescribedPerson) -> bool:
        born = [one for one in map(_date, person.births) if one is not None]
        known = [one for one in born if one.year is not None]
        if not all(any(asked.may_be(one) for one in known) for asked in self.births):
            return False
        return not self.name or any(
            spells(self.name, f"{name.primary} {name.secondary} {name.native}") for name in person.names
        )


def read_query(text: str) -> PersonQuery:
    """What a line asks for. Raises QueryRefused."""
    words = text.split()
    if not words or len(text) > LONGEST:
        raise QueryRefused(f"Give a name, a number or a date of birth, of at most {LONGEST} characters.")
    births = [born for word in words if (born := _date(word)) is not None and born.year is not None]
    names = [word for word in words if not any(letter.isdigit() for letter in word)]
    number = number_key(text) if any(letter.isdigit() for letter in text) else ""
    if len(births) + len(names) < len(words):
        births, names = [], []  # a number is in it: as a whole, or not at all
    letters = sum(letter.isalpha() for word in names for letter in word)
    if names and letters < LEAST_LETTERS:
        raise QueryRefused(f"found {letters} letters, expected {LEAST_LETTERS} or more of a name. Give more of it.")
    if number and len(number) < LEAST_NUMBER:
        raise QueryRefused(f"found {len(number)} characters, expected {LEAST_NUMBER} or more of a number.")
    query = PersonQuery(" ".join(names), tuple(births), number)
    if not query.alternatives:
        raise QueryRefused("found nothing to look for, expected a name, a number, or a date as 1974-08-12 or 1974.")
    return query


def _date(text: str) -> PartialDate | None:
    try:
        return read_partial_date(text)
    except PartialDateError:
        return None
