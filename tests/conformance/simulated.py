"""A sending message handler that does what a test says, with the keys of a real one, and a look at what was sent."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any

import aiohttp
from lxml import etree
from sqlalchemy import update

from node.as4 import (
    PartInfo,
    PartOctets,
    Property,
    WireMessage,
    compress,
    digest_for_signature,
    sign,
)
from node.exchange.contents import PART, envelope_of, part_content
from node.exchange.node import Node
from node.exchange.peers import PEER
from tests.as4 import material
from tests.as4.surgery import Surgery
from tests.exchange.offices import Office
from tests.exchange.wire import Letter, written_by


def part(
    content: bytes,
    media_type: str,
    *,
    compressed: bool = True,
    character_set: str | None = None,
    properties: Sequence[Property] = (),
) -> PartOctets:
    """A payload as it is signed."""
    octets = b"".join(compress([content], bytes(range(16)))) if compressed else content
    info = PartInfo(f"{uuid.uuid4()}@simulated", media_type, compressed, character_set, tuple(properties))
    return PartOctets.of(info, octets)


def letter_of(
    sender: Node, to: Node, *parts: PartOctets, digests: Sequence[bytes] | None = None, **header: Any
) -> Letter:
    """A message of these parts; `digests` stand in the signature for the true ones, `header` replaces fields."""
    said = written_by(sender, to, [one.info for one in parts], **header)
    true = [digest_for_signature(one.open(), one.info) for one in parts]
    signed = sign(said, true if digests is None else digests, sender.signing, sender.suite)
    return Letter(said, signed, parts, sender, to.keys.encryption_certificate)


def taken_apart(content_type: str, body: bytes, sender: Node) -> Surgery:
    """The bytes of a request: its envelope as a tree and its MIME parts."""
    who = replace(material.parties(), suite=sender.suite, sender=sender.signing)
    return Surgery(who=who, wire=WireMessage(content_type, len(body), lambda: iter((body,))))


def altered(letter: Letter, edit: Callable[[Surgery], None]) -> WireMessage:
    """The message with an edit that its sender signs."""
    wire = letter.sealed()
    surgery = taken_apart(wire.content_type, wire.body(), letter.sender)
    edit(surgery)
    surgery.resign()
    body = surgery.body()
    return WireMessage(wire.content_type, len(body), lambda: iter((body,)))


class Interceptor:
    """Stands between two offices: passes on what is sent, and keeps it; swallows the answers while `swallowing`."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.swallowing = False
        self.requests: list[tuple[str, bytes]] = []
        self.answers: list[tuple[int, str, bytes]] = []
        self.url = ""

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator["Interceptor"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/as4"
        async with server:
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            body = await reader.readexactly(int(headers["content-length"]))
            self.requests.append((headers["content-type"], body))
            status, content_type, answer = await self._pass_on(headers["content-type"], body)
            self.answers.append((status, content_type, answer))
            if not self.swallowing:
                lines = (f"HTTP/1.1 {status} Said", f"Content-Type: {content_type}", f"Content-Length: {len(answer)}")
                writer.write("\r\n".join((*lines, "Connection: close", "", "")).encode() + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the sender left
        finally:
            writer.close()

    async def _pass_on(self, content_type: str, body: bytes) -> tuple[int, str, bytes]:
        headers = {"Content-Type": content_type}
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.upstream, data=body, headers=headers) as answer,
        ):
            return answer.status, answer.headers.get("Content-Type", ""), await answer.read()


@contextlib.asynccontextmanager
async def intercepted(sender: Office, receiver: Office) -> AsyncIterator[Interceptor]:
    """One office reaches the other through an interceptor."""
    async with Interceptor(receiver.url).listening() as between:
        with sender.node.database.write() as connection:
            connection.execute(update(PEER).where(PEER.c.party == receiver.party).values(url=between.url))
        sender.configured()
        yield between


def received(office: Office, message: str) -> etree._Element:
    """The envelope of a message as it arrived."""
    return etree.fromstring(envelope_of(office.node, office.row(message, "in")["id"]))


def consumed(office: Office, message: str) -> list[tuple[str, bytes]]:
    """The payloads as the people behind a receiver get them: media type and content, in order."""
    row = office.row(message, "in")
    assert row["state"] == "received"
    parts = sorted((one for one in office.rows(PART) if one["message"] == row["id"]), key=lambda one: one["n"])
    return [
        (one["media_type"], b"".join(part_content(office.node, row["id"], one["n"], one["compressed"])))
        for one in parts
    ]
