"""Keys, messages and policies of two parties that only the tests of the wire know."""

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from cryptography import x509

from node.as4 import (
    ROLE_INITIATOR,
    ROLE_RESPONDER,
    SUITES,
    DecryptionIdentity,
    OpenedMessage,
    PartInfo,
    PartOctets,
    Party,
    PeerPolicy,
    SignedMessage,
    SigningIdentity,
    Suite,
    UserMessage,
    WireMessage,
    compress,
    digest_for_signature,
    open_bytes,
    seal,
    sign,
)
from tests.as4 import recordings

NOW = datetime(2026, 11, 25, 9, 30, 0, 123000, UTC)
SENDER = Party("blue", "urn:party", ROLE_INITIATOR)
RECEIVER = Party("red", "urn:party", ROLE_RESPONDER)
_numbers = itertools.count()


@dataclass(frozen=True)
class Parties:
    """Both sides of an exchange in one suite."""

    suite: Suite
    sender: SigningIdentity
    receiver: DecryptionIdentity
    receiver_signing: SigningIdentity
    stranger: SigningIdentity

    def policy(self, **changes: Any) -> PeerPolicy:
        """What the receiver demands of the sender."""
        plain = PeerPolicy(self.suite, recordings.only(self.sender.certificate), [self.receiver])
        return replace(plain, **changes)

    @property
    def recipient(self) -> x509.Certificate:
        return self.receiver.certificate


@functools.cache
def parties(suite: str = "eddsa-x25519") -> Parties:
    """The parties of the recordings in that suite."""
    case = "ecdsa-one-xml" if suite == "ecdsa-p256" else "one-xml"
    return Parties(
        SUITES[suite],
        recordings.signing(case, "blue"),
        recordings.decryption(case, "red"),
        recordings.signing(case, "red"),
        # signed by the same authority, but not the peer's
        recordings.signing(case, "red"),
    )


def message(parts: Sequence[PartInfo] = (), **changes: Any) -> UserMessage:
    """A plain user message with these parts."""
    plain = UserMessage(
        message_id="7d5c9d0e-1f2a-4b3c-8d4e-5f60718293a4@blue.example",
        timestamp=NOW,
        sender=SENDER,
        receiver=RECEIVER,
        service="urn:example:trade:1",
        action="application",
        conversation_id="case-1",
        agreement="urn:depesha:agreement:1",
        parts=tuple(parts),
    )
    return replace(plain, **changes)


def gzip_part(content_id: str = "record@blue.example", mime_type: str = "application/xml") -> PartInfo:
    """The usual description of a record."""
    return PartInfo(content_id, mime_type, compressed=True)


def octets_of(info: PartInfo, content: bytes) -> bytes:
    """The octets that are signed for that content."""
    return b"".join(compress([content], b"0123456789abcdef")) if info.compressed else content


def signed(
    contents: Sequence[tuple[PartInfo, bytes]] = (), who: Parties | None = None, **changes: Any
) -> tuple[SignedMessage, list[PartOctets]]:
    """A signed message with these contents, and its parts."""
    who = who or parties()
    parts = [PartOctets.of(info, octets_of(info, content)) for info, content in contents]
    digests = [digest_for_signature(part.open(), part.info) for part in parts]
    return sign(message([p.info for p in parts], **changes), digests, who.sender, who.suite), parts


def sealed(
    contents: Sequence[tuple[PartInfo, bytes]] = (), who: Parties | None = None, **changes: Any
) -> tuple[SignedMessage, WireMessage]:
    """A message as it goes on the wire."""
    who = who or parties()
    frozen, parts = signed(contents, who, **changes)
    return frozen, seal(frozen.xml, parts, who.recipient, who.suite)


def opened(wire: WireMessage, who: Parties | None = None, **policy: Any) -> tuple[OpenedMessage, list[bytes]]:
    """What the receiver makes of it."""
    return open_as(wire.content_type, wire.body(), who, **policy)


def open_as(
    content_type: str, body: bytes, who: Parties | None = None, **policy: Any
) -> tuple[OpenedMessage, list[bytes]]:
    """Open a user message with the policy of these parties."""
    chosen = (who or parties()).policy(**policy)
    result, contents = open_bytes(content_type, body, lambda _: chosen, lambda _: chosen)
    assert isinstance(result, OpenedMessage)
    return result, contents
