"""One HTTP POST to a peer: what is sent, over which TLS, and how much of an answer is read."""

import asyncio
import errno
import os
import re
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakSet

import aiohttp
from aiohttp.connector import Connection
from cryptography.hazmat.primitives import serialization

from node.as4 import WireMessage
from node.crash_points import crash_point
from node.exchange.beside import AHEAD, beside_loop
from node.exchange.peers import KnownPeer
from node.trust.revocation_list import RevocationList
from node.trust.tls import DEFAULT_TERMS, TlsTerms, client_context

# A receipt for a thousand parts stays below this; anything longer is not an answer to a delivery.
LARGEST_ANSWER = 4_000_000
CONNECT_SECONDS = 15
LOOK_SECONDS = 5
_PORTS = {"http": 80, "https": 443}
# What a proxy says of a node that it cannot reach, and a node of itself while it takes nothing.
_AWAY_FROM = 500
# Below this a message is sent from memory in one piece.
SMALL = 256 * 1024
# A connection that was kept may be closed by the peer at the moment of the next request. That is no sign of trouble, so
# the request is made again; the others that were kept are known to be closed by then.
REPEATS_AFTER_REUSE = 2
# However well it goes, no attempt takes longer: less than what a node of this kind allows a request it takes in.
LONGEST_SECONDS = 2 * 3600
LONGEST_WORDS = 300
# How Python shows an object that has no words of its own, and where OpenSSL says in its source it found fault.
_OBJECT = re.compile(r"<[\w.]+ object at 0x[0-9a-f]+>")
_SAID_BY = re.compile(r"^\[[^]]*\] *| *\(_ssl\.c:\d+\)$")


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """The answer to a POST, read whole."""

    status: int
    content_type: str
    retry_after: str | None
    body: bytes


@dataclass(slots=True)
class Progress:
    """Whether the whole body of a request may have reached the peer.

    `reused`: it goes over a connection that was kept from an earlier one. `repeated`: the peer closed such a connection
    without an answer, so the request was made once more; the first one may have reached it too. `moved` is called
    whenever the peer has taken more of the body.
    """

    body_sent: bool = False
    reused: bool = False
    repeated: bool = False
    moved: Callable[[], None] = lambda: None


# The progress of the request that this task makes.
_under_way: ContextVar[Progress] = ContextVar("_under_way")


class _Connector(aiohttp.TCPConnector):
    """Tells the `Progress` of each request over what kind of connection it goes."""

    def __init__(self) -> None:
        super().__init__(limit=0, limit_per_host=0, ttl_dns_cache=60)
        self._used: WeakSet[object] = WeakSet()

    async def connect(self, req: Any, traces: Any, timeout: aiohttp.ClientTimeout) -> Connection:  # noqa: ASYNC109 - as aiohttp has it
        connection = await super().connect(req, traces, timeout)
        if connection.protocol in self._used:
            _under_way.get().reused = True
        else:
            self._used.add(connection.protocol)
        return connection


def client_session() -> aiohttp.ClientSession:
    """A session for deliveries: connections are kept, redirects, compression and cookies are not followed."""
    return aiohttp.ClientSession(
        connector=_Connector(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept-Encoding": "identity"},
        skip_auto_headers=("Accept", "User-Agent"),
    )


LookingSession = aiohttp.ClientSession
"""For looks whether somebody is there; no message goes by it."""


def looking_session() -> LookingSession:
    """A session for looks, of which each has its own connection and a few seconds."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=True),
        timeout=aiohttp.ClientTimeout(total=LOOK_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
    )


async def is_there(session: LookingSession, url: str, tls: ssl.SSLContext, *, healthz: bool) -> bool:
    """Whether somebody answers at the address of a peer: its `/healthz`, or else whether it takes a connection."""
    address = urlsplit(url)
    try:
        if healthz:
            health = address._replace(path="/healthz", query="", fragment="").geturl()
            async with session.get(health, ssl=tls, allow_redirects=False) as answer:
                return answer.status < _AWAY_FROM
        async with asyncio.timeout(LOOK_SECONDS):
            _, writer = await asyncio.open_connection(address.hostname, address.port or _PORTS[address.scheme])
            writer.close()
            await writer.wait_closed()
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False
    return True


def peer_tls(peer: KnownPeer, lists: Sequence[RevocationList] = (), terms: TlsTerms = DEFAULT_TERMS) -> ssl.SSLContext:
    """TLS as this peer must speak it: one of its pinned certificates, or one of its CA or of a CA that the system
    knows and that none of `lists` revokes; by `terms`."""
    pinned = [known.certificate for known in peer.certificates_for("tls") if known.revoked_at is None]
    cas = [known.certificate for known in peer.certificates_for("ca") if known.revoked_at is None]
    pem = b"".join(ca.public_bytes(serialization.Encoding.PEM) for ca in cas)
    ders = [one.public_bytes(serialization.Encoding.DER) for one in pinned]
    return client_context(pinned_der=ders, ca_pem=pem or None, lists=lists, terms=terms)


async def post(
    session: aiohttp.ClientSession, url: str, tls: ssl.SSLContext, wire: WireMessage, progress: Progress, seconds: float
) -> HttpAnswer:
    """Send `wire` to `url`; fills in `progress` as it goes.

    The peer has `seconds` to take the first piece of the body, as long for each next one, and for its answer: so a
    large message may go over a slow line, and a peer that does not move is left soon. Raises aiohttp.ClientError,
    TimeoutError, ssl.SSLError or OSError when no whole answer came.
    """
    loop = asyncio.get_running_loop()
    latest = loop.time() + LONGEST_SECONDS
    async with asyncio.timeout(seconds) as limit:
        progress.moved = lambda: limit.reschedule(min(loop.time() + seconds, latest))
        return await _request(session, url, tls, wire, progress)


async def _request(
    session: aiohttp.ClientSession, url: str, tls: ssl.SSLContext, wire: WireMessage, progress: Progress
) -> HttpAnswer:
    headers = {"Content-Type": wire.content_type, "Content-Length": str(wire.length)}
    _under_way.set(progress)
    repeats = 0
    while True:
        progress.reused = False
        data = _whole(wire, progress) if wire.length <= SMALL else _streamed(wire, progress)
        try:
            async with session.post(url, data=data, headers=headers, ssl=tls, allow_redirects=False) as answer:
                progress.reused = False  # it answers: what breaks off from here on is the answer
                return await _read(answer)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            if not progress.reused or repeats == REPEATS_AFTER_REUSE:
                raise
            progress.repeated = True
            repeats += 1


async def _read(answer: aiohttp.ClientResponse) -> HttpAnswer:
    content = bytearray()
    async for chunk in answer.content.iter_any():
        content += chunk
        if len(content) > LARGEST_ANSWER:
            raise aiohttp.ClientPayloadError(f"the answer is longer than {LARGEST_ANSWER} bytes")
    headers = answer.headers
    return HttpAnswer(answer.status, headers.get("Content-Type", ""), headers.get("Retry-After"), bytes(content))


def in_words(error: BaseException) -> str:
    """What went wrong with a connection, for people: where to look, and nothing of our own insides.

    `error` is what `post` raised. Only the host and port of the peer's own address are named.
    """
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"the name {error.host} was not found: check the peer's address and this machine's name server"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return _certificate_in_words(f"{error.host}:{error.port}", error.certificate_error)
    if isinstance(error, aiohttp.ClientConnectorError):
        where = f"{error.host}:{error.port}"
        reason = error.os_error
        if isinstance(reason, ssl.SSLCertVerificationError):
            return _certificate_in_words(where, reason)
        if isinstance(reason, ssl.SSLError):
            told = reason.reason or "no reason given"
            return f"TLS with {where} failed ({told}): is that the peer's HTTPS port, with a TLS that we allow?"
        if isinstance(reason, ConnectionRefusedError) or reason.errno == errno.ECONNREFUSED:
            return f"{where} refused the connection: is the peer's node running?"
        told = os.strerror(reason.errno).lower() if reason.errno else "no reason given"
        return f"{where} cannot be reached ({told}): check the address, the network and the firewalls"
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "no connection in time: check the address, the network and the firewalls"
    if isinstance(error, TimeoutError):
        return "no whole answer in time"
    if isinstance(error, aiohttp.ServerDisconnectedError | ConnectionResetError | BrokenPipeError):
        return "the peer closed the connection before it answered"
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate_in_words("the peer", error)
    words = " ".join((str(error) or type(error).__name__).split())
    return _OBJECT.sub("", words)[:LONGEST_WORDS]


def _certificate_in_words(where: str, error: Exception) -> str:
    told = getattr(error, "verify_message", "") or _SAID_BY.sub("", str(error.args[-1] if error.args else error))
    return f"the TLS certificate of {where} is not accepted: {told}. Ask the peer for its present card or certificate"


def _whole(wire: WireMessage, progress: Progress) -> bytes:
    # From memory it goes out in one piece: once a connection stands, all of it may have arrived.
    progress.body_sent = True
    return b"".join(wire.chunks())


async def _streamed(wire: WireMessage, progress: Progress) -> AsyncIterator[bytes]:
    """The chunks; while some are on their way to the peer, a thread reads and encrypts the next ones."""
    chunks = wire.chunks()
    ahead = asyncio.ensure_future(beside_loop(_some, chunks))
    try:
        while some := await ahead:
            ahead = asyncio.ensure_future(beside_loop(_some, chunks))
            for chunk in some:
                yield chunk
                progress.moved()
                crash_point("send: within the body")
    finally:
        ahead.cancel()
        await asyncio.gather(ahead, return_exceptions=True)
    progress.body_sent = True


def _some(chunks: Iterator[bytes]) -> list[bytes]:
    """The next chunks, of about AHEAD octets; none at the end."""
    some, size = [], 0
    for chunk in chunks:
        some.append(chunk)
        size += len(chunk)
        if size >= AHEAD:
            break
    return some
