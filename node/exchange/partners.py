"""Partners and agreements as the command line and the API show them, and what both let a person do with them.

The keys of what is returned are part of the doors.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from node.exchange.agreements import IN_FORCE, list_agreements, open_unilateral
from node.exchange.cards import words_of_peer
from node.exchange.directory import Directory
from node.exchange.ending import end_with_what_waits
from node.exchange.listing import NotFound, instant_text
from node.exchange.node import Node
from node.exchange.peers import KnownCertificate, KnownPeer, PeerRefused, load_peers, set_peer_state
from node.exchange.sequences import missing_numbers
from node.trust.certificates import describe

# Of numbers that are missing, so many spans are shown.
MISSING_SHOWN = 20


def describe_peer(peer: KnownPeer) -> dict[str, Any]:
    """A peer as in the list."""
    return {
        "party": peer.party,
        "party_type": peer.party_type,
        "name": peer.name,
        "country": peer.country,
        "kind": peer.kind,
        "state": peer.state,
        "url": peer.url,
        "suite": peer.suite,
        "card_serial": peer.card_serial,
    }


def show_peer(node: Node, party: str) -> dict[str, Any]:
    """One peer: as in the list, with its words, its certificates, and its numbers that are missing. Raises NotFound."""
    with node.database.read() as connection:
        peer = find_peer(connection, party)
        spans = missing_numbers(connection, party, MISSING_SHOWN)
    return describe_peer(peer) | {
        "words": list(words_of_peer(peer)),
        "certificates": [_certificate(one) for one in peer.certificates],
        "missing": [str(first) if first == last else f"{first}-{last}" for first, last in spans],
    }


def list_peers(node: Node) -> list[dict[str, Any]]:
    """All peers by party id, removed ones too."""
    with node.database.read() as connection:
        return [describe_peer(peer) for _, peer in sorted(load_peers(connection).items())]


def find_peer(connection: Connection, party: str) -> KnownPeer:
    """The peer with that party id. Raises NotFound."""
    peer = load_peers(connection).get(party)
    if peer is None:
        raise NotFound(f"There is no peer {party!r}. `depesha peer list` shows those that are known.")
    return peer


def remove_peer(node: Node, party: str) -> dict[str, Any]:
    """Take nothing more from a peer, and send it nothing; returns {party, state}. Raises PeerRefused."""
    with node.database.write() as connection:
        set_peer_state(connection, party, "removed", node.now())
    return {"party": party, "state": "removed"}


def open_by_own_word(
    node: Node, *, party: str, ref: str | None, service: str, service_type: str | None, action: str
) -> dict[str, Any]:
    """Open a pair of service and action with a peer; returns the agreement as in the list.

    Raises NotFound for an unknown peer, PeerRefused where terms by our own word cannot hold.
    """
    with node.database.read() as connection:
        peer = find_peer(connection, party)
    if peer.depesha and not node.settings.allow_unilateral_terms:
        raise PeerRefused(
            f"{peer.party} can sign terms of exchange: sign them, instead of opening a pair by our own word. "
            "To allow it all the same, set allow_unilateral_terms = true; every message is then marked so."
        )
    if peer.state == "removed" or peer.kind == "paper":
        raise PeerRefused(f"{peer.party} has no node that we exchange with. Add its card or certificates first.")
    if peer.state == "unconfirmed":
        raise PeerRefused(f'{peer.party} is not confirmed yet: `depesha peer confirm {peer.party} --words "…"` first.')
    domain = node.domains.find(service)
    if domain is not None and action not in domain.records:
        known = ", ".join(sorted(domain.records))
        raise PeerRefused(f"{service} has no record {action!r}. As --action give one of: {known}.")
    with node.database.write() as connection:
        agreement = open_unilateral(
            connection,
            peer=peer.party,
            ref=ref,
            service=service,
            service_type=service_type,
            action=action,
            now=node.now(),
        )
        return next(one for one in list_agreements(connection) if one["id"] == str(agreement))


def show_agreement(node: Node, name: str) -> Mapping[str, Any]:
    """One agreement by its id or reference, as in the list. Raises NotFound."""
    with node.database.read() as connection:
        found = [one for one in list_agreements(connection) if name in (one["id"], one["ref"])]
    if not found:
        raise NotFound(f"There is no agreement {name!r}. `depesha agreement list` shows all.")
    return found[0]


def end_agreement_named(node: Node, directory: Directory, name: str) -> dict[str, Any]:
    """End the agreement with this id, or with this reference if no other in force has it, and what waits under it.

    Returns {id, state, refused}, the last the number of messages that will not be sent. Raises NotFound, PeerRefused.
    """
    with node.database.write() as connection:
        agreement = _to_end(connection, name)
        refused = end_with_what_waits(node, directory, connection, int(agreement), node.now())
    return {"id": agreement, "state": "ended", "refused": refused}


def _to_end(connection: Connection, name: str) -> str:
    agreements = list_agreements(connection)
    if any(one["id"] == name for one in agreements):
        return name
    found = [str(one["id"]) for one in agreements if one["ref"] == name and one["state"] == IN_FORCE]
    if len(found) > 1:
        raise PeerRefused(
            f"{len(found)} agreements in force have the reference {name!r}: name one by its id: {', '.join(found)}."
        )
    if not found:
        raise NotFound(f"There is no agreement {name!r} in force. `depesha agreement list` shows all.")
    return found[0]


def _certificate(known: KnownCertificate) -> dict[str, Any]:
    described = describe(known.certificate)
    return {
        "use": known.use,
        "subject": described.subject,
        "sha256": described.sha256,
        "not_before": instant_text(known.certificate.not_valid_before_utc),
        "not_after": instant_text(known.certificate.not_valid_after_utc),
        "revoked": instant_text(known.revoked_at),
    }
