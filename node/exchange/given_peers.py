"""Partners that have no card: those without a node, and those that are trusted by their certificates as given."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from cryptography import x509

from node.config import host_is_loopback
from node.exchange.node import Node
from node.exchange.partners import find_peer
from node.exchange.peers import KnownPeer, add_peer, load_peers
from node.trust.certificates import Use
from node.trust.pins import check_use, check_validity, issuing_authority
from node.trust.refused import TrustRefused
from node.trust.suites import agreement_suite, signing_suite


@dataclass(frozen=True, slots=True)
class GivenPeer:
    """What is said of a partner; `url` is its wire's full address, `authorities` whom to believe for its signing
    certificate's subject, none: the certificate alone."""

    party: str
    name: str
    url: str
    signing: x509.Certificate
    encryption: x509.Certificate
    authorities: Sequence[x509.Certificate] = ()
    party_type: str | None = None


def add_on_paper(node: Node, party: str, party_type: str | None, name: str) -> KnownPeer:
    """Add a partner without a node: its cases run by acts on paper. Raises TrustRefused for our own id, and for one
    that has a node."""
    _require_another(node, party)
    with node.database.read() as connection:
        before = load_peers(connection).get(party)
    if before is not None and before.kind != "paper" and before.state != "removed":
        raise TrustRefused(
            "party", f"{party}, which has a node", "one without", "Remove it first, if it really has none any more."
        )
    with node.database.write() as connection:
        add_peer(
            connection, party=party, party_type=party_type, name=name, kind="paper", state="confirmed", url=None,
            suite=None, certificates=(), now=node.now(),
        )  # fmt: skip
    return _known(node, party)


def add_as_given(node: Node, given: GivenPeer) -> KnownPeer:
    """Add a partner whose certificates a person vouches for. Raises TrustRefused, naming what is wrong."""
    _require_another(node, given.party)
    require_address(given.url)
    suite = signing_suite(given.signing.public_key())
    if suite is None or suite != agreement_suite(given.encryption.public_key()):
        raise TrustRefused(
            "encryption-cert", "two certificates of different suites, or of none",
            "Ed25519 with X25519, or P-256 with P-256", "Ask the partner for both of one suite.",
        )  # fmt: skip
    for certificate, use, what in (
        (given.signing, Use.SIGNING, "signing-cert"),
        (given.encryption, Use.ENCRYPTION, "encryption-cert"),
    ):
        check_validity(certificate, node.now())
        check_use(certificate, use)
        authorities = tuple(given.authorities)
        if authorities and issuing_authority(certificate, authorities, node.now()) is None:
            raise TrustRefused(
                what, f"{certificate.subject.rfc4514_string()}, not issued by the authority of ca",
                "one that it has issued directly", "Give the authority that issued it, or leave ca out.",
            )  # fmt: skip
    certificates = [("signing", given.signing), ("encryption", given.encryption)]
    certificates += [("ca", one) for one in given.authorities]
    with node.database.write() as connection:
        add_peer(
            connection, party=given.party, party_type=given.party_type, name=given.name, kind="pinned",
            state="confirmed", url=given.url, suite=suite, certificates=certificates,
            signing_subject=given.signing.subject.rfc4514_string() if given.authorities else None, now=node.now(),
        )  # fmt: skip
    return _known(node, given.party)


def require_address(url: str) -> str:
    """A wire address: https, or http on a loopback host. Raises TrustRefused."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:  # brackets that hold no address
        host = ""
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and host_is_loopback(host))):
        raise TrustRefused(
            "url", url, "the full address with https://", "http:// is for loopback hosts only; correct the address."
        )
    return url


def _require_another(node: Node, party: str) -> None:
    if party == node.party:
        raise TrustRefused("party", f"{party}, this node's own id", "that of a partner", "Give the partner's.")


def _known(node: Node, party: str) -> KnownPeer:
    with node.database.read() as connection:
        return find_peer(connection, party)
