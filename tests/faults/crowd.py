"""Thousands of peers that one node knows: their rows, keys for each, and a process that speaks for some at once."""

import asyncio
import multiprocessing
import os
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import Any

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from node.as4 import (
    ROLE_INITIATOR,
    ROLE_RESPONDER,
    SUITES,
    FailedAuthentication,
    PartInfo,
    PartOctets,
    Party,
    SignedMessage,
    SigningIdentity,
    UserMessage,
    WireMessage,
    compress,
    digest_for_signature,
    seal,
    sign,
    verify_receipt,
)
from node.exchange.agreements import open_unilateral
from node.exchange.node import Node
from node.exchange.peers import add_peer
from node.trust.certificates import SELF_MADE, Issuer, Use, make_certificate, subject_of
from tests.faults.homes import BACKSTOP_SECONDS
from tests.faults.traffic import ACTION, SERVICE

SUITE = SUITES["eddsa-x25519"]
# Nobody listens there (RFC 5737): a peer of the crowd is never sent anything.
NOWHERE = "http://192.0.2.1/as4"
AGAIN_SECONDS = 0.2

_context = multiprocessing.get_context("forkserver")


@dataclass(frozen=True)
class Member:
    """A peer with keys of its own, as it can be handed to another process."""

    party: str
    key: bytes
    certificate: bytes

    @property
    def identity(self) -> SigningIdentity:
        """What it signs with."""
        key = Ed25519PrivateKey.from_private_bytes(self.key)
        return SigningIdentity(key, x509.load_der_x509_certificate(self.certificate))


@dataclass(frozen=True)
class Receiver:
    """The node that is written to, as a peer knows it: party, port, certificates."""

    party: str
    port: int
    signing: bytes
    encryption: bytes


@dataclass(frozen=True)
class Letter:
    """A message that a member has signed and sealed, and its body."""

    message_id: str
    signed: SignedMessage
    wire: WireMessage
    body: bytes


@dataclass(frozen=True)
class Heard:
    """What became of a crowd's messages: the ids with a verified receipt, by party; how long each took in seconds; what
    was answered but receipts, in words."""

    receipted: dict[str, list[str]]
    waits: list[float]
    otherwise: list[str]


def made(party: str) -> Member:
    """A peer of that name, with new keys."""
    key, name = Ed25519PrivateKey.generate(), subject_of(party, f"Office {party}")
    certificate = make_certificate(SELF_MADE[Use.SIGNING], key.public_key(), name, Issuer(name, key), datetime.now(UTC))
    return Member(party, key.private_bytes_raw(), certificate.public_bytes(Encoding.DER))


def know_all(node: Node, members: Sequence[Member]) -> None:
    """Record all of them as peers by certificate, with the pair of traffic open, in one transaction."""
    now = node.now()
    with node.database.write() as connection:
        for member in members:
            add_peer(
                connection, party=member.party, party_type=None, name=f"Office {member.party}", kind="pinned",
                state="confirmed", url=NOWHERE, suite=SUITE.name, now=now,
                certificates=[
                    ("signing", member.identity.certificate),
                    ("encryption", node.keys.encryption_certificate),  # nothing is ever sent to it
                ],
            )  # fmt: skip
            open_unilateral(
                connection, peer=member.party, ref=None, service=SERVICE, service_type=None, action=ACTION, now=now
            )


def written(member: Member, to: Receiver, content: bytes | None = None, **header: Any) -> Letter:
    """A new message of a member's, with one part unless `content` is empty; `header` replaces what its header says."""
    content = os.urandom(600) if content is None else content
    parts = [PartInfo(f"{uuid.uuid4()}@crowd.example", "application/octet-stream", True)] if content else []
    octets = b"".join(compress([content], os.urandom(16)))
    values: dict[str, Any] = {
        "message_id": f"{uuid.uuid4()}@crowd.example",
        "timestamp": datetime.now(UTC).replace(microsecond=0),
        "sender": Party(member.party, None, ROLE_INITIATOR),
        "receiver": Party(to.party, None, ROLE_RESPONDER),
        "service": SERVICE,
        "action": ACTION,
        "conversation_id": str(uuid.uuid4()),
        "parts": tuple(parts),
    } | header
    message = UserMessage(**values)
    signed = sign(message, [digest_for_signature([octets], info) for info in parts], member.identity, SUITE)
    recipient = x509.load_der_x509_certificate(to.encryption)
    wire = seal(signed.xml, [PartOctets.of(info, octets) for info in parts], recipient, SUITE)
    return Letter(message.message_id, signed, wire, wire.body())


class Speaking:
    """A process that speaks for some: told to begin, and asked what it has heard."""

    def __init__(self, work: Callable[..., None], *arguments: object) -> None:
        self._ours, theirs = _context.Pipe()
        self._process = _context.Process(target=work, args=(theirs, *arguments), daemon=True)
        self._process.start()
        theirs.close()

    def said(self) -> Any:
        """What it says next. Raises EOFError when it has ended instead."""
        assert self._ours.poll(BACKSTOP_SECONDS), "it says nothing"
        return self._ours.recv()

    def tell(self) -> None:
        """Let it go on."""
        self._ours.send(None)

    def end(self) -> None:
        """Leave nothing running."""
        self._process.kill()
        self._process.join()


@contextmanager
def speaking(work: Callable[..., None], *arguments: object) -> Iterator[Speaking]:
    """A process that does this work while the block runs, once it has prepared all."""
    one = Speaking(work, *arguments)
    try:
        assert one.said() == "prepared"
        yield one
    finally:
        one.end()


def speak(parent: Connection, members: Sequence[Member], to: Receiver, each: int) -> None:
    """Prepare `each` messages of each member, then send them: all members at once, one message of each at a time.

    What is not answered by a receipt is sent again, as it was. Says `prepared`, waits, says what it Heard.
    """
    letters = {member.party: [written(member, to) for _ in range(each)] for member in members}
    parent.send("prepared")
    parent.recv()
    parent.send(asyncio.run(_conversations(letters, to)))


async def _conversations(letters: dict[str, list[Letter]], to: Receiver) -> Heard:
    heard = Heard({party: [] for party in letters}, [], [])
    answers: list[tuple[str, Letter, bytes, str]] = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def converse(party: str) -> None:
            for letter in letters[party]:
                began = time.perf_counter()
                while (body := await _receipt(session, letter, to, heard)) is None:  # noqa: ASYNC110 - its own pace
                    await asyncio.sleep(AGAIN_SECONDS)
                heard.waits.append(time.perf_counter() - began)
                answers.append((party, letter, *body))

        await asyncio.gather(*(converse(party) for party in letters))
    signer = x509.load_der_x509_certificate(to.signing)

    def accepts(certificate: x509.Certificate) -> None:
        if certificate != signer:
            raise FailedAuthentication("signed by another certificate")

    for party, letter, octets, content_type in answers:
        verify_receipt(octets, content_type, letter.signed, SUITE, accepts)
        heard.receipted[party].append(letter.message_id)
    return heard


async def _receipt(
    session: aiohttp.ClientSession, letter: Letter, to: Receiver, heard: Heard
) -> tuple[bytes, str] | None:
    headers = {"Content-Type": letter.wire.content_type}
    url = f"http://127.0.0.1:{to.port}/as4"
    try:
        async with session.post(url, data=letter.body, headers=headers) as answer:
            body = await answer.read()
    except aiohttp.ClientError as error:
        heard.otherwise.append(repr(error))
        return None
    if answer.status == 200 and b"<eb:Receipt>" in body:
        return body, answer.headers["Content-Type"]
    heard.otherwise.append(f"{answer.status}: {body[:200]!r}")
    return None
