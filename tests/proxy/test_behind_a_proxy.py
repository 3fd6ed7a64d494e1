"""A node behind the proxies of the how-to page: TLS ends there, bodies stream through, and the proxy's own pages are
never taken for a delivery."""

import contextlib
import hashlib
import http.client
import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from node.as4 import SigningIdentity, WireMessage
from node.trust.tls import client_context
from tests.interop.nodes import free_port, until
from tests.proxy.proxies import haproxy, nginx
from tests.trust_doors.foreign import ACTION, AGREEMENT, SERVICE, TEST, Answer, answers_at, message, read_answer
from tests.trust_doors.homes import Home

pytestmark = pytest.mark.proxy

OPEN = ("--ref", AGREEMENT, "--service", SERVICE, "--action", ACTION)
LARGE = 50_000_000
Proxy = Callable[..., contextlib.AbstractContextManager[None]]


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

    def crafted(self, content: bytes, **header: object) -> WireMessage:
        """A message of north's as it goes on the wire."""
        keys = self.north.node().keys
        signer = SigningIdentity(keys.signing_key, keys.signing_certificate)
        recipient = self.south.node().keys.encryption_certificate
        return message(signer, recipient, "north", "south", content, **header)  # type: ignore[arg-type]


@pytest.fixture
def behind(tmp_path: Path) -> Behind:
    """Both know each other; neither serves yet and no proxy runs."""
    north, south = Home(tmp_path / "north", "north"), Home(tmp_path / "south", "south")
    port = free_port()
    south.set(url=f"https://127.0.0.1:{port}/as4", trusted_proxies=["127.0.0.1"])
    for home, other in ((north, south), (south, north)):
        home.set(allow_unilateral_terms=True)
        home.do("peer", "add", str(other.card(tmp_path)), "--words", other.words())
        home.do("agreement", "unilateral", "--peer", other.party, *OPEN)
    return Behind(north, south, port, tmp_path)


@pytest.mark.parametrize("proxy", [nginx, haproxy])
def test_messages_of_every_kind_pass(behind: Behind, proxy: Proxy, tmp_path: Path) -> None:
    north, south = behind.north, behind.south
    with proxy(tmp_path / "proxy", behind.port, south.outside, behind.keys), south.serving(), north.serving():
        assert north.do("peer", "ping", "south")["receipt"] is True

        # Nothing but the wire and the node's health.
        paths = ("/", "/readyz", "/metrics", "/as4/", "/as4/../metrics", "/healthz/x")
        assert set(answers_at(f"https://127.0.0.1:{behind.port}", paths).values()) == {404}
        assert answers_at(f"https://127.0.0.1:{behind.port}", ("/healthz",)) == {"/healthz": 200}

        # A body in chunks, as many peers send it, small and larger than any buffer.
        for size in (10, 5_000_000):
            assert chunked(behind, behind.crafted(os.urandom(size))).receipt
        assert chunked(behind, behind.crafted(b"x", agreement="urn:never")).code == "EBMS:0010"
        # Refused on the first part, with most of the body still to come: the refusal arrives all the same.
        refused = chunked(behind, behind.crafted(os.urandom(5_000_000), agreement="urn:never"))
        assert (refused.code, refused.signed) == ("EBMS:0010", True)

        # 50 MB that do not get smaller.
        content = os.urandom(LARGE)
        (tmp_path / "scan.bin").write_bytes(content)
        sent = behind.queue(f"{tmp_path / 'scan.bin'}:application/octet-stream", wait="60")
        assert north.message(sent)["state"] == "delivered"
        (part,) = south.message(sent)["parts"]
        assert (part["size"], part["sha256"]) == (LARGE, hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("proxy", [nginx, haproxy])
def test_while_the_node_is_down_nothing_is_delivered_and_afterwards_it_is(
    behind: Behind, proxy: Proxy, tmp_path: Path
) -> None:
    north, south = behind.north, behind.south
    with proxy(tmp_path / "proxy", behind.port, south.outside, behind.keys), north.serving():
        sent = behind.queue()
        shown = north.attempted(sent)
        assert (shown["state"], shown["receipt_time"]) == ("queued", None)
        assert shown["error"]["code"] == "EBMS:0005"
        assert "HTTP 50" in shown["error"]["detail"]
        assert "HTTP 50" in north.run("peer", "ping", "south").out
        with south.serving():
            until(lambda: north.message(sent)["state"] == "delivered", 20, "delivered once the node is up")
            assert [one["id"] for one in south.do("message", "list")] == [sent]


def test_a_page_about_a_body_too_large_is_no_delivery(behind: Behind, tmp_path: Path) -> None:
    limits = {"client_max_body_size": "1k"}
    with nginx(tmp_path / "proxy", behind.port, behind.south.outside, behind.keys, **limits), behind.north.serving():
        shown = behind.north.attempted(behind.queue())
        assert shown["state"] == "queued"
        assert "HTTP 413 with text/html" in shown["error"]["detail"]


def test_a_page_about_a_node_that_does_not_answer_is_no_delivery(behind: Behind, tmp_path: Path) -> None:
    with silent() as address:
        limits = {"proxy_read_timeout": "1s"}
        with nginx(tmp_path / "proxy", behind.port, address, behind.keys, **limits), behind.north.serving():
            shown = behind.north.attempted(behind.queue())
            assert shown["state"] == "queued"
            assert "HTTP 504 with text/html" in shown["error"]["detail"]


def test_a_slow_sender_and_a_slow_node_are_waited_for(behind: Behind, tmp_path: Path) -> None:
    """Longer pauses than one of the proxy's shortest limits, within a body."""
    south = behind.south
    with (
        nginx(tmp_path / "proxy", behind.port, south.outside, behind.keys, proxy_connect_timeout="1s"),
        south.serving(),
    ):
        began = time.monotonic()
        assert chunked(behind, behind.crafted(os.urandom(200_000), **TEST), pause=1.2).receipt
        assert time.monotonic() - began > 2


def chunked(behind: Behind, wire: WireMessage, pause: float = 0) -> Answer:
    """Send without a length, in chunks of 64 KiB, over TLS to the proxy; `pause` after the first two."""
    trusted = client_context(ssl.PEM_cert_to_DER_cert((behind.keys / "tls.cert.pem").read_text()))
    connection = http.client.HTTPSConnection("127.0.0.1", behind.port, timeout=30, context=trusted)
    body = wire.body()

    def pieces() -> Iterator[bytes]:
        for n, start in enumerate(range(0, len(body), 65536)):
            if pause and n in (1, 2):
                time.sleep(pause)
            yield body[start : start + 65536]

    try:
        headers = {"Content-Type": wire.content_type, "Transfer-Encoding": "chunked"}
        connection.request("POST", "/as4", pieces(), headers, encode_chunked=True)
        answer = connection.getresponse()
        assert answer.status == 200, answer.status
        return read_answer(answer.headers["Content-Type"], answer.read())
    finally:
        connection.close()


@contextlib.contextmanager
def silent() -> Iterator[str]:
    """Something that takes connections and never says a word; its address."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def take() -> None:
            with contextlib.suppress(OSError):
                while True:
                    taken.append(listener.accept()[0])

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        for one in taken:
            one.close()
