"""Reading back what is sealed: envelopes, parts and answers of messages."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from cryptography import x509
from sqlalchemy import Connection, select

from node.as4 import DEFAULT_LIMITS, Limits, PartInfo, PartOctets, Reference, decompress
from node.as4.reading import envelope_in
from node.exchange.node import Node
from node.store.columns import table_of
from node.store.payloads import Kind, SealedPayload, find_payload, open_payload
from node.store.tables import Part

PART = table_of(Part)


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


def signer_of(signed_xml: bytes, limits: Limits = DEFAULT_LIMITS) -> x509.Certificate:
    """The certificate that a message of ours was signed with."""
    signature = envelope_in(signed_xml, replace(limits, envelope_bytes=len(signed_xml))).signature
    if signature is None:
        raise ValueError("stored message: not signed")
    return signature.certificate


def answer_of(node: Node, message: int, connection: Connection | None = None) -> bytes:
    """The receipt or error that answered a message, byte for byte."""
    return b"".join(sealed_octets(node, message, "response", 0, connection))


def part_octets(node: Node, message: int) -> list[PartOctets]:
    """The parts of a message as they were signed, to be encrypted and sent."""
    with node.database.read() as connection:
        rows = connection.execute(select(PART).where(PART.c.message == message).order_by(PART.c.n)).mappings().all()
    return [
        PartOctets(
            info=PartInfo(content_id=row["content_id"], mime_type=row["media_type"], compressed=row["compressed"]),
            size=row["signed_size"],
            open=partial(sealed_octets, node, message, "part", row["n"]),
        )
        for row in rows
    ]


def part_content(node: Node, message: int, n: int, compressed: bool) -> Iterator[bytes]:
    """The content of a part, decompressed."""
    octets = sealed_octets(node, message, "part", n)
    return decompress(octets) if compressed else octets


def discard(node: Node, payload: SealedPayload) -> None:
    """Delete the blob of a payload that no row refers to."""
    if payload.blob is not None:
        node.blobs.delete(payload.blob)
