"""`card`, `peer …`, `agreement …`: whom we exchange with, and what is open."""

import asyncio
from argparse import Namespace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from sqlalchemy import Connection

from node.cli.printing import No, home_of, show, table
from node.exchange.agreements import IN_FORCE, list_agreements, open_unilateral
from node.exchange.cards import add_by_card, confirm_by_words, own_card, words_of_peer
from node.exchange.directory import Directory
from node.exchange.ending import end_with_what_waits
from node.exchange.listing import instant_text
from node.exchange.node import Node, open_node
from node.exchange.peers import KnownPeer, add_peer, load_peers, set_peer_state
from node.exchange.ping import ping_peer
from node.exchange.sequences import missing_numbers
from node.trust.card import CardRefused, read_card
from node.trust.certificates import Use, describe, load_certificates
from node.trust.pins import check_use, check_validity, issuing_authority
from node.trust.suites import agreement_suite, signing_suite

# Of numbers that are missing, so many spans are shown.
MISSING_SHOWN = 20
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
PEER_COLUMNS = {
    "party": "party",
    "name": "name",
    "kind": "known by",
    "state": "state",
    "suite": "suite",
    "url": "address",
}
AGREEMENT_COLUMNS = {"id": "id", "peer": "peer", "kind": "kind", "state": "state", "ref": "reference"}


def require_address(url: str) -> str:
    """A wire address: https, or http on a loopback host. Raises No."""
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return url
    if parts.scheme == "http" and parts.hostname in LOOPBACK:
        return url
    raise No(f"--url {url}: give the full address with https://; http:// is for loopback hosts only.", 2)


def card(arguments: Namespace) -> int:
    """Print our card."""
    node = open_node(home_of(arguments))
    text, words = own_card(node)
    show(arguments, {"party": node.party, "card": text, "words": list(words)}, text)
    return 0


def add(arguments: Namespace) -> int:
    """Add a peer: by card, on paper, or by its certificates as given."""
    node = open_node(home_of(arguments))
    if arguments.card is not None:
        text = _read(arguments.card, "card").decode("ascii", "replace").strip()
        try:
            read_card(text)
        except CardRefused as refused:
            raise No(f"{arguments.card} is no card: {refused}") from None
        peer = add_by_card(node, text, arguments.words)
    elif arguments.paper:
        peer = _add_on_paper(node, arguments)
    else:
        peer = _add_as_given(node, arguments)
    show(arguments, _peer(peer), _added(peer))
    return 0


def confirm(arguments: Namespace) -> int:
    """Confirm a peer by the words heard."""
    node = open_node(home_of(arguments))
    peer = confirm_by_words(node, arguments.party, arguments.words)
    show(arguments, _peer(peer), f"{peer.party} is confirmed.")
    return 0


def list_peers(arguments: Namespace) -> int:
    """List peers, removed ones too."""
    node = open_node(home_of(arguments))
    with node.database.read() as connection:
        rows = [_peer(peer) for _, peer in sorted(load_peers(connection).items())]
    show(arguments, rows, table(rows, PEER_COLUMNS, "No peers. `depesha peer add CARD` adds one."))
    return 0


def show_peer(arguments: Namespace) -> int:
    """Show one peer."""
    node = open_node(home_of(arguments))
    peer = _known(node, arguments.party)
    with node.database.read() as connection:
        spans = missing_numbers(connection, peer.party, MISSING_SHOWN)
    missing = [str(first) if first == last else f"{first}-{last}" for first, last in spans]
    value = _peer(peer) | {
        "words": list(words_of_peer(peer)),
        "certificates": [_certificate(one) for one in peer.certificates],
        "missing": missing,
    }
    lines = [f"{name:13} {content}" for name, content in _peer(peer).items() if content is not None]
    if value["words"]:
        lines.append(f"{'words':13} {' '.join(value['words'])}")
    lines += [
        f"{one['use']:13} {one['subject']}, until {one['not_after']}, sha256 {one['sha256']}"
        for one in value["certificates"]
    ]
    if missing:
        numbers = ", ".join(missing)
        lines.append(f"{'missing':13} its messages number {numbers}: they did not come, or were refused and not kept")
    show(arguments, value, lines)
    return 0


def ping(arguments: Namespace) -> int:
    """Send a message of the test service and judge its answer."""
    node = open_node(home_of(arguments))
    outcome = asyncio.run(ping_peer(node, Directory(node), arguments.party))
    show(arguments, outcome.as_value(), outcome.in_words())
    return 0 if outcome.delivered else 1


def remove(arguments: Namespace) -> int:
    """Take nothing more from a peer."""
    node = open_node(home_of(arguments))
    with node.database.write() as connection:
        set_peer_state(connection, arguments.party, "removed", node.now())
    show(
        arguments,
        {"party": arguments.party, "state": "removed"},
        f"{arguments.party} is removed: nothing more is taken from it.",
    )
    return 0


def unilateral(arguments: Namespace) -> int:
    """Open a pair by our own word."""
    node = open_node(home_of(arguments))
    peer = _known(node, arguments.peer)
    if peer.depesha and not node.settings.allow_unilateral_terms:
        raise No(
            f"{peer.party} can sign terms of exchange: sign them, instead of opening a pair by our own word. "
            "To allow it all the same, set allow_unilateral_terms = true; every message is then marked so."
        )
    if peer.state == "removed" or peer.kind == "paper":
        raise No(f"{peer.party} has no node that we exchange with. Add its card or certificates first.")
    if peer.state == "unconfirmed":
        raise No(f'{peer.party} is not confirmed yet: `depesha peer confirm {peer.party} --words "…"` first.')
    domain = node.domains.find(arguments.service)
    if domain is not None and arguments.action not in domain.records:
        known = ", ".join(sorted(domain.records))
        raise No(f"{arguments.service} has no record {arguments.action!r}. As --action give one of: {known}.")
    with node.database.write() as connection:
        agreement = open_unilateral(
            connection,
            peer=peer.party,
            ref=arguments.ref,
            service=arguments.service,
            service_type=arguments.service_type,
            action=arguments.action,
            now=node.now(),
        )
        value = next(one for one in list_agreements(connection) if one["id"] == str(agreement))
    show(arguments, value, f"Open with {peer.party} by our own word: {arguments.service} {arguments.action}.")
    return 0


def agreements(arguments: Namespace) -> int:
    """List agreements."""
    node = open_node(home_of(arguments))
    with node.database.read() as connection:
        rows = list_agreements(connection)
    show(arguments, rows, table(rows, AGREEMENT_COLUMNS, "No agreements. `depesha agreement unilateral` opens a pair."))
    return 0


def show_agreement(arguments: Namespace) -> int:
    """Show one agreement, by its id or reference."""
    node = open_node(home_of(arguments))
    with node.database.read() as connection:
        found = [one for one in list_agreements(connection) if arguments.id in (one["id"], one["ref"])]
    if not found:
        raise No(f"There is no agreement {arguments.id!r}. `depesha agreement list` shows all.")
    pairs: Any = found[0]["pairs"]
    lines = [f"{name:8} {content}" for name, content in found[0].items() if name != "pairs" and content is not None]
    show(arguments, found[0], [*lines, *(f"{'opens':8} {pair['service']} {pair['action']}" for pair in pairs)])
    return 0


def end(arguments: Namespace) -> int:
    """End an agreement."""
    node = open_node(home_of(arguments))
    with node.database.write() as connection:
        agreement = _to_end(connection, arguments.id)
        refused = end_with_what_waits(node, Directory(node), connection, int(agreement), node.now())
    text = f"Agreement {agreement} is ended."
    if refused:
        text += f" Messages that waited under it and will not be sent: {refused}. `depesha alarm list` names them."
    show(arguments, {"id": agreement, "state": "ended", "refused": refused}, text)
    return 0


def _to_end(connection: Connection, name: str) -> str:
    """The id of the agreement with this id, or with this reference if no other in force has it. Raises No."""
    agreements = list_agreements(connection)
    if any(one["id"] == name for one in agreements):
        return name
    found = [str(one["id"]) for one in agreements if one["ref"] == name and one["state"] == IN_FORCE]
    if len(found) > 1:
        raise No(
            f"{len(found)} agreements in force have the reference {name!r}: name one by its id: {', '.join(found)}."
        )
    if not found:
        raise No(f"There is no agreement {name!r} in force. `depesha agreement list` shows all.")
    return found[0]


def _add_on_paper(node: Node, arguments: Namespace) -> KnownPeer:
    if not arguments.party or not arguments.name:
        raise No("A partner on paper needs --party ID and --name N.", 2)
    with node.database.write() as connection:
        add_peer(
            connection,
            party=arguments.party,
            party_type=arguments.party_type,
            name=arguments.name,
            kind="paper",
            state="confirmed",
            url=None,
            suite=None,
            certificates=(),
            now=node.now(),
        )
    return _known(node, arguments.party)


def _add_as_given(node: Node, arguments: Namespace) -> KnownPeer:
    missing = [name for name in ("party", "url", "signing_cert", "encryption_cert") if getattr(arguments, name) is None]
    if missing:
        options = ", ".join("--" + name.replace("_", "-") for name in missing)
        raise No(f"To add a peer give its CARD, or --paper, or all of its particulars; missing: {options}.", 2)
    signing = _one_certificate(arguments.signing_cert, "--signing-cert")
    encryption = _one_certificate(arguments.encryption_cert, "--encryption-cert")
    suite = signing_suite(signing.public_key())
    if suite is None or suite != agreement_suite(encryption.public_key()):
        raise No("The two certificates must be of one suite: Ed25519 with X25519, or P-256 with P-256.")
    if arguments.party == node.party:
        raise No("This is this node's own party id. Add the peer's.")
    url = require_address(arguments.url)
    certificates = [("signing", signing), ("encryption", encryption)]
    authorities = [] if arguments.ca is None else load_certificates(_read(arguments.ca, "--ca"))
    certificates += [("ca", one) for one in authorities]
    for certificate, use, option in (
        (signing, Use.SIGNING, "--signing-cert"),
        (encryption, Use.ENCRYPTION, "--encryption-cert"),
    ):
        check_validity(certificate, node.now())
        check_use(certificate, use)
        if authorities and issuing_authority(certificate, tuple(authorities), node.now()) is None:
            raise No(
                f"The certificate of {option} ({certificate.subject.rfc4514_string()}) was not issued by the authority "
                "of --ca. Give the certificate of the authority that issued it directly, or leave --ca out."
            )
    with node.database.write() as connection:
        add_peer(
            connection,
            party=arguments.party,
            party_type=arguments.party_type,
            name=arguments.name or arguments.party,
            kind="pinned",
            state="confirmed",
            url=url,
            suite=suite,
            certificates=certificates,
            signing_subject=signing.subject.rfc4514_string() if arguments.ca is not None else None,
            now=node.now(),
        )
    return _known(node, arguments.party)


def _known(node: Node, party: str) -> KnownPeer:
    with node.database.read() as connection:
        peer = load_peers(connection).get(party)
    if peer is None:
        raise No(f"There is no peer {party!r}. `depesha peer list` shows those that are known.")
    return peer


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise No(f"{what} {path} cannot be read: {error.strerror}. Check the name.", 2) from None


def _one_certificate(path: Path, option: str) -> x509.Certificate:
    return load_certificates(_read(path, option))[0]


def _peer(peer: KnownPeer) -> dict[str, Any]:
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


def _certificate(known: Any) -> dict[str, Any]:
    described = describe(known.certificate)
    return {
        "use": known.use,
        "subject": described.subject,
        "sha256": described.sha256,
        "not_before": instant_text(known.certificate.not_valid_before_utc),
        "not_after": instant_text(known.certificate.not_valid_after_utc),
        "revoked": instant_text(known.revoked_at),
    }


def _added(peer: KnownPeer) -> list[str]:
    if peer.state == "unconfirmed":
        return [
            f"{peer.party} is added, unconfirmed: test messages only.",
            "Call them, let them read out the eight words of their node, then:",
            f'  depesha peer confirm {peer.party} --words "…"',
        ]
    if peer.kind == "paper":
        return [f"{peer.party} is added as a partner on paper."]
    return [f"{peer.party} is added.", f"  depesha peer ping {peer.party}   tests the way there and back"]
