"""What was signed of a message, taken out as files that openssl and sha256sum check without us.

For the message and for the receipt (or error) that answered it: `signedinfo.xml`, the very octets that the signature is
over, `signature`, as openssl takes it, and `signer.pem`; the signed elements `messaging.xml` and `body.xml` in the form
that is digested; and the parts as they were signed, gzip where compressed. `SHA256SUMS` has the digests as the
signatures state them, not as we find them.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import Connection

from node.as4 import As4Error, FailedAuthentication, Limits, digested_octets
from node.as4.content_id import content_id_of
from node.as4.envelope import Envelope
from node.as4.reading import envelope_in
from node.as4.signals import ErrorSignal, Receipt
from node.as4.signature import SignatureParts
from node.exchange.contents import envelope_of, part_octets, sealed_octets
from node.exchange.node import Node
from node.operations.parts_written import part_files, require_own_folder, write_private
from node.store.payloads import find_payload

SUMS = "SHA256SUMS"
_NAMES = {"eb:Messaging": "messaging", "S12:Body": "body"}


class NothingSigned(Exception):
    """The message, or what is left of it, has no signature to check."""


@dataclass(frozen=True, slots=True)
class SignedFile:
    """A file with the SHA-256 that a signature states for it (hex); None for what carries the signature itself."""

    file: Path
    sha256: str | None


def write_signed(node: Node, message: int, folder: Path, extensions: Sequence[str]) -> list[SignedFile]:
    """Write what was signed of the message with this row id, and of the answer to it if that is signed too.

    `extensions`: the file name ending of each part's content, in order. Raises NothingSigned, FolderTaken for a folder
    that holds another message's, ContentGone, OSError.
    """
    envelope = _read(envelope_of(node, message))
    if envelope.signature is None:
        raise NothingSigned("This message carries no signature: there is nothing to check.")
    digests = {reference.uri: reference.digest.hex() for reference in envelope.signature.references}
    with node.database.read() as connection:
        expected = part_files(connection, message, extensions)
    octets = envelope.signature.signed_info(envelope.signature.prefixes)
    stated = {name: found | set(digests.values()) for name, found in expected.items()}
    require_own_folder(folder, stated | {"signedinfo.xml": {hashlib.sha256(octets).hexdigest()}})
    folder.mkdir(parents=True, exist_ok=True)
    files = list(_signature_files(folder, "", envelope, envelope.signature))
    by_id = {content_id_of(uri, FailedAuthentication): uri for uri in digests if uri.startswith("cid:")}
    for n, (part, ending) in enumerate(zip(part_octets(node, message), extensions, strict=True), start=1):
        path = folder / f"part-{n}{ending}{'.gz' if part.info.compressed else ''}"
        write_private(path, digested_octets(part.open(), part.info))
        files.append(SignedFile(path, digests[by_id[part.info.content_id]]))
    with node.database.read() as connection:
        files += _answer_files(node, connection, message, folder)
    sums = "".join(f"{one.sha256}  {one.file.name}\n" for one in files if one.sha256 is not None)
    write_private(folder / SUMS, [sums.encode()])
    return [*files, SignedFile(folder / SUMS, None)]


def _answer_files(node: Node, connection: Connection, message: int, folder: Path) -> list[SignedFile]:
    if find_payload(connection, message, "response") is None:
        return []
    octets = b"".join(sealed_octets(node, message, "response", 0, connection))
    try:
        answer = _read(octets)
    except As4Error:
        return []  # what came was no ebMS answer: it proves nothing
    if answer.signature is None or not isinstance(answer.message, Receipt | ErrorSignal):
        return []
    kind = "receipt-" if isinstance(answer.message, Receipt) else "error-"
    return list(_signature_files(folder, kind, answer, answer.signature))


def _read(octets: bytes) -> Envelope:
    return envelope_in(octets, Limits(envelope_bytes=len(octets)))


def _signature_files(folder: Path, kind: str, envelope: Envelope, signature: SignatureParts) -> Iterator[SignedFile]:
    value = signature.value
    if isinstance(signature.certificate.public_key(), ec.EllipticCurvePublicKey):
        # XML Signature writes r‖s, openssl reads DER (RFC 3279, 2.2.3).
        half = len(value) // 2
        value = encode_dss_signature(int.from_bytes(value[:half]), int.from_bytes(value[half:]))
    for name, octets in (
        ("signedinfo.xml", signature.signed_info(signature.prefixes)),
        ("signature", value),
        ("signer.pem", signature.certificate.public_bytes(Encoding.PEM)),
    ):
        write_private(folder / f"{kind}{name}", [octets])
        yield SignedFile(folder / f"{kind}{name}", None)
    references = {reference.uri: reference for reference in signature.references}
    for element in envelope.signable:
        reference = references[f"#{element.id}"]
        path = folder / f"{kind}{_NAMES[element.name]}.xml"
        write_private(path, [element.canonical(reference.prefix_list)])
        yield SignedFile(path, reference.digest.hex())
