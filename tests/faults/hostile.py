"""What nobody honest sends to a node's wire, made by one who has a home of his own: the valid keys of a partner.

Each act says what must come of it; what the node kept of it is for the check of both nodes' records to see.
"""

import http.client
import os
import socket
import ssl
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from node.as4 import (
    ROLE_INITIATOR,
    ROLE_RESPONDER,
    SIGNAL_CONTENT_TYPE,
    ErrorSignal,
    PartOctets,
    Party,
    Receipt,
    SigningIdentity,
    UserMessage,
    WireMessage,
    read_response,
    read_signed,
    seal,
    sign,
)
from node.exchange.contents import answer_of, envelope_of, part_octets
from node.exchange.directory import Directory
from node.exchange.node import Node
from node.exchange.settlement import MESSAGE
from node.trust.certificates import SELF_MADE, Issuer, Use, make_certificate, subject_of
from tests.faults.homes import BACKSTOP_SECONDS, Home
from tests.faults.traffic import ACTION, SERVICE


@dataclass(frozen=True)
class Reply:
    """What came back over HTTP."""

    status: int
    content_type: str
    body: bytes

    @property
    def code(self) -> str:
        """`receipt`, the code of the first error, or `HTTP 503` and the like where no ebMS answer came."""
        if self.status != 200:
            return f"HTTP {self.status}"
        signal = read_response(self.content_type, self.body).signal
        assert isinstance(signal, ErrorSignal | Receipt)
        return signal.errors[0].code if isinstance(signal, ErrorSignal) else "receipt"


class NotReady(ConnectionError):
    """The node answered HTTP 503: it takes nothing now, from nobody."""


class Partner:
    """One who knows the keys of `home` and writes to `peer` by hand, past its relay."""

    def __init__(self, home: Home, peer: Home) -> None:
        self.home = home
        self.peer = peer

    @property
    def node(self) -> Node:
        """The home's node, opened in this process."""
        return self.home.node

    def message(self, message_id: str | None = None, agreement: str | None = None, **header: object) -> WireMessage:
        """A message without parts, signed by the home's keys, for an agreed pair unless `header` says otherwise."""
        values: dict[str, object] = {
            "message_id": message_id or f"{uuid.uuid4()}@hostile.example",
            "timestamp": datetime.now(UTC).replace(microsecond=0),
            "sender": Party(self.home.party, None, ROLE_INITIATOR),
            "receiver": Party(self.peer.party, None, ROLE_RESPONDER),
            "service": SERVICE,
            "action": ACTION,
            "conversation_id": str(uuid.uuid4()),
            "agreement": agreement,
        } | header
        identity = values.pop("identity", self.node.signing)
        assert isinstance(identity, SigningIdentity)
        made = UserMessage(**values)  # type: ignore[arg-type]
        return self._sealed(sign(made, [], identity, self.node.suite).xml, [])

    def again(self, row: int) -> WireMessage:
        """A message of the home's that was sent before, as it was signed, with fresh encryption."""
        signed = read_signed(envelope_of(self.node, row))
        return self._sealed(signed.xml, part_octets(self.node, row))

    def _sealed(self, xml: bytes, parts: Sequence[PartOctets]) -> WireMessage:
        directory = Directory(self.node)
        known = directory.snapshot().peers[self.peer.party]
        return seal(xml, parts, directory.recipient_certificate(known), self.node.suite)

    def connect(self) -> socket.socket:
        """A connection to the peer's listener."""
        plain = socket.create_connection(("127.0.0.1", self.peer.outside), timeout=BACKSTOP_SECONDS)
        if urlsplit(self.peer.url).scheme == "http":
            return plain
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context.wrap_socket(plain)

    def post(self, content_type: str, body: bytes) -> Reply:
        """Send octets over a connection of their own. Raises OSError when the node does not answer,
        NotReady when it takes nothing."""
        connection = http.client.HTTPConnection("127.0.0.1", self.peer.outside, timeout=BACKSTOP_SECONDS)
        connection.sock = self.connect()
        try:
            connection.request("POST", "/as4", body, {"Content-Type": content_type})
            answer = connection.getresponse()
            reply = Reply(answer.status, answer.headers.get("Content-Type", ""), answer.read())
        except http.client.HTTPException as error:
            raise ConnectionResetError(f"no answer: {error!r}") from error
        finally:
            connection.close()
        if reply.status == 503:
            raise NotReady(reply.body.decode())
        return reply

    def send(self, wire: WireMessage) -> Reply:
        """Send a message."""
        return self.post(wire.content_type, wire.body())

    def some_delivered(self) -> int | None:
        """The row of a message of the home's that the peer has receipted, the newest; None before there is one."""
        query = select(MESSAGE.c.id).where(MESSAGE.c.direction == "out", MESSAGE.c.state == "delivered")
        with self.node.database.read() as connection:
            return connection.scalar(query.order_by(MESSAGE.c.id.desc()).limit(1))

    @contextmanager
    def half_open(self, count: int, body: int = 4096) -> Iterator[list[socket.socket]]:
        """So many requests at once of which the head and some of the body came, and then nothing more."""
        wire = self.message()
        octets = wire.body()[:body]
        head = (
            f"POST /as4 HTTP/1.1\r\nHost: node\r\nContent-Type: {wire.content_type}\r\nContent-Length: 9000000\r\n\r\n"
        )
        opened = []
        try:
            for _ in range(count):
                opened.append(self.connect())
                opened[-1].sendall(head.encode() + octets)
            yield opened
        finally:
            for one in opened:
                one.close()


def duplicate(partner: Partner) -> None:
    """The same message again: the first receipt, byte for byte."""
    if (row := partner.some_delivered()) is None:
        return
    reply = partner.send(partner.again(row))
    assert reply.body == answer_of(partner.node, row), f"another answer to a duplicate: {reply.code}"


def altered(partner: Partner) -> None:
    """A message with parts whose ciphertext was touched on its way."""
    if (row := partner.some_delivered()) is None:
        return
    wire = partner.again(row)
    octets = bytearray(wire.body())
    octets[-200] ^= 1
    assert partner.post(wire.content_type, bytes(octets)).code != "receipt"


def other_content(partner: Partner) -> None:
    """An id that was used before, with other content, signed well: refused, and an alarm."""
    if (row := partner.some_delivered()) is None:
        return
    with partner.node.database.read() as connection:
        query = select(MESSAGE.c.message_id, MESSAGE.c.agreement_ref).where(MESSAGE.c.id == row)
        message_id, agreement = connection.execute(query).one()
    assert partner.send(partner.message(message_id, agreement)).code == "EBMS:0003"


def by_a_stranger(partner: Partner) -> None:
    """The partner's name, signed by a key of somebody else."""
    key = Ed25519PrivateKey.generate()
    subject = subject_of(partner.home.party, "stranger")
    certificate = make_certificate(
        SELF_MADE[Use.SIGNING], key.public_key(), subject, Issuer(subject, key), datetime.now(UTC)
    )
    wire = partner.message(identity=SigningIdentity(key, certificate))
    assert partner.send(wire).code.startswith("EBMS:")


def not_agreed(partner: Partner) -> None:
    """What no agreement covers."""
    assert partner.send(partner.message(service="urn:example:never")).code == "EBMS:0010"


def unreadable(partner: Partner) -> None:
    """Octets."""
    assert partner.post("application/octet-stream", os.urandom(2000)).status in (200, 400)
    assert partner.post(SIGNAL_CONTENT_TYPE, b"<S12:Envelope" + os.urandom(200)).status in (200, 400)


def cut_off(partner: Partner) -> None:
    """Requests that end before they are whole."""
    with partner.half_open(3):
        pass


ACTS: tuple[Callable[[Partner], None], ...] = (
    duplicate, altered, by_a_stranger, not_agreed, unreadable, cut_off, other_content,
)  # fmt: skip
