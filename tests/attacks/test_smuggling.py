"""Smuggling through the proxies of the how-to page: what the node takes is what the proxy answered for, no more.

Each ambiguous request is sent to nginx and to HAProxy, which hold connections to a running node. Whatever they make of
it, the node must not take a message that nobody got the receipt of, and the next sender must get his own answer.
"""

import re
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from node.as4 import Receipt, read_response
from node.trust.tls import client_context
from tests.attacks.target import Target, valid
from tests.attacks.test_http import AMBIGUOUS, BODIES, FLOODS, HEAD, second
from tests.interop.nodes import free_port
from tests.proxy.proxies import haproxy, nginx

pytestmark = pytest.mark.proxy
REQUESTS: dict[str, Callable[[bytes], bytes]] = {
    **{name: request for name, (request, _) in AMBIGUOUS.items()},
    **{name: request for name, (_, request) in BODIES.items()},
    **{name: lambda _, flood=flood: flood for name, flood in FLOODS.items()},
}
PROXIES: dict[str, Callable[..., AbstractContextManager[object]]] = {"nginx": nginx, "haproxy": haproxy}
# Answers come at once; a proxy that waits for more of a body that never comes is left after this time.
SECONDS = 1.0


@dataclass(frozen=True)
class Front:
    """A proxy before the node."""

    port: int
    context: ssl.SSLContext

    def exchange(self, octets: bytes, seconds: float = SECONDS) -> bytes:
        """Send octets over TLS; all that comes back until the proxy ends the connection or falls silent."""
        received = b""
        plain = socket.create_connection(("127.0.0.1", self.port), 10)
        with self.context.wrap_socket(plain) as connection:
            connection.settimeout(seconds)
            try:
                connection.sendall(octets)
                while piece := connection.recv(65536):
                    received += piece
            except OSError:
                pass  # cut off, or silent: what came counts
        return received


@pytest.fixture(scope="module", params=PROXIES)
def front(request: pytest.FixtureRequest, target: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """Each proxy in turn, with the files of the how-to page."""
    keys: Path = target.home.folder / "keys"
    port = free_port()
    trusted = client_context(ssl.PEM_cert_to_DER_cert((keys / "tls.cert.pem").read_text()))
    folder = tmp_path_factory.mktemp(request.param) / "proxy"
    with PROXIES[request.param](folder, port, target.address, keys):
        yield Front(port, trusted)


def receipts(octets: bytes) -> int:
    """How many receipts stand in what came back."""
    return len(re.findall(rb"<ebbp:NonRepudiationInformation", octets))


@pytest.mark.parametrize("name", REQUESTS)
def test_nothing_is_taken_that_the_proxy_did_not_answer_for(target: Target, front: Front, name: str) -> None:
    before = target.state().rows["message"]
    answered = front.exchange(REQUESTS[name](second()))
    taken = target.state().rows["message"] - before
    assert taken == receipts(answered), answered[:1000]

    victim = valid()
    body = victim.body()
    head = f"Content-Type: {victim.content_type}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
    reply = front.exchange(HEAD + head + body, 20)
    head, _, xml = reply.partition(b"\r\n\r\n")
    signal = read_response("application/soap+xml", xml[xml.index(b"<") : xml.rindex(b">") + 1]).signal
    assert isinstance(signal, Receipt), reply
    assert signal.ref_to_message_id == victim.find(".//eb:MessageId").text
    assert target.state().rows["message"] == before + taken + 1
