"""Parties that are no node of ours: they sign with whatever key and certificate a test gives them, send, and answer."""

import threading
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography import x509

from node.as4 import (
    ROLE_INITIATOR,
    ROLE_RESPONDER,
    SIGNAL_CONTENT_TYPE,
    DecryptionIdentity,
    ErrorSignal,
    OpenedMessage,
    PartInfo,
    PartOctets,
    Party,
    PeerPolicy,
    Property,
    Receipt,
    SigningIdentity,
    UserMessage,
    WireMessage,
    compress,
    digest_for_signature,
    make_receipt,
    open_bytes,
    read_response,
    seal,
    sign,
    suite_of,
)
from tests.trust_doors.homes import get

SERVICE = "urn:example:dispatches:1"
ACTION = "Dispatch"
AGREEMENT = "urn:example:agreement:1"
TEST = {
    "service": "http://docs.oasis-open.org/ebxml-msg/ebms/v3.0/ns/core/200704/service",
    "action": "http://docs.oasis-open.org/ebxml-msg/ebms/v3.0/ns/core/200704/test",
    "agreement": None,
}


def instant() -> datetime:
    """Now, as eb:Timestamp can say it."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def message(
    signer: SigningIdentity,
    recipient: x509.Certificate,
    sender: str,
    receiver: str,
    content: bytes | None = b"a dispatch",
    *,
    properties: dict[str, str] | None = None,
    **header: Any,
) -> WireMessage:
    """A signed and encrypted user message with one part, or none; `header` replaces fields of it."""
    suite = suite_of(signer.certificate)
    parts: list[PartOctets] = []
    if content is not None:
        packed = b"".join(compress([content], bytes(range(16))))
        parts = [PartOctets.of(PartInfo(f"{uuid.uuid4()}@foreign", "text/plain", True), packed)]
    said = replace(
        UserMessage(
            message_id=f"{uuid.uuid4()}@foreign",
            timestamp=instant(),
            sender=Party(sender, None, ROLE_INITIATOR),
            receiver=Party(receiver, None, ROLE_RESPONDER),
            service=SERVICE,
            action=ACTION,
            conversation_id=str(uuid.uuid4()),
            agreement=AGREEMENT,
            properties=tuple(Property(name, value) for name, value in (properties or {}).items()),
            parts=tuple(part.info for part in parts),
        ),
        **header,
    )
    digests = [digest_for_signature(part.open(), part.info) for part in parts]
    return seal(sign(said, digests, signer, suite).xml, parts, recipient, suite)


@dataclass(frozen=True)
class Answer:
    """What a node answered: its receipt, or the code and detail of its error."""

    receipt: bool
    code: str | None = None
    detail: str | None = None
    signed: bool = False


def read_answer(content_type: str, body: bytes) -> Answer:
    """An ebMS signal as a value."""
    read = read_response(content_type, body)
    if isinstance(read.signal, Receipt):
        return Answer(True, signed=read.signer is not None)
    assert isinstance(read.signal, ErrorSignal), read.signal
    (error,) = read.signal.errors
    return Answer(False, error.code, error.detail, read.signer is not None)


def post(url: str, wire: WireMessage, *, context: Any = None) -> Answer:
    """Send a message; the node must answer with a signal."""
    request = urllib.request.Request(url, wire.body(), {"Content-Type": wire.content_type}, method="POST")
    with urllib.request.urlopen(request, timeout=30, context=context) as answer:
        assert answer.status == 200
        return read_answer(answer.headers["Content-Type"], answer.read())


Replier = Callable[[OpenedMessage], tuple[int, str, bytes]]


class Foreign:
    """An access point that opens what it gets and answers as `reply` says; counts what came."""

    def __init__(self, decryption: DecryptionIdentity) -> None:
        self.decryption = decryption
        self.received: list[OpenedMessage] = []
        self.reply: Replier = unwilling
        self.url = ""

    @contextmanager
    def serving(self) -> Iterator["Foreign"]:
        """Answer while this lasts."""
        handler = type("Handler", (_Handler,), {"foreign": self})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_address[1]}/as4"
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join(10)

    def take(self, content_type: str, body: bytes) -> tuple[int, str, bytes]:
        """Open a message and answer it."""
        policy = PeerPolicy(suite_of(self.decryption.certificate), lambda certificate: None, [self.decryption])
        opened, _ = open_bytes(content_type, body, lambda _: policy)
        assert isinstance(opened, OpenedMessage)
        self.received.append(opened)
        return self.reply(opened)


class _Handler(BaseHTTPRequestHandler):
    foreign: Foreign
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = self._chunks()
        else:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        status, content_type, answer = self.foreign.take(self.headers["Content-Type"], body)
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


def unwilling(opened: OpenedMessage) -> tuple[int, str, bytes]:
    """An answer that says nothing of the message."""
    return 500, "text/plain", b"not today\n"


def receipt_by(signer: SigningIdentity, at: datetime | None = None) -> Replier:
    """Answers with a receipt by that certificate, which says it was made `at`, or now."""

    def reply(opened: OpenedMessage) -> tuple[int, str, bytes]:
        suite = suite_of(signer.certificate)
        return 200, SIGNAL_CONTENT_TYPE, make_receipt(opened, f"{uuid.uuid4()}@foreign", at or instant(), signer, suite)

    return reply


def answers_at(url: str, paths: Sequence[str]) -> dict[str, int]:
    """The status of a GET of each path."""
    return {path: get(f"{url}{path}")[0] for path in paths}
