"""Peers and open pairs as one snapshot in memory, loaded anew when the configuration's version has moved.

The wire asks two things of it: by whose certificate a message must be signed (before anything is believed), and
whether an agreement in force covers it (once its sender is certain, so that the answer may say what was expected).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from cryptography import x509
from sqlalchemy import Connection

from node.as4 import (
    SUITES,
    TEST_ACTION,
    TEST_SERVICE,
    FailedAuthentication,
    PeerPolicy,
    ProcessingModeMismatch,
    UserMessage,
)
from node.exchange.agreements import OpenPair, load_pairs
from node.exchange.clock import ALLOWED_DIFFERENCE
from node.exchange.node import Node
from node.exchange.peers import KnownCertificate, KnownPeer, PeerRefused, configuration_version, load_peers
from node.exchange.revocations import RevocationFolder, Stamp
from node.records.clocks import Terms
from node.records.notices import PURPOSE
from node.trust import bootstrap
from node.trust.pins import CertificateRefused, PeerPins, check_recipient, check_signer
from node.trust.revocation_list import RevocationList

# How old the snapshot may be: a removed peer or an ended agreement is refused within this time by every process.
FRESH_SECONDS = 1.0

_Headers = tuple[str, str | None, str, str | None, str]
"""Peer, AgreementRef, service, its type, action."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Peers, open pairs and what is believed of each peer, at one version of the configuration and revocation lists."""

    version: int
    peers: dict[str, KnownPeer]
    pairs: Sequence[OpenPair]
    pins: Mapping[str, PeerPins] = field(default_factory=dict)
    revocations: Stamp = ()
    policies: dict[tuple[str, str | None], PeerPolicy] = field(default_factory=dict, init=False, compare=False)
    """of peers that were asked for, by party and its type"""
    terms: dict[tuple[str, str], Terms | None] = field(default_factory=dict, init=False, compare=False)
    """of peers and services that were asked for (`submission`)"""
    _by_terms: dict[_Headers, OpenPair] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        of_terms = ((pair.peer, pair.ref, pair.service, pair.service_type, pair.action) for pair in self.pairs)
        first = dict(zip(reversed([*of_terms]), reversed(self.pairs), strict=True))
        object.__setattr__(self, "_by_terms", first)

    def open_pair(
        self, peer: str, ref: str | None, service: str, service_type: str | None, action: str
    ) -> OpenPair | None:
        """The pair that covers a message with these headers, if one is open with `peer`."""
        return self._by_terms.get((peer, ref, service, service_type, action))

    def covers(self, message: Mapping[str, Any]) -> bool:
        """Whether an agreement in force covers a message of ours (peer, agreement_ref, service, service_type, action).

        One to a peer that is not confirmed is left to its delivery, which waits until it is.
        """
        if (message["service"], message["action"]) == (TEST_SERVICE, TEST_ACTION):
            return True
        peer = self.peers.get(message["peer"])
        if peer is None or peer.state != "confirmed":
            return True
        terms = (message["agreement_ref"], message["service"], message["service_type"], message["action"])
        return self.open_pair(peer.party, *terms) is not None

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
        self._revocations = RevocationFolder(node.home)

    def snapshot(self) -> Snapshot:
        """The present snapshot. Raises StoreUnavailable when the database cannot be read."""
        now = self._node.now()
        if self._snapshot is not None and self._looked_at is not None:
            age = (now - self._looked_at).total_seconds()
            if 0 <= age < FRESH_SECONDS:
                return self._snapshot
        stamp = self._revocations.stamp()
        with self._node.database.read() as connection:
            version = configuration_version(connection)
            known = self._snapshot
            if known is None or (known.version, known.revocations) != (version, stamp):
                peers, pairs = self._load(connection)
                lists = self._revocations.load(authorities_of(peers))
                pins = {party: pins_of(peer, lists) for party, peer in peers.items()}
                self._snapshot = known = Snapshot(version, peers, pairs, pins, stamp)
        self._looked_at = now
        return known

    def _load(self, connection: Connection) -> tuple[dict[str, KnownPeer], list[OpenPair]]:
        peers = load_peers(connection)
        pairs = self._in_force(peers, load_pairs(connection))
        return peers, [*pairs, *self._notices(peers, pairs), *self._bootstrap(peers)]

    def uncovered(
        self, connection: Connection, messages: Sequence[Mapping[str, Any]], version: int
    ) -> list[Mapping[str, Any]]:
        """Those of these waiting messages that nothing `covers`, as the transaction of `connection` sees peers and
        agreements, of which it has found the `version`."""
        known = self._snapshot
        if known is None or known.version != version:
            # Not kept: the transaction may still be rolled back.
            known = Snapshot(version, *self._load(connection))
        return [message for message in messages if not known.covers(message)]

    def _in_force(self, peers: dict[str, KnownPeer], pairs: Sequence[OpenPair]) -> list[OpenPair]:
        """Without the setting no terms by our own word hold with a peer that could sign some, however old they are."""
        if self._node.settings.allow_unilateral_terms:
            return list(pairs)
        return [pair for pair in pairs if pair.kind != "unilateral" or not peers[pair.peer].depesha]

    def _bootstrap(self, peers: dict[str, KnownPeer]) -> list[OpenPair]:
        """What confirmed cards open by themselves, where the domain for it is installed: so agreements can be made."""
        domain = self._node.domains.find(bootstrap.SERVICE)
        if domain is None:
            return []
        return [
            OpenPair(0, bootstrap.AGREEMENT_REF, "bootstrap", peer.party, domain.namespace, None, action)
            for peer in peers.values()
            if peer.kind == "card" and peer.state == "confirmed"
            for action in domain.records
        ]

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
        policy = self.policy_of(header.sender.id, header.sender.type)
        if header.agreement == bootstrap.AGREEMENT_REF:
            return replace(policy, max_bytes=min(policy.max_bytes, bootstrap.MAX_BYTES))
        return policy

    def require_addressed_to_us(self, header: UserMessage) -> None:
        """Refuse (EBMS:0010) a message whose To is another party."""
        settings = self._node.settings
        if (header.receiver.id, header.receiver.type) != (settings.party, settings.party_type):
            raise ProcessingModeMismatch("eb:To names a party that this node does not answer for")

    def policy_of(self, party: str, party_type: str | None) -> PeerPolicy:
        """The policy for messages of one peer. Raises ProcessingModeMismatch when it is not known."""
        snapshot = self.snapshot()
        known = snapshot.policies.get((party, party_type))
        if known is not None:
            return known
        peer = snapshot.peers.get(party)
        if peer is None or peer.state == "removed" or peer.kind == "paper" or peer.party_type != party_type:
            raise ProcessingModeMismatch("eb:From names a party that this node has no agreement with")
        largest = self._node.settings.largest_message_megabytes * 1_000_000
        snapshot.policies[party, party_type] = policy = PeerPolicy(
            suite=SUITES[peer.suite or self._node.suite.name],
            accepts_signer=partial(self.accept_signer, peer),
            decryption=self._node.decryption,
            max_bytes=largest if peer.state == "confirmed" else min(largest, bootstrap.MAX_BYTES),
        )
        return policy

    def accept_signer(self, peer: KnownPeer, certificate: x509.Certificate, at: datetime | None = None) -> None:
        """Raise FailedAuthentication (EBMS:0101) unless `certificate` may sign for `peer` now, or might at `at`."""
        try:
            check_signer(certificate, self._pins(peer), at or self._node.now())
        except CertificateRefused as refused:
            raise FailedAuthentication(f"the signing certificate is not accepted: {refused.reason}") from refused

    def accept_receipt_signer(
        self, peer: KnownPeer, sent_at: datetime, certificate: x509.Certificate, at: datetime | None
    ) -> None:
        """As `accept_signer`, for the answer to what was sent first at `sent_at`.

        A receipt is judged by the certificates valid at its eb:Timestamp `at`: it may be the first one again,
        long after it was made. A time before the sending, or to come, proves nothing: then the present decides, as for
        errors (`at` None).
        """
        credible = at is not None and sent_at - ALLOWED_DIFFERENCE <= at <= self._node.now()
        self.accept_signer(peer, certificate, at if credible else None)

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
        # Those that hold before those that were withdrawn, so that the refusal speaks of the present one.
        refusal: CertificateRefused | None = None
        for one in sorted(known, key=lambda one: one.revoked_at is not None):
            try:
                check_recipient(one.certificate, self._pins(peer), self._node.now())
                return one.certificate
            except CertificateRefused as refused:
                refusal = refusal or refused
        assert refusal is not None
        raise refusal

    def revocation_lists(self, peer: KnownPeer) -> tuple[RevocationList, ...]:
        """The lists of the peer's authorities."""
        return self._pins(peer).crls

    def _pins(self, peer: KnownPeer) -> PeerPins:
        return self.snapshot().pins.get(peer.party) or pins_of(peer)


def authorities_of(peers: Mapping[str, KnownPeer]) -> list[x509.Certificate]:
    """Every authority that is recorded for a peer."""
    return [known.certificate for peer in peers.values() for known in peer.certificates_for("ca")]


def pins_of(peer: KnownPeer, lists: Sequence[RevocationList] = ()) -> PeerPins:
    """What is believed of a peer's certificates: these ones, or a CA's with the recorded subjects.

    Beside a CA only those of the peer's own certificates stay pinned that were withdrawn: for receipts of their time.
    """
    authorities = peer.certificates_for("ca")
    by_authority = any(known.revoked_at is None for known in authorities)
    encryption = peer.certificates_for("encryption")
    present = [known.certificate for known in encryption if known.revoked_at is None]
    certificates = tuple(known.certificate for known in authorities)
    return PeerPins(
        signing=_pinned(peer.certificates_for("signing"), by_authority),
        encryption=_pinned(encryption, by_authority),
        authorities=certificates,
        subject=peer.signing_subject,
        encryption_subject=present[0].subject.rfc4514_string() if present else None,
        revoked={known.certificate: known.revoked_at for known in peer.certificates if known.revoked_at is not None},
        crls=tuple(one for one in lists if one.authority in certificates),
    )


def _pinned(certificates: Sequence[KnownCertificate], by_authority: bool) -> tuple[x509.Certificate, ...]:
    return tuple(one.certificate for one in certificates if one.revoked_at is not None or not by_authority)


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
