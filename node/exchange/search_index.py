"""The sealed index: what each record is found by, as keyed hashes, in a row that is written with the record.

A term is sealed by HMAC-SHA256 under a key that the key-encryption key gives for this purpose alone. Equal terms have
equal hashes: one who reads the database without the key file learns no content, and how often terms come together.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, not_, or_, select

from node.exchange.case_reading import CaseReading
from node.exchange.cases import CASE, seen_by_unit
from node.exchange.node import Node
from node.exchange.settlement import MESSAGE
from node.records.check import CheckedRecord
from node.records.person_query import PersonQuery, Wanted
from node.records.persons_described import described, search_terms
from node.store.columns import table_of
from node.store.rows import insert_new_rows, insert_rows
from node.store.tables import SearchRow

SEARCH = table_of(SearchRow)
_BLOCK_BYTES = 64
_TERM_BYTES = 6  # a clash costs the opening of a record that is then found not to match
_APART = " "
# Of a word with more readings only what all of them have in common narrows the rows down; the rest is done here.
_MOST_IN_STATEMENT = 32
_BATCH = 200


def sealed_terms(node: Node, record: CheckedRecord | None) -> str:
    """What the row of a record holds; empty for none, and for one that names nobody."""
    if record is None:
        return ""
    return _APART.join(sorted(_sealing(node.search_key).terms(search_terms(described(record.fields)))))


def write_rows(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows {message, case_id, terms} in the transaction that stores their records."""
    if rows:
        insert_rows(connection, SEARCH, rows)


def candidates(
    node: Node, connection: Connection, query: PersonQuery, unit: str | None, limit: int
) -> list[dict[str, Any]]:
    """Rows of the messages whose records may be looked for, the newest first, at most `limit`."""
    sealing = _sealing(node.search_key)
    sealed = [
        tuple(tuple(sealing.terms(terms) for terms in readings) for readings in wanted) for wanted in query.alternatives
    ]
    rows = (
        select(MESSAGE, SEARCH.c.terms)
        .join(SEARCH, SEARCH.c.message == MESSAGE.c.id)
        .where(MESSAGE.c.state != "rejected", or_(*map(_condition, sealed)), *_of_unit(unit))
        .order_by(MESSAGE.c.id.desc())
    )
    found: list[dict[str, Any]] = []
    for row in connection.execution_options(yield_per=_BATCH).execute(rows).mappings():
        terms = frozenset(row["terms"].split(_APART))
        if any(all(any(one <= terms for one in readings) for readings in wanted) for wanted in sealed):
            found.append(dict(row))
            if len(found) == limit:
                break
    return found


def unindexed(node: Node, connection: Connection) -> int:
    """How many messages should have a row of the index and have none."""
    return connection.scalar(select(func.count()).select_from(MESSAGE).where(*_without_row(node))) or 0


def build(node: Node) -> dict[str, int]:
    """Write the rows that are missing; returns {indexed, unreadable}. Ended early, it goes on where it was."""
    with node.database.read() as connection:
        query = select(MESSAGE).where(*_without_row(node)).order_by(MESSAGE.c.id)
        missing = list(map(dict, connection.execute(query).mappings()))
    indexed = unreadable = 0
    for start in range(0, len(missing), _BATCH):
        batch = missing[start : start + _BATCH]
        with node.database.read() as connection:
            reading = CaseReading(node, connection)
            records = [reading.record(row) for row in batch]
        rows = [
            {"message": row["id"], "case_id": row["case_id"], "terms": sealed_terms(node, record)}
            for row, record in zip(batch, records, strict=True)
            if record is not None
        ]
        unreadable += len(batch) - len(rows)
        if rows:
            with node.database.write() as connection:
                indexed += insert_new_rows(connection, SEARCH, rows)
    return {"indexed": indexed, "unreadable": unreadable}


class _Sealing:
    """HMAC-SHA256 (RFC 2104) of many terms under one key, whose two blocks are digested once: a third of the time."""

    def __init__(self, search_key: bytes) -> None:
        if len(search_key) > _BLOCK_BYTES:
            raise ValueError("a search key longer than a block of SHA-256")
        key = search_key.ljust(_BLOCK_BYTES, b"\0")
        self._inner = sha256(bytes(octet ^ 0x36 for octet in key))
        self._outer = sha256(bytes(octet ^ 0x5C for octet in key))

    def terms(self, plain: Iterable[str]) -> frozenset[str]:
        return frozenset(map(self._term, plain))

    def _term(self, plain: str) -> str:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(plain.encode())
        outer.update(inner.digest())
        return outer.digest()[:_TERM_BYTES].hex()


@lru_cache(maxsize=4)
def _sealing(search_key: bytes) -> _Sealing:
    return _Sealing(search_key)


def _condition(wanted: Wanted) -> ColumnElement[bool]:
    return and_(*(_any_reading(readings) for readings in wanted))


def _any_reading(readings: Sequence[frozenset[str]]) -> ColumnElement[bool]:
    if len(readings) > _MOST_IN_STATEMENT:
        return and_(True, *_contains(frozenset.intersection(*readings)))
    return or_(*(and_(True, *_contains(one)) for one in readings))


def _contains(terms: Iterable[str]) -> Iterator[ColumnElement[bool]]:
    return (SEARCH.c.terms.contains(term, autoescape=False) for term in sorted(terms))


def _of_unit(unit: str | None) -> tuple[ColumnElement[bool], ...]:
    return () if unit is None else (exists().where(CASE.c.id == MESSAGE.c.case_id, *seen_by_unit(unit)),)


def _without_row(node: Node) -> tuple[ColumnElement[bool], ...]:
    services = [domain.namespace for domain in node.domains]
    has_row = exists().where(SEARCH.c.message == MESSAGE.c.id)
    return MESSAGE.c.service.in_(services), MESSAGE.c.state != "rejected", not_(has_row)
