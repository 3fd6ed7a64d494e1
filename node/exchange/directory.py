"""Peers and open pairs as one snapshot in memory, loaded anew when the configuration's version has moved.

The wire asks two things of it: by whose certificate a message must be signed (before anything is believed), and
whether an agreement in force covers it (once its sender is certain, so that the answer may say what was expected).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from cryptography import x509

from node.as4 import (
    SUITES,
    FailedAuthentication,
    PeerPolicy,
    ProcessingModeMismatch,
    UserMessage,
)
from node.exchange.agreements import OpenPair, load_pairs
from node.exchange.node import Node
from node.exchange.peers import KnownPeer, PeerRefused, configuration_version, load_peers
from node.records.notices import PURPOSE
from node.trust.pins import CertificateRefused, PeerPins, check_recipient, check_signer

# How old the snapshot may be: a removed peer or an ended agreement is refused within this time by every process.
FRESH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Peers and open pairs at one version of the configuration."""

    version: int
    peers: dict[str, KnownPeer]
    pairs: Sequence[OpenPair]

    def open_pair(
        self, peer: str, ref: str | None, service: str, service_type: str | None, action: str
    ) -> OpenPair | None:
        """The pair that covers a message with these headers, if one is open with `peer`."""
        wanted = (peer, ref, service, service_type, action)
        for pair in self.pairs:
            if (pair.peer, pair.ref, pair.service, pair.service_type, pair.action) == wanted:
                return pair
        return None

    def pair_for_sending(self, peer: str, service: str, service_type: str | None, action: str) -> OpenPair | None:
        """The newest open pair under which we may send this; any service type fits when none is asked for."""
        for pair in self.pairs:
            if (pair.peer, pair.service, pair.action) == (peer, service, action) and service_type in (
                None,
                pair.service_type,
            ):
                return pair
        return None


class Directory:
    """Answers questions about peers from a snapshot that is at most FRESH_SECONDS old."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._snapshot: Snapshot | None = None
        self._looked_at: datetime | None = None

    def snapshot(self) -> Snapshot:
        """The present snapshot. Raises StoreUnavailable when the database cannot be read."""
        now = self._node.now()
        if self._snapshot is not None and self._looked_at is not None:
            age = (now - self._looked_at).total_seconds()
            if 0 <= age < FRESH_SECONDS:
                return self._snapshot
        with self._node.database.read() as connection:
            version = configuration_version(connection)
            if self._snapshot is None or self._snapshot.version != version:
                peers = load_peers(connection)
                pairs = load_pairs(connection)
                self._snapshot = Snapshot(version, peers, [*pairs, *self._notices(peers, pairs)])
        self._looked_at = now
        return self._snapshot

    def _notices(self, peers: dict[str, KnownPeer], pairs: Sequence[OpenPair]) -> list[OpenPair]:
        """Any agreement with a peer that understands notices covers them too: they speak of its messages."""
        domain = self._node.domains.with_purpose(PURPOSE)
        if domain is None:
            return []
        agreements = {(pair.agreement, pair.ref, pair.kind, pair.peer) for pair in pairs if peers[pair.peer].depesha}
        return [
            OpenPair(agreement, ref, kind, peer, domain.namespace, None, action)
            for agreement, ref, kind, peer in sorted(agreements, reverse=True)
            for action in domain.records
        ]

    def policy_for(self, header: UserMessage) -> PeerPolicy:
        """Who must have signed a message with this header, and how; asked before anything of it is believed.

        Raises ProcessingModeMismatch (EBMS:0010) for a party that is not ours to answer for, or not known to us.
        """
        self.require_addressed_to_us(header)
        return self.policy_of(header.sender.id, header.sender.type)

    def require_addressed_to_us(self, header: UserMessage) -> None:
        """Refuse (EBMS:0010) a message whose To is another party."""
        settings = self._node.settings
        if (header.receiver.id, header.receiver.type) != (settings.party, settings.party_type):
            raise ProcessingModeMismatch("eb:To names a party that this node does not answer for")

    def policy_of(self, party: str, party_type: str | None) -> PeerPolicy:
        """The policy for messages of one peer. Raises ProcessingModeMismatch when it is not known."""
        peer = self.snapshot().peers.get(party)
        if peer is None or peer.state == "removed" or peer.kind == "paper" or peer.party_type != party_type:
            raise ProcessingModeMismatch("eb:From names a party that this node has no agreement with")
        return PeerPolicy(
            suite=SUITES[peer.suite or self._node.suite.name],
            accepts_signer=partial(self.accept_signer, peer),
            decryption=self._node.decryption,
            max_bytes=self._node.settings.largest_message_megabytes * 1_000_000,
        )

    def accept_signer(self, peer: KnownPeer, certificate: x509.Certificate) -> None:
        """Raise FailedAuthentication (EBMS:0101) unless `certificate` may sign for `peer` now."""
        try:
            check_signer(certificate, pins_of(peer), self._node.now())
        except CertificateRefused as refused:
            raise FailedAuthentication(f"the signing certificate is not accepted: {refused.reason}") from refused

    def require_agreement(self, header: UserMessage) -> OpenPair | None:
        """The open pair that covers an authenticated message, None for the test service.

        Raises ProcessingModeMismatch (EBMS:0010) that names what was found and what is open.
        """
        if header.is_test:
            return None
        snapshot = self.snapshot()
        peer = snapshot.peers[header.sender.id]
        if peer.state == "unconfirmed":
            raise ProcessingModeMismatch("this party is not confirmed here yet: expected the test service only")
        pair = snapshot.open_pair(
            header.sender.id, header.agreement, header.service, header.service_type, header.action
        )
        if pair is None:
            raise ProcessingModeMismatch(_what_is_open(snapshot, header))
        return pair

    def recipient_certificate(self, peer: KnownPeer) -> x509.Certificate:
        """The certificate to encrypt for. Raises CertificateRefused when none of the peer's can be used now."""
        known = peer.certificates_for("encryption")
        if not known:
            raise PeerRefused(f"No encryption certificate of {peer.party} is known. Add the peer anew with one.")
        check_recipient(known[0].certificate, pins_of(peer), self._node.now())
        return known[0].certificate


def pins_of(peer: KnownPeer) -> PeerPins:
    """What is believed of a peer's certificates: these ones, or a CA's with the recorded subject."""
    signing = tuple(known.certificate for known in peer.certificates_for("signing"))
    cas = tuple(known.certificate for known in peer.certificates_for("ca"))
    return PeerPins(
        signing=() if cas else signing,
        encryption=tuple(known.certificate for known in peer.certificates_for("encryption")),
        authorities=cas,
        subject=peer.signing_subject,
        revoked={known.certificate: known.revoked_at for known in peer.certificates if known.revoked_at is not None},
    )


def _what_is_open(snapshot: Snapshot, header: UserMessage) -> str:
    mine = [pair for pair in snapshot.pairs if pair.peer == header.sender.id]
    for element, found, expected in (
        ("eb:AgreementRef", header.agreement, {pair.ref for pair in mine}),
        ("eb:Service", header.service, {pair.service for pair in mine}),
        ("eb:Service/@type", header.service_type, {pair.service_type for pair in mine}),
        ("eb:Action", header.action, {pair.action for pair in mine if pair.service == header.service}),
    ):
        if found not in expected:
            options = ", ".join(sorted(value or "none" for value in expected)) or "nothing is open"
            return f"{element}: found {found or 'none'}, expected {options}"
    return "eb:CollaborationInfo: this combination of AgreementRef, Service and Action is not open"
