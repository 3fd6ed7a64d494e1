"""Partners and agreements as the command line and the API show them, and what both let a person do with them.

The keys of what is returned are part of the doors.
"""

import re
from collections.abc import Mapping, Sequence
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
from node.records.domains import Domains
from node.trust.certificates import describe

# Of numbers that are missing, so many spans are shown.
MISSING_SHOWN = 20
_NAMESPACE = re.compile(r"urn:depesha:[a-z-]+:[0-9]+")


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
    node: Node, *, party: str, ref: str | None, service: str, service_type: str | None, actions: Sequence[str]
) -> dict[str, Any]:
    """Open pairs of a service and each of these actions with a peer, all or none; returns the agreement as in the list.

    Without actions: of a domain's service all its records that are not open yet. Raises NotFound for an unknown peer,
    PeerRefused where terms by our own word cannot hold.
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
    _require_records(node.domains, service, actions)
    domain = node.domains.find(service)
    with node.database.write() as connection:
        wanted = [*dict.fromkeys(actions)]
        if domain is not None and not actions:
            there = _open_actions(connection, peer.party, ref, service, service_type)
            wanted = [action for action in sorted(domain.records) if action not in there]
        if not wanted:
            raise PeerRefused(
                f"All records of {service} are open with {party} already. `depesha agreement list` shows them."
            )
        for action in wanted:
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


def _require_records(domains: Domains, service: str, actions: Sequence[str]) -> None:
    domain = domains.find(service)
    if domain is None:
        if _NAMESPACE.fullmatch(service):
            known = ", ".join(sorted(one.namespace for one in domains))
            raise PeerRefused(f"This node has no domain {service!r}. As --service give one of: {known}.")
        if not actions:
            raise PeerRefused(f"{service} is no domain of this node: give its actions, as --action A.")
        return
    known = ", ".join(sorted(domain.records))
    for action in actions:
        if action not in domain.records:
            raise PeerRefused(f"{service} has no record {action!r}. As --action give one of: {known}.")


def _open_actions(
    connection: Connection, party: str, ref: str | None, service: str, service_type: str | None
) -> set[object]:
    """The actions of the service that are open with the peer under this reference."""
    return {
        pair["action"]
        for one in list_agreements(connection)
        if (one["peer"], one["ref"], one["state"]) == (party, ref, IN_FORCE)
        for pair in _pairs(one)
        if (pair["service"], pair["service_type"]) == (service, service_type)
    }


def _pairs(agreement: Mapping[str, Any]) -> Sequence[Mapping[str, object]]:
    found: Sequence[Mapping[str, object]] = agreement["pairs"]
    return found


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
