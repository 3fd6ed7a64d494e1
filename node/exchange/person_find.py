"""Finding a person: candidates by the sealed index, judged by their records, shown with their cases and links.

Each search is an entry of the log, written before anything is shown: who, by what, which cases; of what was looked for
a salted digest only.
"""

import hashlib
import os
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, select

from node.access.permissions import sees_unit
from node.audit.entry import Json, append, entry
from node.exchange.case_reading import CaseReading
from node.exchange.cases import CASE, alias, resolve_case
from node.exchange.node import Node
from node.exchange.person_links import links_of
from node.exchange.search_index import SEARCH, candidates, unindexed
from node.exchange.settlement import MESSAGE
from node.records.person_query import BY_CASE, PersonQuery, QueryRefused, read_query
from node.records.persons_described import DescribedPerson, described

# So many records are opened for one search: who gets more has to say more.
MOST = 200
_SALT_BYTES = 16


def find_person(node: Node, text: str, actor: str, unit: str | None = None) -> dict[str, Any]:
    """{found, more, not_indexed}: persons by name, number, date of birth or case number; of `unit` and of none only.

    `more`: there are others, of older records. `not_indexed`: so many records have no row of the index yet. Raises
    QueryRefused.
    """
    with node.database.read() as connection:
        case: Mapping[str, Any] | None = resolve_case(connection, text.strip())
        if case is not None and not sees_unit(unit, case["unit"]):
            case = None
        query = None
        try:
            query = read_query(text)
        except QueryRefused:
            if case is None:
                raise
        rows = [] if query is None else candidates(node, connection, query, unit, MOST + 1)
        found = _persons(node, connection, query, rows[:MOST], [] if case is None else _rows_of(connection, case["id"]))
        missing = unindexed(node, connection)
    _log(node, text, found, actor)
    return {"found": found, "more": len(rows) > MOST, "not_indexed": missing}


def _persons(
    node: Node,
    connection: Connection,
    query: PersonQuery | None,
    rows: Iterable[Mapping[str, Any]],
    of_case: Iterable[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    reading = CaseReading(node, connection)
    people: dict[tuple[int, str], dict[str, Any]] = {}
    for row, by_case in [*((row, True) for row in of_case), *((row, False) for row in rows)]:
        record = reading.record(row)
        if record is None:
            continue
        told = described(record.fields)
        matched = [(person, BY_CASE) for person in told.persons] if by_case else [*query.matches(told)] if query else []
        for person, by in matched:
            # The newest record says it best; one without an id within the case is told by its name.
            key = (row["case_id"], person.id or str(person.names[0]))
            people.setdefault(key, _shown(person, by, row))
    links = links_of(connection, sorted({case for case, _ in people}))
    numbers = _numbers(connection, {case for case, _ in people})
    return [
        {"case": numbers[case], **one, "links": links.get((case, person), [])} for (case, person), one in people.items()
    ]


def _shown(person: DescribedPerson, by: str, row: Mapping[str, Any]) -> dict[str, Any]:
    own, *others = person.names
    return {
        "person": person.id,
        "name": str(own),
        "native": own.native or None,
        "also": [str(one) for one in others],
        "born": list(person.births),
        "numbers": list(person.numbers),
        "by": by,
        "peer": row["peer"],
        "message": row["message_id"],
    }


def _rows_of(connection: Connection, case_id: int) -> list[dict[str, Any]]:
    query = select(MESSAGE).join(SEARCH, SEARCH.c.message == MESSAGE.c.id).where(MESSAGE.c.case_id == case_id)
    return [dict(row) for row in connection.execute(query.order_by(MESSAGE.c.id.desc()).limit(MOST)).mappings()]


def _numbers(connection: Connection, cases: set[int]) -> dict[int, str]:
    query = select(CASE.c.id, CASE.c.alias_year, CASE.c.alias_number).where(CASE.c.id.in_(cases))
    return {row.id: alias(row.alias_year, row.alias_number) for row in connection.execute(query)}


def _log(node: Node, text: str, found: list[dict[str, Any]], actor: str) -> None:
    salt = os.urandom(_SALT_BYTES)
    asked = " ".join(text.split()).casefold()
    facts: dict[str, Json] = {
        "found": len(found),
        "by": [*sorted({str(one["by"]) for one in found})],
        "cases": [*sorted({str(one["case"]) for one in found})],
        "salt": salt.hex(),
        "asked_digest": hashlib.sha256(salt + asked.encode()).hexdigest(),
    }
    made = entry(type="person.searched", at=node.now(), actor=actor, facts=facts)
    with node.database.write() as connection:
        append(connection, [made], node.kek)
