"""What is kept of an act that was recorded by hand: who recorded it, and its scans."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, func, select

from node.exchange.case_reading import PAPER
from node.exchange.contents import sealed_octets
from node.exchange.listing import NotFound, instant_text
from node.exchange.node import Node
from node.store.columns import row_id_of, table_of
from node.store.payloads import Kind
from node.store.tables import Payload, PayloadKey

_PAYLOAD, _KEY = table_of(Payload), table_of(PayloadKey)
_SCAN: Kind = "part"
_MOST_SCANS = 999_999


@dataclass(frozen=True, slots=True)
class Scan:
    """A scanned paper: how many octets, and these."""

    size: int
    octets: Iterator[bytes]


def recorded_by_hand(connection: Connection, case_id: int) -> dict[str, dict[str, Any]]:
    """By the id of each act that was recorded by hand in a case (its row id): {recorded_by, recorded_at, scans}.

    `recorded_by` is the handle of an account or program, or the door's name; `scans` counts those that are not erased.
    """
    with_key = and_(_KEY.c.message == PAPER.c.id, _KEY.c.kind == _SCAN)
    query = (
        select(PAPER.c.id, PAPER.c.recorded_by, PAPER.c.recorded_at, func.count(_KEY.c.n).label("scans"))
        .join(_KEY, with_key, isouter=True)
        .where(PAPER.c.case_id == case_id)
        .group_by(PAPER.c.id, PAPER.c.recorded_by, PAPER.c.recorded_at)
    )
    return {
        str(row.id): {
            "recorded_by": row.recorded_by,
            "recorded_at": instant_text(row.recorded_at),
            "scans": row.scans,
        }
        for row in connection.execute(query)
    }


def scan_of(node: Node, connection: Connection, case: Mapping[str, Any], act: str, n: int) -> Scan:
    """The n-th scan of an act of a case (its row), as it was recorded: the first is 1.

    Raises NotFound, PayloadErased, SealBroken.
    """
    row_id = row_id_of(act)
    query = (
        select(PAPER.c.id, _PAYLOAD.c.size)
        .join(_PAYLOAD, and_(_PAYLOAD.c.message == PAPER.c.id, _PAYLOAD.c.kind == _SCAN, _PAYLOAD.c.n == n))
        .where(PAPER.c.case_id == case["id"], PAPER.c.id == row_id)
    )
    asked = row_id is not None and 1 <= n <= _MOST_SCANS
    row = connection.execute(query).one_or_none() if asked else None
    if row is None:
        raise NotFound(f"There is no scan {n} of an act {act!r} in this case. `depesha case show` counts them.")
    return Scan(row.size, sealed_octets(node, row.id, _SCAN, n, connection))
