"""A peer that has a home's keys and its port, and answers as a test wants: what real software only does when it is ill.

It remembers its receipts as a node does: the same message gets the first one again.
"""

import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from node.as4 import SIGNAL_CONTENT_TYPE, OpenedMessage, PeerPolicy, SigningIdentity, make_receipt
from node.as4.open import open_bytes
from tests.faults.homes import BACKSTOP_SECONDS, Home

PIECE = 64 * 1024


@dataclass(frozen=True)
class Request:
    """One request, and the connection that it came over."""

    content_type: str
    body: bytes
    connection: socket.socket


Behaviour = Callable[["FakePeer", Request], None]


class FakePeer:
    """Listens where `home` is reached. `behaviour` answers each request, from the next one on."""

    def __init__(self, home: Home, behaviour: Behaviour) -> None:
        self.home = home
        self.behaviour = behaviour
        self.requests: Counter[str] = Counter()
        """how often each message id came"""
        self.receipts: dict[str, bytes] = {}
        self.octets_sent = 0
        self.over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", home.outside))
        self._threads: list[threading.Thread] = []
        self._connections: list[socket.socket] = []

    def opened(self, request: Request) -> OpenedMessage:
        """The message in a request, whoever signed it."""
        node = self.home.node
        policy = PeerPolicy(suite=node.suite, accepts_signer=lambda certificate: None, decryption=node.decryption)
        opened, _ = open_bytes(request.content_type, request.body, lambda header: policy)
        assert isinstance(opened, OpenedMessage)
        return opened

    def receipt(self, request: Request, identity: SigningIdentity | None = None) -> bytes:
        """The receipt for a request, the first one again; signed by another `identity` if one is given."""
        opened, node = self.opened(request), self.home.node
        message_id = opened.header.message_id
        if identity is not None:
            return make_receipt(opened, "other@fake.example", _now(), identity, node.suite)
        if message_id not in self.receipts:
            receipt = make_receipt(opened, f"{len(self.receipts)}@fake.example", _now(), node.signing, node.suite)
            self.receipts[message_id] = receipt
        return self.receipts[message_id]

    def write(self, request: Request, octets: bytes) -> None:
        """Send octets back as they are. Raises OSError once the other side has left."""
        request.connection.sendall(octets)
        self.octets_sent += len(octets)

    def answer(self, request: Request, body: bytes, content_type: str = SIGNAL_CONTENT_TYPE) -> None:
        """Send a proper HTTP answer."""
        self.write(request, response(body, content_type))

    def _serve(self) -> None:
        while not self.over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(BACKSTOP_SECONDS)
            self._connections.append(connection)
            self._start(lambda connection=connection: self._converse(connection))  # type: ignore[misc]

    def _start(self, work: Callable[[], None]) -> None:
        self._threads.append(threading.Thread(target=work, daemon=True))
        self._threads[-1].start()

    def _converse(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as file:
                while "content-length" in (head := _head(file)):  # a look whether anybody is there has none
                    body = file.read(int(head["content-length"]))
                    request = Request(head["content-type"], body, connection)
                    self.requests[self.opened(request).header.message_id] += 1
                    self.behaviour(self, request)
        except OSError:
            return  # the other side has left, or the test is over

    def start(self) -> None:
        """Begin to answer."""
        self._start(self._serve)

    def stop(self) -> None:
        """End all connections."""
        self.over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            with suppress(OSError):  # the other side has closed it
                connection.shutdown(socket.SHUT_RDWR)  # whoever waits for octets of it wakes
        for thread in self._threads:
            thread.join(BACKSTOP_SECONDS)


@contextmanager
def faking(home: Home, behaviour: Behaviour) -> Iterator[FakePeer]:
    """A peer that answers so while this lasts."""
    peer = FakePeer(home, behaviour)
    peer.start()
    try:
        yield peer
    finally:
        peer.stop()


def response(body: bytes, content_type: str = SIGNAL_CONTENT_TYPE) -> bytes:
    """A whole HTTP answer."""
    head = ("HTTP/1.1 200 OK", f"Content-Type: {content_type}", f"Content-Length: {len(body)}", "", "")
    return "\r\n".join(head).encode() + body


def _head(file: object) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in iter(file.readline, b"\r\n"):  # type: ignore[attr-defined]
        if not line:
            return {}
        name, _, value = line.decode("latin-1").partition(":")
        fields[name.lower()] = value.strip()
    return fields


def _now() -> datetime:
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
