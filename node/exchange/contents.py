"""Reading back what is sealed: envelopes, parts and answers of messages."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from cryptography import x509
from sqlalchemy import Connection, bindparam, select

from node.as4 import PartInfo, PartOctets, Reference, SignedMessage, decompress, read_signed_by
from node.exchange.node import Node
from node.store.columns import table_of
from node.store.payloads import Kind, SealedPayload, StoredPayload, find_payload, find_payloads, open_payload
from node.store.prepared import Prepared, among
from node.store.tables import Part

PART = table_of(Part)

# Messages whose parts are no larger than this together are read as one: several at once stay small in memory.
SMALL = 256 * 1024
_PARTS = Prepared(select(PART).where(PART.c.message == bindparam("of")).order_by(PART.c.n))
_PARTS_OF_ALL = Prepared(
    select(PART.c.message, PART.c.n, PART.c.content_id, PART.c.media_type, PART.c.compressed, PART.c.signed_size)
    .where(among(PART.c.message, "messages"))
    .order_by(PART.c.message, PART.c.n)
)


@dataclass(frozen=True, slots=True)
class ToSend:
    """What a delivery sends: the signed envelope as stored, and its parts; `envelope` is None for one that is gone."""

    envelope: StoredPayload | None
    parts: tuple[PartOctets, ...]


class KeptPart(Protocol):
    """What is recorded of a part, one to be sent or one that came."""

    @property
    def info(self) -> PartInfo: ...

    @property
    def size(self) -> int: ...

    @property
    def sha256(self) -> bytes: ...

    @property
    def signed_size(self) -> int: ...

    @property
    def signed_sha256(self) -> bytes: ...


class ContentGone(Exception):
    """A payload is not there: erased, or its blob is missing."""


def digests_of(references: Sequence[Reference]) -> bytes:
    """SHA-256 over the digests of a message's signed references in order: what tells it from another of its id."""
    return hashlib.sha256(b"".join(reference.digest for reference in references)).digest()


def sealed_octets(
    node: Node, message: int, kind: Kind, n: int, connection: Connection | None = None
) -> Iterator[bytes]:
    """The octets of one payload, verified chunk by chunk. Raises ContentGone, or SealBroken for altered ones."""
    if connection is None:
        with node.database.read() as own:
            sealed = find_payload(own, message, kind, n)
    else:
        sealed = find_payload(connection, message, kind, n)
    if sealed is None:
        raise ContentGone(f"the {kind} of this message is not kept any more")
    return open_payload(sealed, node.kek, node.blobs)


def envelope_of(node: Node, message: int, connection: Connection | None = None) -> bytes:
    """The signed envelope of a message: as frozen (sent), or the root part as it came (received)."""
    return b"".join(sealed_octets(node, message, "envelope", 0, connection))


def answer_of(node: Node, message: int, connection: Connection | None = None) -> bytes:
    """The receipt or error that answered a message, byte for byte."""
    return b"".join(sealed_octets(node, message, "response", 0, connection))


def part_octets(node: Node, message: int) -> list[PartOctets]:
    """The parts of a message as they were signed, to be encrypted and sent."""
    with node.database.read() as connection:
        rows = _PARTS.rows(connection, of=message)
    return [_part_octets(row, partial(sealed_octets, node, message, "part", row.n)) for row in rows]


def to_send(node: Node, connection: Connection, messages: Sequence[int]) -> dict[int, ToSend]:
    """What deliveries of these messages send, by row id. Octets of large parts are read only as they are sent."""
    parts: dict[int, list[Any]] = {message: [] for message in messages}
    for row in _PARTS_OF_ALL.rows(connection, messages=[*messages]):
        parts[row.message].append(row)
    small = [message for message, rows in parts.items() if sum(row.signed_size for row in rows) <= SMALL]
    stored = find_payloads(connection, messages, "envelope") | find_payloads(connection, small, "part")
    found = {}
    for message, rows in parts.items():
        octets = []
        for row in rows:
            payload = stored.get((message, "part", row.n))
            if payload is None:
                opened = partial(sealed_octets, node, message, "part", row.n)
            else:
                opened = partial(open_payload, payload, node.kek, node.blobs)
            octets.append(_part_octets(row, opened))
        found[message] = ToSend(stored.get((message, "envelope", 0)), tuple(octets))
    return found


def part_row(message: int, n: int, part: KeptPart, name: str | None) -> dict[str, object]:
    """The row of the n-th part, from 1, of a message."""
    return {
        "message": message,
        "n": n,
        "content_id": part.info.content_id,
        "name": name,
        "media_type": part.info.mime_type,
        "compressed": part.info.compressed,
        "size": part.size,
        "sha256": part.sha256,
        "signed_size": part.signed_size,
        "signed_sha256": part.signed_sha256,
    }


def _part_octets(row: Any, opened: Callable[[], Iterator[bytes]]) -> PartOctets:
    info = PartInfo(content_id=row.content_id, mime_type=row.media_type, compressed=row.compressed)
    return PartOctets(info=info, size=row.signed_size, open=opened)


def signed_envelope(node: Node, found: ToSend) -> tuple[SignedMessage, x509.Certificate]:
    """The signed message, and the certificate that it was signed with. Raises ContentGone, or SealBroken."""
    if found.envelope is None:
        raise ContentGone("the envelope of this message is not kept any more")
    return read_signed_by(b"".join(open_payload(found.envelope, node.kek, node.blobs)), node.limits)


def part_content(node: Node, message: int, n: int, compressed: bool) -> Iterator[bytes]:
    """The content of a part, decompressed."""
    octets = sealed_octets(node, message, "part", n)
    return decompress(octets) if compressed else octets


def discard(node: Node, payload: SealedPayload) -> None:
    """Delete the blob of a payload that no row refers to."""
    if payload.blob is not None:
        node.blobs.delete(payload.blob)
