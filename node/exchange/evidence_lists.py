"""By which lists evidence counts between us and a peer: those that the terms in use name, with the domain's rows."""

import json
from functools import lru_cache

from sqlalchemy import Connection, select

from node.records.clocks import read_terms
from node.records.domains import Domain
from node.records.person_findings import EvidenceLists
from node.records.persons import Means, read_evidence
from node.records.persons.evidence import FILE
from node.store.columns import table_of
from node.store.tables import LocalTerms

_TERMS = table_of(LocalTerms)


def evidence_lists(connection: Connection, domain: Domain, peer: str, requested: str) -> EvidenceLists | None:
    """The lists of the terms in use with `peer`, against the party `requested`; None without terms or lists."""
    query = select(_TERMS.c.document).where(_TERMS.c.peer == peer, _TERMS.c.service == domain.namespace)
    document = connection.scalar(query.order_by(_TERMS.c.made_at.desc(), _TERMS.c.id.desc()).limit(1))
    if document is None:
        return None
    terms = read_terms(json.loads(document))
    if not terms.evidence:
        return None
    means = _means(domain.files.get(FILE, b""))
    return EvidenceLists(means, terms.evidence, terms.sides.get(requested, ""), terms.title)


@lru_cache(maxsize=16)
def _means(table: bytes) -> tuple[Means, ...]:
    """The rows of such a file; kept, since every record with evidence is weighed by them."""
    return read_evidence({FILE: table}) if table else ()
