"""Packing deliveries: what was frozen when a message was queued is read back, and encrypted anew for this attempt.

Deliveries that were claimed together go through it step by step, as submissions do (`preparation`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509

from node.as4 import SUITES, TEST_SERVICE, SignedMessage, Suite, WireMessage, seal
from node.exchange.contents import ToSend, signed_envelope
from node.exchange.directory import Directory
from node.exchange.groups import step_by_step
from node.exchange.node import Node
from node.exchange.outbox import Claim
from node.exchange.peers import KnownPeer, PeerRefused


class StaleSignature(Exception):
    """The certificate that a frozen message was signed with is no longer accepted."""


class NotSealed(Exception):
    """A message could not be encrypted for its peer: the text says why."""


class NoLongerCovered(Exception):
    """No agreement in force covers a message of which nothing was sent yet."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A delivery that was taken up, and what it sends; `covered`: it may still be sent, as was found after that."""

    claim: Claim
    content: ToSend
    covered: bool


@dataclass(frozen=True, slots=True)
class Packed:
    """What goes to the peer, with what its answer is judged by. Octets of large parts are made as they are sent."""

    peer: KnownPeer
    url: str
    signed: SignedMessage
    suite: Suite
    wire: WireMessage


def pack_together(node: Node, directory: Directory, parcels: Sequence[Parcel]) -> list[Packed | Exception]:
    """For each parcel what its attempt sends, or why it is not sent: PeerRefused, NoLongerCovered, StaleSignature,
    CertificateRefused, NotSealed, ContentGone; one that is not sent takes no other down with it."""
    all_ = [_Packing(node, directory, parcel) for parcel in parcels]
    return step_by_step(all_, (_Packing.open, _Packing.seal), _Packing.packed)


class _Packing:
    """One parcel on its way through the steps, which are taken in the order in which they stand here."""

    def __init__(self, node: Node, directory: Directory, parcel: Parcel) -> None:
        self._node = node
        self._directory = directory
        self._parcel = parcel
        self._opened: tuple[KnownPeer, str, SignedMessage] | None = None
        self._packed: Packed | None = None

    def open(self) -> None:
        """Whether it may go to that peer, and the signed envelope as it was frozen."""
        claim = self._parcel.claim
        peer = self._directory.snapshot().peers.get(claim.peer)
        if peer is None or peer.state == "removed" or peer.url is None:
            raise PeerRefused(f"{claim.peer} is not a peer any more, or has no address. Add it again.")
        if peer.state == "unconfirmed" and claim.service != TEST_SERVICE:
            raise PeerRefused(f'{claim.peer} is not confirmed: `depesha peer confirm {claim.peer} --words "…"` first.')
        if not self._parcel.covered:
            raise NoLongerCovered
        signed, signer = signed_envelope(self._node, self._parcel.content)
        self._require_current_certificate(signer)
        self._opened = peer, peer.url, signed

    def seal(self) -> None:
        """The request, encrypted for the peer."""
        if self._opened is None:
            raise RuntimeError("nothing was opened")
        peer, url, signed = self._opened
        suite = SUITES[peer.suite or self._node.suite.name]
        recipient = self._directory.recipient_certificate(peer)
        try:
            wire = seal(signed.xml, self._parcel.content.parts, recipient, suite)
        except (ValueError, TypeError) as error:
            raise NotSealed(f"it cannot be encrypted for {peer.party}: {error}") from error
        self._packed = Packed(peer, url, signed, suite, wire)

    def packed(self) -> Packed:
        """What the steps came to."""
        if self._packed is None:
            raise RuntimeError("nothing was sealed")
        return self._packed

    def _require_current_certificate(self, signer: x509.Certificate) -> None:
        now = self._node.now()
        if signer.not_valid_after_utc < now:
            raise StaleSignature(
                f"the certificate that it was signed with ended on {signer.not_valid_after_utc:%Y-%m-%d}"
            )
        if signer != self._node.keys.signing_certificate:
            raise StaleSignature("it was signed with a certificate that this node has since replaced")
