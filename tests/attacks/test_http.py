"""Requests that two readers of HTTP would cut apart differently, floods of fields, silence: over raw sockets.

What a proxy before the node might pass on must not become a second request here: of each ambiguous one the node reads
nothing further. The second request is a good message, so that a smuggled one would be delivered.
"""

import asyncio
import contextlib
import re
import socket
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from node import http_listener
from node.http_listener import BoundedHttp
from tests.attacks.catalogue import Catalogue
from tests.attacks.target import Target, valid
from tests.exchange.clock import until

catalogue = Catalogue("HTTP")
HEAD = b"POST /as4 HTTP/1.1\r\nHost: node\r\n"
SMUGGLING = ("Linhart 2005", "Kettle 2019")
CHUNKS = ("TERM.EXT 2025", "CVE-2025-43859")
SECONDS = 20


@dataclass(frozen=True)
class Exchanged:
    """What came back on a connection, and whether the node ended it."""

    octets: bytes
    ended: bool

    @property
    def statuses(self) -> list[int]:
        return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", self.octets)]


def exchange(address: str, octets: bytes, answers: int = 1) -> Exchanged:
    """Send octets; wait until the node ends the connection or has given so many answers, and a little more."""
    host, port = address.split(":")
    received = b""
    with socket.create_connection((host, int(port)), SECONDS) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(octets)
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            try:
                piece = connection.recv(65536)
            except TimeoutError:
                return Exchanged(received, False)
            except ConnectionError:
                return Exchanged(received, True)
            if not piece:
                return Exchanged(received, True)
            received += piece
            if len(Exchanged(received, False).statuses) >= answers:
                # what would be answered too many comes within this time, or has been ended
                connection.settimeout(0.2)
    raise AssertionError(f"neither ended nor answered: {received[:500]!r}")


def second() -> bytes:
    """A whole request with a good message."""
    message = valid()
    body = message.body()
    head = f"Content-Type: {message.content_type}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    return HEAD + head + body


def lengths(*fields: bytes, body: bytes = b"0\r\n\r\n") -> Callable[[bytes], bytes]:
    """A request with these fields and this body, and the second behind it."""
    return lambda smuggled: HEAD + b"".join(field + b"\r\n" for field in fields) + b"\r\n" + body + smuggled


CL, TE = b"Content-Length: 5", b"Transfer-Encoding: chunked"
AMBIGUOUS: dict[str, tuple[Callable[[bytes], bytes], tuple[str, ...]]] = {
    "cl_te": (lengths(CL, TE), SMUGGLING),
    "te_cl": (
        lambda smuggled: (
            HEAD + TE + b"\r\nContent-Length: 4\r\n\r\n%x\r\n" % len(smuggled) + smuggled + b"\r\n0\r\n\r\n"
        ),
        SMUGGLING,
    ),
    "te_te_identity": (lengths(TE, b"Transfer-Encoding: identity"), SMUGGLING),
    "te_te_unknown": (lengths(TE, b"Transfer-Encoding: x"), SMUGGLING),
    "te_te_same": (lengths(TE, TE), SMUGGLING),
    "te_list_with_identity": (lengths(b"Transfer-Encoding: identity, chunked"), SMUGGLING),
    "te_list_with_gzip": (lengths(b"Transfer-Encoding: gzip, chunked"), SMUGGLING),
    "te_chunked_not_last": (lengths(b"Transfer-Encoding: chunked, identity"), SMUGGLING),
    "te_chunked_twice": (lengths(b"Transfer-Encoding: chunked, chunked"), SMUGGLING),
    "te_misspelt": (lengths(b"Transfer-Encoding: xchunked"), SMUGGLING),
    "te_in_quotes": (lengths(b'Transfer-Encoding: "chunked"'), SMUGGLING),
    "te_with_vertical_tab": (lengths(b"Transfer-Encoding: \x0bchunked"), SMUGGLING),
    "te_with_space_before_the_colon": (lengths(CL, b"Transfer-Encoding : chunked"), ("CVE-2020-7238", *SMUGGLING)),
    "te_folded": (lengths(CL, b"Transfer-Encoding:\r\n chunked"), SMUGGLING),
    "te_after_a_space": (lengths(CL, b" Transfer-Encoding: chunked"), SMUGGLING),
    "te_after_a_bare_lf": (lengths(CL, b"X: y\nTransfer-Encoding: chunked"), SMUGGLING),
    "te_after_a_bare_cr": (lengths(CL, b"X: y\rTransfer-Encoding: chunked"), SMUGGLING),
    "te_after_a_nul": (lengths(CL, b"X: y\0Transfer-Encoding: chunked"), SMUGGLING),
    "te_in_http_1_0": (lambda smuggled: lengths(TE)(smuggled).replace(b"HTTP/1.1", b"HTTP/1.0", 1), ("RFC 9112",)),
    "cl_cl_different": (lengths(b"Content-Length: 0", CL), SMUGGLING),
    "cl_cl_same": (lengths(CL, CL), SMUGGLING),
    "cl_list": (lengths(b"Content-Length: 5, 5"), SMUGGLING),
    "cl_with_plus": (lengths(b"Content-Length: +5"), SMUGGLING),
    "cl_in_hex": (lengths(b"Content-Length: 0x5"), SMUGGLING),
    "cl_negative": (lengths(b"Content-Length: -5"), SMUGGLING),
    "cl_two_numbers": (lengths(b"Content-Length: 5 5"), SMUGGLING),
    "cl_beyond_64_bits": (lengths(b"Content-Length: 18446744073709551621"), SMUGGLING),
    "cl_empty": (lengths(b"Content-Length:"), SMUGGLING),
    "chunk_size_with_bare_lf": (lengths(TE, body=b"0\n\n"), CHUNKS),
    "chunk_extension_with_bare_lf": (lengths(TE, body=b"3;a\nb\r\nabc\r\n0\r\n\r\n"), CHUNKS),
    "chunk_size_negative": (lengths(TE, body=b"-3\r\nabc\r\n0\r\n\r\n"), CHUNKS),
    "chunk_size_with_prefix": (lengths(TE, body=b"0x3\r\nabc\r\n0\r\n\r\n"), CHUNKS),
    "chunk_size_with_space": (lengths(TE, body=b"3 \r\nabc\r\n0\r\n\r\n"), CHUNKS),
    "chunk_size_beyond_64_bits": (lengths(TE, body=b"10000000000000003\r\nabc\r\n0\r\n\r\n"), CHUNKS),
    "chunk_without_its_line_end": (lengths(TE, body=b"3\r\nabcxx0\r\n\r\n"), CHUNKS),
    "chunk_longer_than_its_size": (lengths(TE, body=b"3\r\nabcd\r\n0\r\n\r\n"), CHUNKS),
    "length_in_a_trailer": (lengths(TE, body=b"3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n"), CHUNKS),
    "request_with_bare_line_ends": (
        lambda smuggled: lengths(CL)(b"").replace(b"\r\n", b"\n") + smuggled,
        ("RFC 9112",),
    ),
    "two_hosts": (lengths(b"Host: other", CL), ("RFC 9112",)),
    "no_host": (lambda smuggled: lengths(CL)(smuggled).replace(b"Host: node\r\n", b"", 1), ("RFC 9112",)),
    "space_in_the_method": (lambda smuggled: b"PO" + b" " + lengths(CL)(smuggled)[2:], ("RFC 9112",)),
    "http_2_by_prior_knowledge": (lambda smuggled: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + smuggled, ("h2c 2020",)),
    "connect": (lambda smuggled: b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: node\r\n\r\n" + smuggled, ("h2c 2020",)),
}
UPGRADE = b"GET /as4 HTTP/1.1\r\nHost: node\r\nConnection: Upgrade\r\n"
UPGRADES = {
    "upgrade_to_h2c": UPGRADE + b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
    "upgrade_to_websocket": UPGRADE
    + b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
}
for name_, (_, sources_) in AMBIGUOUS.items():
    catalogue.named(name_, "outsider", *sources_)
for name_ in UPGRADES:
    catalogue.named(name_, "outsider", "h2c 2020")


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_an_ambiguous_request_is_refused_and_nothing_after_it_is_read(target: Target, name: str) -> None:
    with target.unmoved():
        done = exchange(target.address, AMBIGUOUS[name][0](second()))
        assert done.ended, done
        assert done.statuses == [400], done
    target.serves()


@pytest.mark.parametrize("name", UPGRADES)
def test_no_other_protocol_is_spoken(target: Target, name: str) -> None:
    with target.unmoved():
        done = exchange(target.address, UPGRADES[name])
        assert done.statuses == [405], done
    target.serves()


# --- what is unambiguous is read as the standard has it: a body is a body, whatever it looks like


def with_body(*fields: bytes) -> Callable[[bytes], bytes]:
    """A request whose body, by its Content-Length, is all that follows."""
    return lambda smuggled: lengths(*fields, b"Content-Length: %d" % len(smuggled), body=b"")(smuggled)


def at(line: bytes) -> Callable[[bytes], bytes]:
    """The same with another request line."""
    return lambda smuggled: with_body()(smuggled).replace(b"POST /as4", line, 1)


BODIES: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "cl_0": ("Kettle 2022", with_body()),
    "get_with_a_body": ("Kettle 2022", at(b"GET /healthz")),
    "zero_cl_by_expect": ("Kettle 2025", with_body(b"Expect: 100-continue")),
    "zero_cl_by_an_odd_expect": ("Kettle 2025", with_body(b"Expect: y 100-continue")),
    "te_with_an_underscore": ("Kettle 2019", with_body(b"Transfer_Encoding: chunked")),
    "whole_request_in_a_chunk": (
        "Kettle 2019",
        lambda smuggled: lengths(TE, body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(smuggled), smuggled))(b""),
    ),
    "target_of_another_host": ("RFC 9112", at(b"POST http://elsewhere.example/as4")),
}
for name_, (source_, _) in BODIES.items():
    catalogue.named(name_, "outsider", source_)


@pytest.mark.parametrize("name", BODIES)
def test_a_request_within_a_body_is_not_a_request(target: Target, name: str) -> None:
    with target.unmoved():
        done = exchange(target.address, BODIES[name][1](second()))
        assert len([status for status in done.statuses if status != 100]) == 1, done
    target.serves()


@pytest.mark.parametrize("path", ["/as4/", "//as4", "/AS4", "/x/../as4", "/as4%00", "/as4;x", "/as4/..;/as4"])
def test_the_wire_has_one_address(target: Target, path: str) -> None:
    """A proxy's rules for one path cannot be passed by by another spelling of it."""
    with target.unmoved():
        done = exchange(target.address, second().replace(b"/as4", path.encode(), 1))
        assert done.statuses == [404], done


# --- floods


FLOODS = {
    "head_of_one_endless_field": HEAD + b"X: " + b"x" * 1_000_000,
    "head_of_endless_fields": HEAD + b"X: x\r\n" * 200_000,
    "endless_target": b"POST /as4?" + b"x" * 1_000_000,
    "endless_method": b"P" * 1_000_000,
    "endless_empty_lines": b"\r\n" * 500_000,
    "endless_trailers": HEAD + TE + b"\r\n\r\n0\r\n" + b"X: x\r\n" * 200_000,
    "endless_trailer": HEAD + TE + b"\r\n\r\n0\r\nX: " + b"x" * 1_000_000,
    "endless_chunk_extension": HEAD + TE + b"\r\n\r\n3;" + b"x" * 1_000_000,
    "endless_chunk_size": HEAD + TE + b"\r\n\r\n" + b"0" * 1_000_000,
}
for name_ in FLOODS:
    catalogue.named(name_, "outsider", "CAPEC-231")


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_is_cut_off(target: Target, name: str) -> None:
    with target.unmoved():
        done = exchange(target.address, FLOODS[name])
        assert done.ended, done
        # the 400 may be lost when octets still come in on a connection that is closed
        assert set(done.statuses) <= {400, 200}, done
    target.serves()


def test_fields_up_to_the_bound_are_taken(target: Target) -> None:
    """Host, Content-Type and Content-Length are three of them."""
    fields = b"".join(b"X%d: x\r\n" % n for n in range(http_listener.MAX_FIELDS - 3))
    request = second().replace(b"Host: node\r\n", b"Host: node\r\n" + fields, 1)
    assert exchange(target.address, request).statuses == [200]
    more = request.replace(b"Host: node\r\n", b"Host: node\r\nY: y\r\n", 1)
    assert exchange(target.address, more).statuses == [400]


FRAMINGS = {
    "cl_te": (b"Content-Length: %d", TE),
    "te_cl": (TE, b"Content-Length: %d"),
    "te_twice": (TE, TE),
    "te_in_a_list": (b"Transfer-Encoding: gzip, chunked",),
    "te_misspelt": (b"Transfer-Encoding: xchunked",),
    "te_with_a_vertical_tab": (b"Transfer-Encoding: \x0bchunked",),
    "cl_twice": (b"Content-Length: %d", b"Content-Length: %d"),
    "cl_with_plus": (b"Content-Length: +%d",),
}
for name_ in FRAMINGS:
    catalogue.named(f"good_message_framed_by_{name_}", "partner", *SMUGGLING)


@pytest.mark.parametrize("name", FRAMINGS)
def test_a_partners_message_is_not_taken_from_an_ambiguous_frame(target: Target, name: str) -> None:
    """Whole and signed well, so that a proxy before the node may have read it otherwise than it was meant."""
    message = valid()
    body = message.body()
    fields = FRAMINGS[name]
    if b"chunked" in b"".join(fields):
        body = b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
    head = HEAD + b"Content-Type: " + message.content_type.encode() + b"\r\n"
    head += b"".join((field % len(body) if b"%d" in field else field) + b"\r\n" for field in fields)
    with target.unmoved():
        done = exchange(target.address, head + b"\r\n" + body)
    assert done.ended
    assert done.statuses == [400]
    target.serves()


# --- silence


class Impatient(BoundedHttp):
    """The same with times that a test can wait for."""

    head_seconds = 0.3
    silence_seconds = 0.3
    ended = 0
    """so many connections have ended"""

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        Impatient.ended += 1


@contextlib.asynccontextmanager
async def impatient(seen: list[str], answer: str = "read\n") -> AsyncIterator[int]:
    """The port of a listener that waits shortly and answers so; `seen` becomes what it made of each request."""

    async def read(request: Request) -> Response:
        try:
            body = await request.body()
        except ClientDisconnect:
            seen.append("cut off")
            raise
        seen.append(f"{len(body)} octets")
        return PlainTextResponse(answer)

    app = Starlette(routes=[Route("/as4", read, methods=["POST"])])
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http=Impatient, log_config=None, access_log=False, lifespan="off")
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    try:
        yield listener.getsockname()[1]
    finally:
        await server.shutdown(sockets=[listener])


async def test_many_requests_ahead_of_their_answers_are_cut_off() -> None:
    async with impatient(seen := []) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        request = HEAD + b"Content-Length: 2\r\n\r\nab"
        writer.write(request * http_listener.MAX_AHEAD)
        async with asyncio.timeout(SECONDS):
            for _ in range(http_listener.MAX_AHEAD):
                await reader.readuntil(b"read\n")
            writer.write(request * 10_000)
            with contextlib.suppress(ConnectionError):
                await reader.read()
        writer.close()
    assert len(seen) < 100


catalogue.named("requests_without_waiting_for_answers", "outsider", "RFC 9112")


SILENCES = {
    "silent_from_the_first": b"",
    "silent_within_a_head": HEAD + b"X: ",
    "silent_before_a_body": HEAD + b"Content-Length: 5\r\n\r\n",
    "silent_within_a_body": HEAD + b"Content-Length: 5\r\n\r\nab",
    "silent_within_a_chunk": HEAD + TE + b"\r\n\r\n5\r\nab",
}
for name_ in SILENCES:
    catalogue.named(name_, "outsider", "Slowloris 2009")


@pytest.mark.parametrize("name", SILENCES)
async def test_a_silent_peer_is_cut_off(name: str) -> None:
    seen: list[str] = []
    async with impatient(seen) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(SILENCES[name])
        async with asyncio.timeout(SECONDS):
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
        writer.close()
        if "body" in name or "chunk" in name:
            await until(lambda: seen == ["cut off"], "the request is known to be cut off")


async def test_a_head_that_drips_is_cut_off_all_the_same() -> None:
    async with impatient([]) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(SECONDS):
            with contextlib.suppress(ConnectionError):
                while not reader.at_eof():
                    writer.write(b"X")
                    await writer.drain()
                    await asyncio.sleep(0.05)
        assert reader.at_eof() or reader.exception() is not None
        writer.close()


catalogue.named("head_that_drips", "outsider", "Slowloris 2009")


async def test_a_slow_body_that_goes_on_is_waited_for() -> None:
    """Longer in all than the silence that is allowed, but never silent so long; and again on the same connection."""
    seen: list[str] = []
    async with impatient(seen) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(HEAD + b"Content-Length: 8\r\n\r\n")
            for _ in range(8):
                await asyncio.sleep(Impatient.silence_seconds / 4)
                writer.write(b"x")
            async with asyncio.timeout(SECONDS):
                assert b"200 OK" in await reader.readuntil(b"read\n")
        writer.close()
    assert seen == ["8 octets", "8 octets"]


async def test_one_who_reads_no_answer_is_cut_off() -> None:
    async with impatient([], "x" * 10_000_000) as port:
        ended = Impatient.ended
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(HEAD + b"Content-Length: 2\r\n\r\nab")
            await until(lambda: Impatient.ended > ended, "the node has ended the connection by itself")


catalogue.named("answer_left_unread", "outsider", "Slow read 2012")
