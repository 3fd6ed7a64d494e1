"""What people have said of persons of two cases: the same person, another one, or twins. The last word holds."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, or_, select

from node.audit.entry import append, entry
from node.exchange.case_reading import CaseReading
from node.exchange.cases import CASE, alias
from node.exchange.listing import find_case, instant_text
from node.exchange.node import Node
from node.exchange.settlement import MESSAGE
from node.records.persons_described import described
from node.store.columns import new_row_id, table_of
from node.store.rows import insert_rows
from node.store.tables import PersonLink

LINK = table_of(PersonLink)
KINDS = ("same", "another", "twin")
_PLACE = re.compile(r"(.+)/([^/\s]{1,50})")


class LinkRefused(Exception):
    """Two persons that cannot be linked so; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class PersonPlace:
    """A person: a row of `exchange_case` and the id within the case."""

    case: Mapping[str, Any]
    person: str

    @property
    def key(self) -> tuple[int, str]:
        return self.case["id"], self.person

    def __str__(self) -> str:
        return f"{alias(self.case['alias_year'], self.case['alias_number'])}/{self.person}"


def split_place(text: str) -> tuple[str, str]:
    """The case and the person's id that a text as 2026-0417/p1 names. Raises LinkRefused."""
    found = _PLACE.fullmatch(text)
    if found is None:
        raise LinkRefused(f"found {text!r}, expected a case and a person of it, as 2026-0417/p1.")
    return found[1], found[2]


def find_place(node: Node, connection: Connection, text: str) -> PersonPlace:
    """The person called CASE/ID, as 2026-0417/p1. Raises LinkRefused, NotFound."""
    case, person = split_place(text)
    place = PersonPlace(find_case(connection, case), person)
    known = _persons_of(node, connection, place.case["id"])
    if place.person not in known:
        there = ", ".join(sorted(known)) or "nobody"
        raise LinkRefused(f"found {place}, expected a person of that case: {there}. `depesha case show` has them.")
    return place


def link_persons(node: Node, first: PersonPlace, second: PersonPlace, kind: str, actor: str) -> dict[str, Any]:
    """Record that two persons are the same, another, or twins, in place of what was said before.

    Returns {one, other, as, before}. Raises LinkRefused.
    """
    if kind not in KINDS:
        raise LinkRefused(f"--as: found {kind!r}, expected one of {', '.join(KINDS)}.")
    if first.key == second.key:
        raise LinkRefused(f"{first} is one person: name two.")
    one, other = sorted((first, second), key=lambda place: place.key)
    now = node.now()
    pair = {
        "first_case": one.key[0], "first_person": one.person, "second_case": other.key[0],
        "second_person": other.person,
    }  # fmt: skip
    same_pair = [LINK.c[name] == value for name, value in pair.items()]
    with node.database.write() as connection:
        before = connection.scalar(select(LINK.c.kind).where(*same_pair))
        connection.execute(delete(LINK).where(*same_pair))
        row = {"id": new_row_id(now), **pair, "kind": kind, "made_at": now, "made_by": actor}
        insert_rows(connection, LINK, [row])
        made = entry(
            type="person.linked",
            at=now,
            actor=actor,
            facts={"as": kind, "before": before, "person": one.person, "other": _said(other)},
            case=one.case["conversation_id"],
        )
        append(connection, [made], node.kek)
    return {"one": str(one), "other": str(other), "as": kind, "before": before}


def links_of(connection: Connection, cases: Sequence[int]) -> dict[tuple[int, str], list[dict[str, Any]]]:
    """What was said of the persons of these cases (row ids), by (case, person): {as, with, since} of each."""
    if not cases:
        return {}
    query = select(LINK).where(or_(LINK.c.first_case.in_(cases), LINK.c.second_case.in_(cases))).order_by(LINK.c.id)
    rows = connection.execute(query).mappings().all()
    ids = {row[name] for row in rows for name in ("first_case", "second_case")}
    numbered = select(CASE.c.id, CASE.c.alias_year, CASE.c.alias_number).where(CASE.c.id.in_(ids))
    numbers = {row.id: alias(row.alias_year, row.alias_number) for row in connection.execute(numbered)}
    found: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for row in rows:
        ends = [(row["first_case"], row["first_person"]), (row["second_case"], row["second_person"])]
        for own, other in (ends, ends[::-1]):
            if own[0] in cases:
                said = {
                    "as": row["kind"],
                    "with": f"{numbers[other[0]]}/{other[1]}",
                    "since": instant_text(row["made_at"]),
                }
                found.setdefault(own, []).append(said)
    return found


def links_in(connection: Connection, case: Mapping[str, Any]) -> dict[str, Any]:
    """{links} of a case (a row of `exchange_case`): {person, as, with, since} of each."""
    found = links_of(connection, [case["id"]])
    return {"links": [{"person": person, **said} for (_, person), every in sorted(found.items()) for said in every]}


def _said(place: PersonPlace) -> dict[str, Any]:
    return {"case": place.case["conversation_id"], "person": place.person}


def _persons_of(node: Node, connection: Connection, case_id: int) -> set[str]:
    reading = CaseReading(node, connection)
    query = select(MESSAGE).where(MESSAGE.c.case_id == case_id, MESSAGE.c.state != "rejected")
    known: set[str] = set()
    for row in map(dict, connection.execute(query).mappings().all()):
        record = reading.record(row) if node.domains.find(row["service"]) is not None else None
        if record is not None:
            known |= {one.id for one in described(record.fields).persons if one.id is not None}
    return known
