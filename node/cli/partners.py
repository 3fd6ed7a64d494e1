"""`card`, `peer …`, `agreement …`: whom we exchange with, and what is open."""

import asyncio
from argparse import Namespace
from pathlib import Path
from typing import Any

from cryptography import x509

from node.cli.printing import No, home_of, show, table
from node.exchange.agreements import list_agreements
from node.exchange.cards import add_by_card, confirm_by_words, own_card
from node.exchange.directory import Directory
from node.exchange.given_peers import GivenPeer, add_as_given, add_on_paper
from node.exchange.given_peers import require_address as is_address
from node.exchange.node import Node, open_node
from node.exchange.partners import describe_peer, end_agreement_named, open_by_own_word, remove_peer
from node.exchange.partners import list_peers as peers_listed
from node.exchange.partners import show_agreement as agreement_shown
from node.exchange.partners import show_peer as peer_shown
from node.exchange.peers import KnownPeer
from node.exchange.ping import ping_peer
from node.trust.card import CardRefused, read_card
from node.trust.certificates import load_certificates
from node.trust.refused import TrustRefused

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
    try:
        return is_address(url)
    except TrustRefused as refused:
        raise No(f"--url {url}: give {refused.expected}; {refused.remedy}", 2) from None


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
    show(arguments, describe_peer(peer), _added(peer))
    return 0


def confirm(arguments: Namespace) -> int:
    """Confirm a peer by the words heard."""
    node = open_node(home_of(arguments))
    peer = confirm_by_words(node, arguments.party, arguments.words)
    show(arguments, describe_peer(peer), f"{peer.party} is confirmed.")
    return 0


def list_peers(arguments: Namespace) -> int:
    """List peers, removed ones too."""
    rows = peers_listed(open_node(home_of(arguments)))
    show(arguments, rows, table(rows, PEER_COLUMNS, "No peers. `depesha peer add CARD` adds one."))
    return 0


def show_peer(arguments: Namespace) -> int:
    """Show one peer."""
    value = peer_shown(open_node(home_of(arguments)), arguments.party)
    lines = [
        f"{name:13} {content}"
        for name, content in value.items()
        if name not in ("words", "certificates", "missing") and content is not None
    ]
    if value["words"]:
        lines.append(f"{'words':13} {' '.join(value['words'])}")
    lines += [
        f"{one['use']:13} {one['subject']}, until {one['not_after']}, sha256 {one['sha256']}"
        for one in value["certificates"]
    ]
    if value["missing"]:
        numbers = ", ".join(value["missing"])
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
    value = remove_peer(open_node(home_of(arguments)), arguments.party)
    show(arguments, value, f"{arguments.party} is removed: nothing more is taken from it.")
    return 0


def unilateral(arguments: Namespace) -> int:
    """Open pairs by our own word."""
    value = open_by_own_word(
        open_node(home_of(arguments)),
        party=arguments.peer,
        ref=arguments.ref,
        service=arguments.service,
        service_type=arguments.service_type,
        actions=arguments.action,
    )
    opened = arguments.action or [
        str(pair["action"]) for pair in value["pairs"] if pair["service"] == arguments.service
    ]
    show(arguments, value, f"Open with {arguments.peer} by our own word: {arguments.service} {', '.join(opened)}.")
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
    value = agreement_shown(open_node(home_of(arguments)), arguments.id)
    pairs: Any = value["pairs"]
    lines = [f"{name:8} {content}" for name, content in value.items() if name != "pairs" and content is not None]
    show(arguments, value, [*lines, *(f"{'opens':8} {pair['service']} {pair['action']}" for pair in pairs)])
    return 0


def end(arguments: Namespace) -> int:
    """End an agreement."""
    node = open_node(home_of(arguments))
    value = end_agreement_named(node, Directory(node), arguments.id)
    text = f"Agreement {value['id']} is ended."
    if refused := value["refused"]:
        text += f" Messages that waited under it and will not be sent: {refused}. `depesha alarm list` names them."
    show(arguments, value, text)
    return 0


def _add_on_paper(node: Node, arguments: Namespace) -> KnownPeer:
    if not arguments.party or not arguments.name:
        raise No("A partner on paper needs --party ID and --name N.", 2)
    return add_on_paper(node, arguments.party, arguments.party_type, arguments.name)


def _add_as_given(node: Node, arguments: Namespace) -> KnownPeer:
    missing = [name for name in ("party", "url", "signing_cert", "encryption_cert") if getattr(arguments, name) is None]
    if missing:
        options = ", ".join("--" + name.replace("_", "-") for name in missing)
        raise No(f"To add a peer give its CARD, or --paper, or all of its particulars; missing: {options}.", 2)
    given = GivenPeer(
        party=arguments.party,
        party_type=arguments.party_type,
        name=arguments.name or arguments.party,
        url=require_address(arguments.url),
        signing=_one_certificate(arguments.signing_cert, "--signing-cert"),
        encryption=_one_certificate(arguments.encryption_cert, "--encryption-cert"),
        authorities=[] if arguments.ca is None else load_certificates(_read(arguments.ca, "--ca")),
    )
    return add_as_given(node, given)


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise No(f"{what} {path} cannot be read: {error.strerror}. Check the name.", 2) from None


def _one_certificate(path: Path, option: str) -> x509.Certificate:
    return load_certificates(_read(path, option))[0]


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
