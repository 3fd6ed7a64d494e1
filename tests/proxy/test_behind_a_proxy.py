"""A node behind the proxies of the how-to page: TLS ends there, bodies stream through, and the proxy's own pages are
never taken for a delivery."""

import hashlib
import os
from pathlib import Path

import pytest

from node.as4 import SigningIdentity
from tests.interop.nodes import until
from tests.proxy.behind import WAIT_SECONDS, Behind, Proxy
from tests.proxy.proxies import haproxy, nginx, open_files
from tests.proxy.upstreams import AnswersLost, Listening
from tests.trust_doors.authorities import self_issuer, signer
from tests.trust_doors.foreign import answers_at

pytestmark = pytest.mark.proxy

LARGE = 50_000_000
EITHER = pytest.mark.parametrize("proxy", [nginx, haproxy])


@EITHER
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
            assert behind.chunked(behind.crafted(os.urandom(size))).receipt
        assert behind.chunked(behind.crafted(b"x", agreement="urn:never")).code == "EBMS:0010"
        # Refused on the first part, with most of the body still to come: the refusal arrives all the same.
        refused = behind.chunked(behind.crafted(os.urandom(5_000_000), agreement="urn:never"))
        assert (refused.code, refused.signed) == ("EBMS:0010", True)

        # 50 MB that do not get smaller.
        content = os.urandom(LARGE)
        (tmp_path / "scan.bin").write_bytes(content)
        sent = behind.queue(f"{tmp_path / 'scan.bin'}:application/octet-stream", wait="60")
        behind.delivered(sent)
        (part,) = south.message(sent)["parts"]
        assert (part["size"], part["sha256"]) == (LARGE, hashlib.sha256(content).hexdigest())


@EITHER
def test_while_the_node_is_down_nothing_is_delivered_and_afterwards_it_is(
    behind: Behind, proxy: Proxy, tmp_path: Path
) -> None:
    north, south = behind.north, behind.south
    with proxy(tmp_path / "proxy", behind.port, south.outside, behind.keys), north.serving():
        sent = behind.queue()
        shown = behind.failed(sent, "HTTP 50")
        # Between two attempts, or in the next one.
        assert shown["state"] in ("queued", "sending")
        assert (shown["receipt_time"], shown["error"]["code"]) == (None, "EBMS:0005")
        assert "HTTP 50" in north.run("peer", "ping", "south").out
        with south.serving():
            behind.delivered(sent)
            assert behind.received() == [sent]


def test_a_page_about_a_body_too_large_is_no_delivery_and_a_larger_limit_mends_it(
    behind: Behind, tmp_path: Path
) -> None:
    south = behind.south
    with south.serving(), behind.north.serving():
        with nginx(tmp_path / "small", behind.port, south.outside, behind.keys, {"client_max_body_size": "1k"}):
            sent = behind.queue()
            behind.failed(sent, "HTTP 413 with text/html")
            assert behind.received() == []
        with nginx(tmp_path / "proxy", behind.port, south.outside, behind.keys):
            behind.delivered(sent)
            assert behind.received() == [sent]


@pytest.mark.parametrize(("proxy", "directive"), [(nginx, "proxy_read_timeout"), (haproxy, "timeout server")])
def test_a_page_about_a_node_that_does_not_answer_is_no_delivery(
    behind: Behind, proxy: Proxy, directive: str, tmp_path: Path
) -> None:
    """The node has the message or has it not: the sender cannot know, and asks until it does."""
    south = behind.south
    with Listening().running() as silent, behind.north.serving():
        with proxy(tmp_path / "silent", behind.port, silent.address, behind.keys, {directive: "1s"}):
            sent = behind.queue()
            behind.failed(sent, "HTTP 504 with text/html")
        with south.serving():
            assert behind.received() == []
            lost = AnswersLost(south.outside)
            with (
                lost.running(),
                proxy(tmp_path / "lost", behind.port, lost.address, behind.keys, {directive: "1s"}),
            ):
                until(lambda: behind.received() == [sent], WAIT_SECONDS, "the node has the message")
                assert behind.north.message(sent)["state"] in ("queued", "sending")
            with proxy(tmp_path / "proxy", behind.port, south.outside, behind.keys):
                behind.delivered(sent)
                assert behind.received() == [sent]


@EITHER
def test_the_node_gets_a_body_while_it_still_comes(behind: Behind, proxy: Proxy, tmp_path: Path) -> None:
    """Half of a body is with the node before the rest was sent, and none of it in a file of the proxy."""
    with (
        Listening().running() as node,
        proxy(tmp_path / "proxy", behind.port, node.address, behind.keys) as process,
        behind.begun("text/plain", LARGE) as connection,
    ):
        connection.sendall(bytes(LARGE // 2))
        until(lambda: node.received >= LARGE // 2, WAIT_SECONDS, "half of the body is there")
        assert open_files(process, tmp_path / "proxy" / "body") == []


def test_a_proxy_that_keeps_bodies_would_be_seen(behind: Behind, tmp_path: Path) -> None:
    """What the test above looks for is there once nginx does buffer."""
    keeping = {"proxy_request_buffering": "on"}
    with (
        Listening().running() as node,
        nginx(tmp_path / "proxy", behind.port, node.address, behind.keys, keeping) as process,
        behind.begun("text/plain", LARGE) as connection,
    ):
        connection.sendall(bytes(LARGE // 2))
        until(lambda: open_files(process, tmp_path / "proxy" / "body"), WAIT_SECONDS, "the body lies in a file")
        assert node.received == 0


@pytest.mark.parametrize(("proxy", "directive"), [(nginx, "client_body_timeout"), (haproxy, "timeout server")])
def test_a_slow_body_passes_and_one_that_stalls_is_cut_off(
    behind: Behind, proxy: Proxy, directive: str, tmp_path: Path
) -> None:
    """The limit is for the pause between two pieces: the whole body here takes longer than it."""
    limits = {directive: "4s"}
    with proxy(tmp_path / "proxy", behind.port, behind.south.outside, behind.keys, limits), behind.south.serving():
        assert behind.chunked(behind.crafted(os.urandom(200_000)), pause=2.5).receipt
        kept = behind.received()

        wire = behind.crafted(os.urandom(200_000))
        body = wire.body()
        with behind.begun(wire.content_type, len(body)) as connection:
            connection.sendall(body[: len(body) // 2])
            assert behind.cut_off() == 0
            assert connection.recv(65_536)[:12] in (b"", b"HTTP/1.1 408", b"HTTP/1.1 504")
        until(lambda: behind.cut_off() == 1, WAIT_SECONDS, "the node knows that the request has ended")
        assert behind.received() == kept


FORGED = "192.0.2.1"


@EITHER
def test_whom_a_request_comes_from_is_told_by_the_proxy_alone(behind: Behind, proxy: Proxy, tmp_path: Path) -> None:
    """What a stranger writes into the proxy's headers is believed neither through it nor past it."""
    forged = {"X-Forwarded-For": FORGED, "X-Real-IP": FORGED, "Forwarded": f"for={FORGED}", "X-Forwarded-Proto": "http"}
    never = {"agreement": "urn:never"}
    south = behind.south
    with proxy(tmp_path / "proxy", behind.port, south.outside, behind.keys):
        with south.serving():
            for direct in (False, True):
                source = f"127.0.0.{3 if direct else 2}"
                answer = behind.post(behind.crafted(b"x", **never), source, forged, direct=direct)
                assert answer.code == "EBMS:0010"
                assert behind.sources()[-1] == source
        # The proxy's word is worth nothing to a node that does not name it.
        south.set(trusted_proxies=[])
        with south.serving():
            behind.post(behind.crafted(b"x", **never), "127.0.0.2", forged)
            assert behind.sources()[-1] == "127.0.0.1"


@EITHER
def test_no_header_stands_for_a_signature(behind: Behind, proxy: Proxy, tmp_path: Path) -> None:
    """The node asks for no client certificate and reads none of the headers by which proxies hand one on."""
    pem = (behind.north.folder / "keys" / "signing.cert.pem").read_text().replace("\n", "%0A")
    claimed = {
        "X-SSL-Client-Verify": "SUCCESS",
        "X-SSL-Client-Cert": pem,
        "X-Client-Cert": pem,
        "X-Forwarded-Client-Cert": f'Cert="{pem}"',
        "Client-Cert": pem,
        "Authorization": "Bearer north",
    }
    stranger: SigningIdentity = signer("north", self_issuer("north"))
    with proxy(tmp_path / "proxy", behind.port, behind.south.outside, behind.keys), behind.south.serving():
        for direct in (False, True):
            answer = behind.post(behind.crafted(b"x", stranger), "127.0.0.1", claimed, direct=direct)
            assert (answer.receipt, answer.code) == (False, "EBMS:0101")
        assert behind.received() == []
