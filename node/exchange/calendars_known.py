"""Signed calendars of days off that bind: ours as partners have them, and theirs as we have them."""

from typing import Any

from sqlalchemy import Connection

from node.exchange.case_reading import CaseReading
from node.exchange.case_terms import calendars_between
from node.exchange.listing import instant_text
from node.exchange.node import Node
from node.exchange.partners import find_peer
from node.exchange.peers import load_peers


def list_calendars(node: Node, connection: Connection, peer: str | None = None) -> list[dict[str, Any]]:
    """Calendars that we and our peers (or `peer` alone) have sent each other, those of a party in order of receipt.

    Dicts {peer, party, received, first, last, issued, source, days_off, estimated, digest, newest}; `days_off` and
    `estimated` are numbers of days. Raises NotFound for an unknown peer.
    """
    peers = sorted(load_peers(connection)) if peer is None else [find_peer(connection, peer).party]
    reading = CaseReading(node, connection)
    listed = []
    for other in peers:
        for party in (node.party, other):
            held = calendars_between(reading, other, party)
            listed += [
                {
                    "peer": other,
                    "party": party,
                    "received": instant_text(received),
                    "first": calendar.first.isoformat(),
                    "last": calendar.last.isoformat(),
                    "issued": instant_text(calendar.issued),
                    "source": calendar.source,
                    "days_off": len(calendar.days_off),
                    "estimated": sum(one.estimated for one in calendar.days_off.values()),
                    "digest": calendar.digest,
                    "newest": number == len(held),
                }
                for number, (received, calendar) in enumerate(held, 1)
            ]
    return listed
