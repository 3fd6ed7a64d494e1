"""What the lists that the terms in use with a peer name say, with the domain's rows: by what evidence counts, and which
crossing points transfers go by."""

import json
from functools import lru_cache

from sqlalchemy import Connection, bindparam, select

from node.records.clocks import Terms, read_terms
from node.records.crossing_points import FILE as POINTS_FILE
from node.records.crossing_points import AgreedPoints, CrossingPoint, read_crossing_points
from node.records.domains import Domain
from node.records.person_findings import EvidenceLists
from node.records.persons import Means, read_evidence
from node.records.persons.evidence import FILE
from node.store.columns import table_of
from node.store.prepared import Prepared
from node.store.tables import LocalTerms

_TERMS = table_of(LocalTerms)
_NEWEST = Prepared(
    select(_TERMS.c.document)
    .where(_TERMS.c.peer == bindparam("with_peer"), _TERMS.c.service == bindparam("of_service"))
    .order_by(_TERMS.c.made_at.desc(), _TERMS.c.id.desc())
    .limit(1)
)


def evidence_lists(connection: Connection, domain: Domain, peer: str, requested: str) -> EvidenceLists | None:
    """The lists of the terms in use with `peer`, against the party `requested`; None without terms or lists."""
    return lists_of(terms_in_use(connection, domain, peer), domain, requested)


def terms_in_use(connection: Connection, domain: Domain, peer: str) -> Terms | None:
    """The newest terms with `peer`; None where there are none."""
    newest = _NEWEST.first(connection, with_peer=peer, of_service=domain.namespace)
    return None if newest is None else _read(newest.document)


def lists_of(terms: Terms | None, domain: Domain, requested: str) -> EvidenceLists | None:
    """The lists that the terms name, against the party `requested`; None without terms or lists."""
    if terms is None or not terms.evidence:
        return None
    means = _means(domain.files.get(FILE, b""))
    return EvidenceLists(means, terms.evidence, terms.sides.get(requested, ""), terms.title)


def points_of(terms: Terms | None, domain: Domain) -> AgreedPoints | None:
    """The crossing points of the lists that the terms name; None without terms or lists."""
    if terms is None or not terms.crossing_points:
        return None
    points = _points(domain.files.get(POINTS_FILE, b""))
    return AgreedPoints(tuple(one for one in points if one.list in terms.crossing_points), terms.title)


@lru_cache(maxsize=64)
def _read(document: str) -> Terms:
    """The terms; kept, since every record with evidence is weighed by them."""
    return read_terms(json.loads(document))


@lru_cache(maxsize=16)
def _means(table: bytes) -> tuple[Means, ...]:
    """The rows of such a file; kept, since every record with evidence is weighed by them."""
    return read_evidence({FILE: table}) if table else ()


@lru_cache(maxsize=16)
def _points(table: bytes) -> tuple[CrossingPoint, ...]:
    return read_crossing_points({POINTS_FILE: table}) if table else ()
