"""Erasing what a message holds: the keys of its parts and notes, what it is found by, names of files, links of persons.

What proves that it came stays: its row, the signed envelope with the digests, the receipt, the entries of the log. So
do the acts that its record held, without any value: the case goes on as it stands, on both sides alike.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, and_, delete, insert, or_, select, update

from node.exchange.case_marks import CASE, CLOCK_CHANGED
from node.exchange.case_reading import CaseReading
from node.exchange.contents import PART
from node.exchange.node import Node
from node.exchange.person_links import LINK
from node.exchange.search_index import SEARCH
from node.exchange.settlement import MESSAGE, PAYLOAD, PAYLOAD_KEY
from node.records.check import CheckedRecord
from node.records.persons_described import described
from node.records.procedure_acts import ActInRecord, acts_in
from node.store.columns import table_of
from node.store.tables import ErasedRecord

ERASED = table_of(ErasedRecord)


@dataclass(frozen=True, slots=True)
class KeptActs:
    """The acts of a record that is gone; `said` is when it says that they occurred and were recorded."""

    acts: tuple[ActInRecord, ...]
    said: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Erasing:
    """A message to be erased (its row), the acts to be kept, and the persons whom no other record of its case names."""

    message: Mapping[str, Any]
    kept: dict[str, Any]
    persons: frozenset[str]

    @classmethod
    def of(cls, node: Node, connection: Connection, message: Mapping[str, Any]) -> "Erasing":
        """What erasing this message takes, as its case stands."""
        reading = CaseReading(node, connection)
        record = reading.record(message)
        others = select(MESSAGE).where(MESSAGE.c.case_id == message["case_id"], MESSAGE.c.id != message["id"])
        named: set[str] = set()
        for row in [dict(row) for row in connection.execute(others).mappings()]:
            named |= _persons(reading.record(row))
        return cls(message, {} if record is None else _written(record), frozenset(_persons(record) - named))


def erase(connection: Connection, erasing: Erasing, actor: str, now: datetime) -> None:
    """Erase it, in the caller's transaction. What its key is gone of cannot be opened any more, in no copy of a row."""
    message, case_id = erasing.message["id"], erasing.message["case_id"]
    of_parts = (PAYLOAD.c.message == message, PAYLOAD.c.kind == "part")
    # What a person noted of it may tell what it said.
    of_content = (PAYLOAD_KEY.c.message == message, PAYLOAD_KEY.c.kind.in_(("part", "note")))
    connection.execute(delete(PAYLOAD_KEY).where(*of_content))
    # A blob that no row names is swept.
    connection.execute(update(PAYLOAD).where(*of_parts).values(inline=None, blob=None))
    connection.execute(update(PART).where(PART.c.message == message).values(name=None))
    # The row stays, empty: one that is missing would be written anew.
    connection.execute(update(SEARCH).where(SEARCH.c.message == message).values(terms=""))
    for person in erasing.persons:
        first = and_(LINK.c.first_case == case_id, LINK.c.first_person == person)
        second = and_(LINK.c.second_case == case_id, LINK.c.second_person == person)
        connection.execute(delete(LINK).where(or_(first, second)))
    row = {"message": message, "case_id": case_id, "erased_at": now, "erased_by": actor, "acts": erasing.kept}
    connection.execute(insert(ERASED).values(**row))
    connection.execute(update(CASE).where(CASE.c.id == case_id).values(**CLOCK_CHANGED))


def kept_acts(connection: Connection, message: int) -> KeptActs | None:
    """The acts of a message that was erased here; None for one that was not."""
    kept = connection.scalar(select(ERASED.c.acts).where(ERASED.c.message == message))
    if not kept:
        return None
    acts = (
        ActInRecord(
            act=one["act"],
            persons=frozenset(one["persons"]),
            concerning=one["concerning"],
            until=None if one["until"] is None else date.fromisoformat(one["until"]),
            case=one["case"],
            day=one.get("day"),
            hindered=one.get("hindered"),
            new=one.get("new"),
            party=one.get("party"),
            instead_of=one.get("instead_of"),
        )
        for one in kept["acts"]
    )
    return KeptActs(tuple(acts), kept["said"])


def times_said(record: CheckedRecord) -> dict[str, str | None]:
    """When a record says that its acts occurred and were recorded, as it has them."""
    return {
        kind: record.root.get(one.name)
        for one in record.shape.root.attributes
        for kind in ("occurred", "recorded")
        if one.marks.has(kind)
    }


def _written(record: CheckedRecord) -> dict[str, Any]:
    acts = [asdict(one) | {"persons": sorted(one.persons)} for one in acts_in(record, record.domain)]
    written: dict[str, Any] = json.loads(json.dumps({"acts": acts, "said": times_said(record)}, default=date.isoformat))
    return written


def _persons(record: CheckedRecord | None) -> set[str]:
    return set() if record is None else {one.id for one in described(record.fields).persons if one.id is not None}
