"""What a peer puts on the wire, made piece by piece so that each piece can be wrong, and reading what comes back."""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
from cryptography import x509

from node.as4 import (
    ROLE_INITIATOR,
    ROLE_RESPONDER,
    EbmsError,
    ErrorSignal,
    PartInfo,
    PartOctets,
    Party,
    Property,
    SignedMessage,
    SigningIdentity,
    UserMessage,
    VerifiedReceipt,
    WireMessage,
    compress,
    digest_for_signature,
    read_response,
    seal,
    sign,
    verify_receipt,
)
from node.exchange.node import Node
from tests.exchange.offices import ACTION, AGREEMENT, SERVICE, Office

CONTENT = b"a dispatch of no importance"


@dataclass(frozen=True)
class Letter:
    """A signed message with its parts, ready to be sealed for one receiver; sealed anew each time."""

    header: UserMessage
    signed: SignedMessage
    parts: tuple[PartOctets, ...]
    sender: Node
    recipient: x509.Certificate

    @property
    def id(self) -> str:
        return self.header.message_id

    def sealed(self) -> WireMessage:
        return seal(self.signed.xml, self.parts, self.recipient, self.sender.suite)


def written_by(sender: Node, to: Node, infos: Sequence[PartInfo], **header: Any) -> UserMessage:
    """What the header of a message with these parts says; `header` replaces fields of it."""
    said = UserMessage(
        message_id=f"{uuid.uuid4()}@wire",
        timestamp=sender.now(),
        sender=Party(sender.party, None, ROLE_INITIATOR),
        receiver=Party(to.party, None, ROLE_RESPONDER),
        service=SERVICE,
        action=ACTION,
        conversation_id=str(uuid.uuid4()),
        agreement=AGREEMENT,
        parts=tuple(infos),
    )
    return replace(said, **header)


def letter(
    sender: Node,
    to: Node,
    contents: Sequence[tuple[str, bytes]] = (("text/plain", CONTENT),),
    *,
    identity: SigningIdentity | None = None,
    recipient: x509.Certificate | None = None,
    properties: dict[str, str] | None = None,
    **header: Any,
) -> Letter:
    """A message as `sender` writes it; `header` replaces fields of it, `identity` signs in its stead."""
    octets = [b"".join(compress([content], bytes(range(16)))) for _, content in contents]
    infos = [PartInfo(f"{uuid.uuid4()}@wire", media_type, True) for media_type, _ in contents]
    parts = tuple(PartOctets.of(info, packed) for info, packed in zip(infos, octets, strict=True))
    named = tuple(Property(name, value) for name, value in (properties or {}).items())
    said = written_by(sender, to, infos, **({"properties": named} | header))
    digests = [digest_for_signature([packed], info) for packed, info in zip(octets, infos, strict=True)]
    signed = sign(said, digests, identity or sender.signing, sender.suite)
    return Letter(said, signed, parts, sender, recipient or to.keys.encryption_certificate)


@dataclass(frozen=True)
class Reply:
    """What came back over HTTP."""

    status: int
    content_type: str
    retry_after: str | None
    body: bytes

    @property
    def error(self) -> EbmsError:
        """The one error that was answered."""
        assert self.status == 200, self
        signal = read_response(self.content_type, self.body).signal
        assert isinstance(signal, ErrorSignal), signal
        (error,) = signal.errors
        return error

    @property
    def told(self) -> tuple[str, str]:
        """Code and detail of the error that was answered."""
        return self.error.code, self.error.detail or ""

    def signed_by(self, node: Node) -> bool:
        """Whether the answer is signed by that node."""

        def accept(certificate: x509.Certificate) -> None:
            assert certificate == node.keys.signing_certificate

        read = read_response(self.content_type, self.body, suite=node.suite, accepts_signer=accept)
        return read.signer is not None and read.verified

    def receipt(self, sent: Letter, by: Node) -> VerifiedReceipt:
        """The receipt for what was sent, verified. Raises InvalidReceipt."""
        assert self.status == 200, self

        def accept(certificate: x509.Certificate) -> None:
            assert certificate == by.keys.signing_certificate

        return verify_receipt(self.body, self.content_type, sent.signed, by.suite, accept)


async def post(to: Office, sent: Letter | WireMessage) -> Reply:
    """Send a message over a connection of its own."""
    wire = sent.sealed() if isinstance(sent, Letter) else sent
    return await post_bytes(to, wire.content_type, wire.body())


async def post_to(url: str, sent: Letter) -> Reply:
    """Send a message to an address over a connection of its own."""
    wire = sent.sealed()
    return await _post(url, wire.content_type, wire.body())


async def post_bytes(to: Office, content_type: str, body: bytes) -> Reply:
    """Send any bytes."""
    return await _post(to.url, content_type, body)


async def _post(url: str, content_type: str, body: bytes) -> Reply:
    headers = {"Content-Type": content_type}
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as answer:
        return Reply(
            answer.status,
            answer.headers.get("Content-Type", ""),
            answer.headers.get("Retry-After"),
            await answer.read(),
        )


async def post_together(to: Office, sent: Sequence[Letter]) -> list[Reply]:
    """Send several messages at once, so that they share a commit."""
    return list(await asyncio.gather(*(post(to, one) for one in sent)))
