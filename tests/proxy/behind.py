"""Two nodes, of which one stands behind a proxy, and what a sender of ours does at that proxy by hand."""

import http.client
import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.as4 import SigningIdentity, WireMessage
from node.trust.tls import client_context
from tests.interop.nodes import until
from tests.trust_doors.foreign import ACTION, AGREEMENT, SERVICE, Answer, message, read_answer
from tests.trust_doors.homes import Home, get

OPEN = ("--ref", AGREEMENT, "--service", SERVICE, "--action", ACTION)
PIECE = 65_536
# What is waited for comes; this is for what never does.
WAIT_SECONDS = 60

Proxy = Callable[..., AbstractContextManager[int]]


@dataclass(frozen=True)
class Behind:
    """North sends; south's card names the address of a proxy, which shows the certificate of that card."""

    north: Home
    south: Home
    port: int
    folder: Path

    @property
    def keys(self) -> Path:
        return self.south.folder / "keys"

    def queue(self, *parts: str, wait: str = "0") -> str:
        """A message of north's; `wait` so many seconds for it."""
        said = self.north.run(
            "send", "--service", SERVICE, "--action", ACTION, "--to", "south", "--wait", wait, "--json",
            *(("--part", *parts) if parts else ()),
        )  # fmt: skip
        return str(json.loads(said.out)["id"])

    def failed(self, message_id: str, words: str) -> dict[str, Any]:
        """The message once an attempt has failed for a reason with these words."""

        seen: dict[str, Any] = {}

        def found() -> bool:
            seen.update(self.north.message(message_id))
            return words in ((seen["error"] or {}).get("detail") or "")

        try:
            until(found, WAIT_SECONDS, f"an attempt fails with {words!r}")
        except TimeoutError as late:
            raise AssertionError(f"{late}; it is {seen['state']}: {seen['error']}") from late
        return seen

    def delivered(self, message_id: str) -> None:
        """Wait until north has the receipt."""
        until(lambda: self.north.message(message_id)["state"] == "delivered", WAIT_SECONDS, "the receipt is there")

    def received(self) -> list[str]:
        """The messages that south keeps."""
        return [str(one["id"]) for one in self.south.do("message", "list")]

    def sources(self) -> list[str]:
        """Where the refused requests came from, by the running log of the south that serves now."""
        lines = [json.loads(line) for line in self.south.log.read_text().splitlines() if line.startswith("{")]
        return [line["source"] for line in lines if line["event"] == "refused"]

    def cut_off(self) -> int:
        """How many requests south saw end before they were whole."""
        lines = get(f"http://{self.south.inside}/metrics")[1].decode().splitlines()
        found = [line.rsplit(" ", 1)[1] for line in lines if line.startswith("depesha_") and '"cut off"' in line]
        return int(float(found[0])) if found else 0

    def crafted(self, content: bytes, signer: SigningIdentity | None = None, **header: object) -> WireMessage:
        """A message of north's as it goes on the wire, or of whoever signs as north."""
        keys = self.north.node().keys
        signing = signer or SigningIdentity(keys.signing_key, keys.signing_certificate)
        recipient = self.south.node().keys.encryption_certificate
        return message(signing, recipient, "north", "south", content, **header)  # type: ignore[arg-type]

    def post(self, wire: WireMessage, source: str, headers: Mapping[str, str], *, direct: bool = False) -> Answer:
        """Send from an address of this machine with these headers besides, to the proxy, or past it to the node."""
        host, _, port = self.south.outside.rpartition(":") if direct else ("127.0.0.1", ":", str(self.port))
        if direct:
            connection = http.client.HTTPConnection(host, int(port), WAIT_SECONDS, (source, 0))
        else:
            connection = http.client.HTTPSConnection(
                host, int(port), timeout=WAIT_SECONDS, source_address=(source, 0), context=self.trusted()
            )
        try:
            connection.request("POST", "/as4", wire.body(), {"Content-Type": wire.content_type, **headers})
            return _signal(connection.getresponse())
        finally:
            connection.close()

    def chunked(self, wire: WireMessage, pause: float = 0) -> Answer:
        """Send without a length, in chunks of 64 KiB, to the proxy; `pause` after the first two."""
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=WAIT_SECONDS, context=self.trusted())
        body = wire.body()

        def pieces() -> Iterator[bytes]:
            for n, start in enumerate(range(0, len(body), PIECE)):
                if pause and n in (1, 2):
                    time.sleep(pause)
                yield body[start : start + PIECE]

        try:
            headers = {"Content-Type": wire.content_type, "Transfer-Encoding": "chunked"}
            connection.request("POST", "/as4", pieces(), headers, encode_chunked=True)
            return _signal(connection.getresponse())
        finally:
            connection.close()

    @contextmanager
    def begun(self, content_type: str, length: int) -> Iterator[ssl.SSLSocket]:
        """A connection to the proxy on which a request of that length has begun; the body is the caller's."""
        with (
            socket.create_connection(("127.0.0.1", self.port), WAIT_SECONDS) as plain,
            self.trusted().wrap_socket(plain, server_hostname="127.0.0.1") as secured,
        ):
            head = f"POST /as4 HTTP/1.1\r\nHost: depesha.example\r\nContent-Type: {content_type}\r\n"
            secured.sendall(f"{head}Content-Length: {length}\r\n\r\n".encode())
            yield secured

    def trusted(self) -> ssl.SSLContext:
        """TLS that believes the certificate of south's card only."""
        return client_context(ssl.PEM_cert_to_DER_cert((self.keys / "tls.cert.pem").read_text()))


def _signal(answer: http.client.HTTPResponse) -> Answer:
    body = answer.read()
    assert answer.status == 200, (answer.status, body)
    return read_answer(answer.headers["Content-Type"], body)
