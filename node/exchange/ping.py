"""A message of the test service (ebMS 3.0 core, 5.2.2), sent at once: is the peer there, and is it who we think?"""

import ssl
import uuid
from dataclasses import dataclass
from functools import partial
from typing import Any

import aiohttp

from node.as4 import ROLE_INITIATOR, ROLE_RESPONDER, SUITES, TEST_ACTION, TEST_SERVICE, Party, UserMessage, seal, sign
from node.crash_points import crash_point
from node.exchange.directory import Directory
from node.exchange.listing import instant_text
from node.exchange.node import Node
from node.exchange.peers import KnownPeer, PeerRefused
from node.exchange.responses import Attempt, Judgement, judge
from node.exchange.transport import Progress, client_session, in_words, peer_tls, post
from node.trust.bootstrap import AGREEMENT_REF

PING_SECONDS = 30


@dataclass(frozen=True, slots=True)
class PingOutcome:
    """What came of a test message."""

    party: str
    id: str
    judgement: Judgement

    @property
    def delivered(self) -> bool:
        """Whether the peer's signed receipt came and was verified."""
        return self.judgement.kind == "delivered"

    def as_value(self) -> dict[str, Any]:
        """As the command prints it under --json."""
        receipt = self.judgement.receipt
        error = None if self.delivered else {"code": self.judgement.code, "detail": self.judgement.detail}
        return {
            "party": self.party,
            "id": self.id,
            "receipt": self.delivered,
            "receipt_time": instant_text(receipt.timestamp) if receipt is not None else None,
            "error": error,
        }

    def in_words(self) -> str:
        """For people."""
        if self.delivered:
            return f"{self.party} answered with a signed receipt: the way there and back works."
        return f"No receipt from {self.party}: {self.judgement.code} {self.judgement.detail}"


async def ping_peer(node: Node, directory: Directory, party: str) -> PingOutcome:
    """Send one test message and judge the answer. Raises PeerRefused for a party that cannot be asked."""
    peer = directory.snapshot().peers.get(party)
    if peer is None or peer.state == "removed" or peer.url is None:
        raise PeerRefused(f"{party!r} is no peer with an address. `depesha peer list` shows those that are known.")
    header = UserMessage(
        message_id=f"{uuid.uuid4()}@depesha",
        timestamp=node.now(),
        sender=Party(node.party, node.settings.party_type, ROLE_INITIATOR),
        receiver=Party(peer.party, peer.party_type, ROLE_RESPONDER),
        service=TEST_SERVICE,
        action=TEST_ACTION,
        conversation_id=str(uuid.uuid4()),
        agreement=_agreement_ref(directory, peer),
    )
    suite = SUITES[peer.suite or node.suite.name]
    signed = sign(header, [], node.signing, node.suite)
    wire = seal(signed.xml, [], directory.recipient_certificate(peer), suite)
    accepts_signer = partial(directory.accept_receipt_signer, peer, header.timestamp)
    tls = peer_tls(peer, directory.revocation_lists(peer), node.tls_terms)
    try:
        async with client_session() as session:
            crash_point("ping: before the request")
            answer = await post(session, peer.url, tls, wire, Progress(), PING_SECONDS)
            crash_point("ping: after the answer")
    except (aiohttp.ClientError, TimeoutError, OSError, ssl.SSLError) as error:
        return PingOutcome(party, header.message_id, Judgement("unreachable", "EBMS:0005", in_words(error)))
    attempt = Attempt(signed, suite, accepts_signer, failures_on_the_way=0, body_sent_before=False, limits=node.limits)
    judgement = judge(attempt, answer.status, answer.content_type, answer.body, answer.retry_after)
    return PingOutcome(party, header.message_id, judgement)


def _agreement_ref(directory: Directory, peer: KnownPeer) -> str | None:
    """The reference that peers resolve their P-Mode by; some answer no test message without one."""
    if peer.kind == "card":
        return AGREEMENT_REF
    return next((pair.ref for pair in directory.snapshot().pairs if pair.peer == peer.party), None)
