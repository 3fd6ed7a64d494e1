"""What a record is found by besides names: numbers of documents, and dates of birth known to the day, month or year.

Each side gives keys; a record is found where one of its keys is one of the query's. The index seals them.
"""

import unicodedata

from node.records.persons.partial_dates import PartialDate

_WITHIN, _EXACTLY = "<", "="


def number_key(number: str) -> str:
    """A number without what people leave out or add: letter case, spaces, hyphens, dots, strokes. Empty for none."""
    if number.isascii() and number.isalnum():
        return number.upper()
    plain = unicodedata.normalize("NFKC", number).upper()
    return "".join(letter for letter in plain if letter.isalnum())


def birth_keys(born: PartialDate) -> frozenset[str]:
    """The keys of a record whose person was born then; none where nothing is known."""
    steps = _steps(born)
    return frozenset({*(f"{_WITHIN}{step}" for step in steps), *(f"{_EXACTLY}{step}" for step in steps[-1:])})


def birth_query(asked: PartialDate) -> frozenset[str]:
    """The keys to look for: of dates within the one asked for, and of less exact ones that it lies within."""
    steps = _steps(asked)
    return frozenset({*(f"{_WITHIN}{step}" for step in steps[-1:]), *(f"{_EXACTLY}{step}" for step in steps[:-1])})


def _steps(of: PartialDate) -> list[str]:
    """The year, the month, the day, as far as they are known."""
    if of.year is None:
        return []
    known = str(of).split("-")
    return ["-".join(known[: count + 1]) for count in range(len(known))]
