"""Border crossing points that protocols name for transfers, and stops of a transport that are none of them.

The lists are data of a domain folder, `terms/crossing-points.csv`, each row with its source. Terms name the lists; one
holds for a transport from one of its countries to the other.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lxml import etree

from node.records.explain import numbered_path
from node.records.marked import RecordFields, text_of
from node.records.persons import spells
from node.records.problems import Problem
from node.records.reading import line_of

FILE = "terms/crossing-points.csv"
NOT_AGREED = "crossing-point-not-agreed"


class CrossingPointError(Exception):
    """A file of crossing points that cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class CrossingPoint:
    """One row: a point of a country (ISO 3166-1 alpha-3 or XKX), of what kind (`air`, `road`), in which list."""

    list: str
    country: str
    kind: str
    name: str
    source: str


@dataclass(frozen=True, slots=True)
class AgreedPoints:
    """By what the stops of a transport are judged: the points of the lists that the terms name, and their title."""

    points: tuple[CrossingPoint, ...]
    terms: str


def read_crossing_points(files: Mapping[str, bytes]) -> tuple[CrossingPoint, ...]:
    """The points of a domain folder's files (relative path → content); none where it has none.

    Raises CrossingPointError.
    """
    if FILE not in files:
        return ()
    found: list[CrossingPoint] = []
    try:
        for row in csv.DictReader(io.StringIO(files[FILE].decode()), strict=True):
            if empty := [key for key in ("list", "country", "kind", "name", "source") if not row[key]]:
                raise ValueError(f"{empty[0]} is empty")
            found.append(CrossingPoint(row["list"], row["country"], row["kind"], row["name"], row["source"]))
    except (csv.Error, UnicodeDecodeError, KeyError, ValueError) as error:
        raise CrossingPointError(f"{FILE}: row {len(found) + 1}: {type(error).__name__} {error}") from error
    return tuple(found)


def has_crossing_points(fields: RecordFields) -> bool:
    """Whether the record tells of any place where a person leaves or enters a State."""
    return any(True for _ in fields.marked("crossing-point"))


def crossing_findings(fields: RecordFields, agreed: AgreedPoints) -> list[Problem]:
    """The stops that are none of the points which a list for their two States names, in document order.

    A stop is a point if either's words are found in the other, in any script: `Prishtinë Airport` is `Pristina`.
    """
    return [found for stops in _transports(fields) for found in _of_transport(stops, agreed)]


def _transports(fields: RecordFields) -> Iterator[dict[etree._Element, str]]:
    """For each transport its stops, with the State that each is in."""
    found: dict[etree._Element | None, dict[etree._Element, str]] = {}
    for node in fields.marked("crossing-point"):
        stop, *around = fields.above(node)
        state = next(iter(fields.texts(stop, "crossing-state")), "")
        found.setdefault(around[0] if around else None, {})[node] = state
    yield from found.values()


def _of_transport(stops: Mapping[etree._Element, str], agreed: AgreedPoints) -> Iterator[Problem]:
    states = set(stops.values())
    lists = dict.fromkeys(point.list for point in agreed.points)
    holding = {one for one in lists if states == {point.country for point in agreed.points if point.list == one}}
    for node, state in stops.items():
        points = [point for point in agreed.points if point.list in holding and point.country == state]
        said = text_of(node)
        if points and not any(spells(point.name, said) or spells(said, point.name) for point in points):
            yield Problem.at(
                numbered_path(node),
                line_of(node),
                rule=NOT_AGREED,
                found=said,
                expected=f"one of {'; '.join(f'{point.name} ({point.kind})' for point in points)}",
                remedy=f"Under {agreed.terms} ({points[0].source}) transfers go by these: correct the place, or send "
                "it as it is if both sides agreed on another for this transfer.",
            )
