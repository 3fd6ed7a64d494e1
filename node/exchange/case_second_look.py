"""The second look at what a case's records say of persons and places, sent and received: for whoever reads the case.

A received record is judged by schema and rules alone before its receipt; what a person should look at again is computed
here, each time it is asked for, and refuses nothing.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, select

from node.exchange.case_reading import CaseReading
from node.exchange.evidence_lists import evidence_lists, points_of, terms_in_use
from node.exchange.node import Node
from node.exchange.settlement import MESSAGE
from node.records.check import CheckedRecord
from node.records.crossing_points import crossing_findings, has_crossing_points
from node.records.person_findings import (
    EvidenceLists,
    WeighedEvidence,
    evidence_findings,
    has_evidence,
    person_findings,
    weighed_evidence,
)
from node.records.problems import Problem


def looked_at_again(node: Node, connection: Connection, case: Mapping[str, Any]) -> dict[str, Any]:
    """{second_look, evidence} of a case (a row of `exchange_case`): what contradicts itself in its records or does not
    count, and how each piece of evidence counts by the terms in use. It holds what records say: for their readers."""
    reading = CaseReading(node, connection)
    looks: list[dict[str, Any]] = []
    evidence: list[dict[str, Any]] = []
    for row, record in _records(reading, case):
        lists = _lists(node, connection, record, case, row["peer"])
        problems = person_findings(record.fields, row["time"].date())
        if lists is not None:
            problems += evidence_findings(record.fields, lists)
            evidence += [_weighed(row["message_id"], one, lists) for one in weighed_evidence(record.fields, lists)]
        if has_crossing_points(record.fields):
            points = points_of(terms_in_use(connection, record.domain, row["peer"]), record.domain)
            problems += [] if points is None else crossing_findings(record.fields, points)
        looks += [_look(row["message_id"], one) for one in problems]
    return {"second_look": looks, "evidence": evidence}


def _records(reading: CaseReading, case: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], CheckedRecord]]:
    query = select(MESSAGE).where(MESSAGE.c.case_id == case["id"], MESSAGE.c.state != "rejected").order_by(MESSAGE.c.id)
    for row in map(dict, reading.connection.execute(query).mappings().all()):
        if reading.node.domains.find(row["service"]) is not None and (record := reading.record(row)) is not None:
            yield row, record


def _lists(
    node: Node, connection: Connection, record: CheckedRecord, case: Mapping[str, Any], peer: str
) -> EvidenceLists | None:
    if not has_evidence(record.fields):
        return None
    requested = peer if case["opener"] == node.party else node.party
    return evidence_lists(connection, record.domain, peer, requested)


def _look(message: str, one: Problem) -> dict[str, Any]:
    return {
        "message": message,
        "field": one.field,
        "rule": one.rule,
        "found": one.found,
        "expected": one.expected,
        "remedy": one.remedy,
    }


def _weighed(message: str, one: WeighedEvidence, lists: EvidenceLists) -> dict[str, Any]:
    return {
        "message": message,
        "persons": list(one.persons),
        "code": one.code,
        "issued": one.issued,
        "about": one.about,
        "strength": one.weight.strength,
        "at_best": one.weight.at_best,
        "doubts": list(one.weight.doubts),
        "by": sorted({row.list for row in one.weight.rows}),
        "terms": lists.terms,
    }
