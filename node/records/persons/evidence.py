"""Means of evidence: what counts under an agreement, how strongly, for which requested party and date of issue.

The lists are data of a domain folder, `terms/evidence.csv`, each row with its source.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from node.records.persons.partial_dates import PartialDate

FILE = "terms/evidence.csv"
BOTH = "both"
# From strong to weak. What only starts a verification proves nothing by itself.
STRENGTHS = ("proof", "prima facie", "starts verification")


class EvidenceError(Exception):
    """A file of evidence that cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class Means:
    """One row: `code` counts as `strength` of what it is `about`, if issued within the span, both days included."""

    code: str
    about: str
    strength: str
    list: str
    requested: str
    label: str
    issued_from: date | None
    issued_to: date | None
    source: str
    confirmed: bool


@dataclass(frozen=True, slots=True)
class Weight:
    """How a piece of evidence counts: `strength` for certain, `at_best` if what is not known were in its favour.

    None: it does not count. `rows` are those that say so; `doubts` in words what keeps it from being certain.
    """

    strength: str | None
    at_best: str | None
    rows: tuple[Means, ...]
    doubts: tuple[str, ...] = ()

    @property
    def counts(self) -> bool:
        return self.strength is not None


def read_evidence(files: Mapping[str, bytes]) -> tuple[Means, ...]:
    """The lists of a domain folder's files (relative path → content); none where it has none. Raises EvidenceError."""
    if FILE not in files:
        return ()
    found: list[Means] = []
    try:
        for row in csv.DictReader(io.StringIO(files[FILE].decode()), strict=True):
            if row["strength"] not in STRENGTHS:
                raise ValueError(f"strength {row['strength']!r} is none of {', '.join(STRENGTHS)}")
            found.append(
                Means(
                    code=row["code"],
                    about=row["about"],
                    strength=row["strength"],
                    list=row["list"],
                    requested=row["requested_party"],
                    label=row["label"],
                    issued_from=date.fromisoformat(row["issued_from"]) if row["issued_from"] else None,
                    issued_to=date.fromisoformat(row["issued_to"]) if row["issued_to"] else None,
                    source=row["source"],
                    confirmed=row["confirmed"] == "yes",
                )
            )
    except (csv.Error, UnicodeDecodeError, KeyError, ValueError) as error:
        raise EvidenceError(f"{FILE}: row {len(found) + 1}: {type(error).__name__} {error}") from error
    return tuple(found)


def weigh(
    means: Iterable[Means],
    code: str,
    about: str,
    lists: Iterable[str],
    requested: str,
    issued: PartialDate | None = None,
) -> Weight:
    """How a piece of evidence `code` about `about` counts against the party that the lists call `requested`.

    `lists` are those of the terms; `issued` the date of issue as far as it is known.
    """
    names = set(lists)
    rows = [
        row
        for row in means
        if row.code == code and row.about == about and row.list in names and row.requested in (BOTH, requested)
    ]
    fits = [(row, _within(row, issued)) for row in rows]
    counting = tuple(row for row, fit in fits if fit is not False)
    certain = _certain(counting, issued)
    doubts = [
        f"it counts as {row.strength} only if it was issued {_span(row)} ({row.list})"
        for row, fit in fits
        if fit is None
    ]
    doubts += [f"the row of {row.list} is confirmed in part only: {row.label}" for row in counting if not row.confirmed]
    return Weight(certain, _strongest(counting), counting, tuple(doubts))


def means_of(means: Iterable[Means], about: str, lists: Iterable[str], requested: str) -> tuple[Means, ...]:
    """What can be brought forward about `about` against that party, the strongest first."""
    names = set(lists)
    found = [row for row in means if row.about == about and row.list in names and row.requested in (BOTH, requested)]
    return tuple(sorted(found, key=lambda row: (STRENGTHS.index(row.strength), row.code)))


def _within(row: Means, issued: PartialDate | None) -> bool | None:
    """Whether the document was issued within the row's span; None where the date is not known well enough."""
    if row.issued_from is None and row.issued_to is None:
        return True
    if issued is None or issued.first is None or issued.last is None:
        return None
    begin, end = row.issued_from or date.min, row.issued_to or date.max
    if issued.last < begin or issued.first > end:
        return False
    return True if begin <= issued.first and issued.last <= end else None


def _certain(rows: tuple[Means, ...], issued: PartialDate | None) -> str | None:
    """The strength that holds whenever the document was issued, as far as its date is known."""
    if all(_within(row, issued) is True for row in rows):
        return _strongest(rows)
    first = (issued.first if issued else None) or date.min
    last = (issued.last if issued else None) or date.max
    # Between the ends of the rows' spans nothing changes: it is enough to look at one day of each stretch.
    days = {first, last}
    for row in rows:
        days |= {
            day for day in (row.issued_from, row.issued_to and _after(row.issued_to)) if day and first <= day <= last
        }
    found = [_strongest([row for row in rows if _within(row, _on(day)) is True]) for day in days]
    return None if None in found else max(filter(None, found), key=STRENGTHS.index)


def _strongest(rows: Iterable[Means]) -> str | None:
    return min((row.strength for row in rows), key=STRENGTHS.index, default=None)


def _on(day: date) -> PartialDate:
    return PartialDate(day.year, day.month, day.day)


def _after(day: date) -> date:
    return date.fromordinal(day.toordinal() + 1)


def _span(row: Means) -> str:
    if row.issued_to is None:
        return f"on {row.issued_from} or later"
    return f"by {row.issued_to}" if row.issued_from is None else f"from {row.issued_from} to {row.issued_to}"
