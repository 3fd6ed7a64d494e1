"""A peer that answers what a test says: true receipts, lies, silence, pages of a proxy, half an answer."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cryptography import x509

from node.as4 import (
    SIGNAL_CONTENT_TYPE,
    EbmsError,
    OpenedMessage,
    PeerPolicy,
    SigningIdentity,
    make_error,
    make_receipt,
    open_bytes,
)
from node.exchange.node import Node
from tests.exchange.clock import Clock


@dataclass(frozen=True)
class Request:
    """One attempt as it arrived."""

    content_type: str
    body: bytes
    opened: OpenedMessage
    contents: tuple[bytes, ...]

    @property
    def id(self) -> str:
        return self.opened.header.message_id


@dataclass(frozen=True)
class Http:
    """An answer over HTTP. `pause`: wait between head and body for that event."""

    status: int = 200
    content_type: str = "text/plain"
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    pause: asyncio.Event | None = None
    cut: bool = False
    """close the connection in the middle of the body"""


class Closed(Exception):
    """The connection is closed without an answer."""


Answer = Callable[["ScriptedPeer", Request], Http]
# What the peer does with a connection before it has read any body.
Door = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class ScriptedPeer:
    """Answers requests in order from `script`, the last entry for ever; keeps each request."""

    def __init__(self, node: Node, clock: Clock) -> None:
        self.node = node
        self.clock = clock
        self.script: list[Answer] = [true_receipt]
        self.requests: list[Request] = []
        self.door: Door | None = None
        self.url = ""
        self._server: asyncio.Server | None = None
        self._port = 0
        self._connections: set[asyncio.StreamWriter] = set()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator["ScriptedPeer"]:
        await self.start()
        try:
            yield self
        finally:
            await self.stop()

    async def start(self) -> None:
        """Listen, on the same port as before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}/as4"

    async def stop(self) -> None:
        """Refuse connections, and close those that are open."""
        if self._server is not None:
            self._server.close()
            for writer in list(self._connections):
                writer.close()
            await self._server.wait_closed()
            self._server = None

    def ids(self) -> list[str]:
        """The message ids of the requests so far."""
        return [request.id for request in self.requests]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            if self.door is not None:
                await self.door(reader, writer)
                return
            while True:
                await self._answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, Closed):
            pass
        finally:
            self._connections.discard(writer)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        body = await reader.readexactly(int(headers["content-length"]))
        opened, contents = self.open(headers["content-type"], body)
        request = Request(headers["content-type"], body, opened, tuple(contents))
        self.requests.append(request)
        answer = (self.script.pop(0) if len(self.script) > 1 else self.script[0])(self, request)
        lines = [f"HTTP/1.1 {answer.status} Said"]
        if answer.status != 204:
            lines += [f"Content-Type: {answer.content_type}", f"Content-Length: {len(answer.body)}"]
        lines += [f"{name}: {value}" for name, value in answer.headers]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        await writer.drain()
        if answer.pause is not None:
            await answer.pause.wait()
        if answer.cut:
            writer.write(answer.body[: len(answer.body) // 2])
            await writer.drain()
            raise Closed
        if answer.status != 204:
            writer.write(answer.body)
        await writer.drain()

    def open(self, content_type: str, body: bytes) -> tuple[OpenedMessage, list[bytes]]:
        """Open what was sent, whoever signed it."""
        policy = PeerPolicy(self.node.suite, lambda certificate: None, self.node.decryption)
        opened, contents = open_bytes(content_type, body, lambda header: policy)
        assert isinstance(opened, OpenedMessage)
        return opened, contents

    def receipt(
        self, opened: OpenedMessage, identity: SigningIdentity | None = None, at: datetime | None = None
    ) -> Http:
        """A receipt for what this says was received."""
        by = identity or self.node.signing
        body = make_receipt(opened, f"{uuid.uuid4()}@scripted", at or self.clock(), by, self.node.suite)
        return Http(200, SIGNAL_CONTENT_TYPE, body)

    def error(
        self, *errors: EbmsError, about: str | None, identity: SigningIdentity | None = None, signed: bool = True
    ) -> Http:
        """An error signal."""
        by = (identity or self.node.signing) if signed else None
        suite = self.node.suite if signed else None
        body = make_error(errors, f"{uuid.uuid4()}@scripted", self.clock(), about, by, suite)
        return Http(200, SIGNAL_CONTENT_TYPE, body)


def true_receipt(peer: ScriptedPeer, request: Request) -> Http:
    """What an honest peer answers."""
    return peer.receipt(request.opened)


def without_reference(peer: ScriptedPeer, request: Request) -> Http:
    """A receipt that leaves the last reference of the message out."""
    return peer.receipt(replace(request.opened, references=request.opened.references[:-1]))


def http(status: int = 200, content_type: str = "text/plain", body: bytes = b"", **more: Any) -> Answer:
    """Always this answer."""
    return lambda peer, request: Http(status, content_type, body, **more)


def closes(peer: ScriptedPeer, request: Request) -> Http:
    """The connection ends when the whole request has been read."""
    raise Closed


def error_of(
    code: str,
    description: str | None = None,
    *,
    severity: str = "failure",
    signed: bool = True,
    identity: SigningIdentity | None = None,
    about: Callable[[Request], str | None] = lambda request: request.id,
) -> Answer:
    """An error signal of one error about the request, or `about` something else."""
    error = EbmsError(code, "Said", "Content", severity, None, description)
    return lambda peer, request: peer.error(error, about=about(request), signed=signed, identity=identity)


def altered(opened: OpenedMessage, **header: Any) -> OpenedMessage:
    """The same message with other header fields: a receipt for it is one for another message."""
    return replace(opened, header=replace(opened.header, **header))


def accepts(certificate: x509.Certificate) -> None:
    """Any signer."""
