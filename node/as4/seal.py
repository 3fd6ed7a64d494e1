"""Sealing a signed message for one attempt: fresh encryption, multipart/related (RFC 2387), the signed left as is.

The encryption elements go right after our own start tag of wsse:Security, before the Signature: receivers that work in
document order must decrypt first.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from node.as4 import names, templates
from node.as4.canonical_text import attribute, base64_text
from node.as4.encryption import IV_LENGTH, TAG_LENGTH, derive_key
from node.as4.message import PartInfo
from node.as4.sign import PLAIN_CONTENT_ID
from node.as4.suite import Random, Suite, text_of_certificate

_START: Final = templates.SECURITY_START.encode()
_KEY_AND_BOUNDARY: Final = templates.KEY_LENGTH + 16
_AT_ONCE: Final = 1 << 18
"""Parts up to this size are encrypted in one call, which costs a third of the streaming interface."""


@dataclass(frozen=True, slots=True)
class PartOctets:
    """Where the signed octets of a part come from: gzip where `info.compressed`.

    open: gives them from the beginning each time it is called; `size` is their number.
    """

    info: PartInfo
    size: int
    open: Callable[[], Iterable[bytes]]

    @classmethod
    def of(cls, info: PartInfo, octets: bytes) -> "PartOctets":
        """Octets that are in memory."""
        return cls(info, len(octets), lambda: (octets,))


@dataclass(frozen=True, slots=True)
class WireMessage:
    """What goes into one HTTP request: the value of Content-Type, the length, and the octets as often as asked for."""

    content_type: str
    length: int
    chunks: Callable[[], Iterator[bytes]]

    def body(self) -> bytes:
        """All octets at once."""
        return b"".join(self.chunks())


def seal(
    signed_xml: bytes,
    parts: Sequence[PartOctets],
    recipient: x509.Certificate,
    suite: Suite,
    random: Random = os.urandom,
) -> WireMessage:
    """Encrypt the parts for the recipient's key agreement certificate and pack them with the signed envelope.

    A message without parts is the envelope itself, without encryption. The octets are made as they are taken, in
    constant memory; taken twice they are the same. Raises ValueError if the envelope is not one that `sign` wrote, or
    a part turns out not to have its size; TypeError if the certificate is of another suite.
    """
    if not parts:
        return WireMessage(names.SIGNAL_CONTENT_TYPE, len(signed_xml), lambda: iter((signed_xml,)))
    at = signed_xml.find(_START)
    if at < 0:
        raise ValueError("signed message: not written by this library")
    at += len(_START)
    drawn = random(_KEY_AND_BOUNDARY + IV_LENGTH * len(parts))
    key, boundary = drawn[: templates.KEY_LENGTH], "=_" + drawn[templates.KEY_LENGTH : _KEY_AND_BOUNDARY].hex()
    ivs = [drawn[at : at + IV_LENGTH] for at in range(_KEY_AND_BOUNDARY, len(drawn), IV_LENGTH)]
    header = _security_elements(parts, recipient, suite, key, random)
    root = templates.ROOT_HEAD % boundary
    head = b"".join((root.encode(), signed_xml[:at], header, signed_xml[at:]))
    heads = ((templates.PART_HEAD % (boundary, p.info.content_id)).encode() for p in parts)
    sealed = [*zip(heads, parts, ivs, strict=True)]
    end = (templates.MULTIPART_END % boundary).encode()
    length = len(head) + sum(len(h) + IV_LENGTH + p.size + TAG_LENGTH for h, p, _ in sealed) + len(end)

    def chunks() -> Iterator[bytes]:
        yield head
        for part_head, part, iv in sealed:
            yield part_head + iv
            yield from _encrypt(part, key, iv)
        yield end

    content_type = f'multipart/related; boundary="{boundary}"; type="{names.SOAP_MEDIA_TYPE}"'
    return WireMessage(content_type, length, chunks)


def _security_elements(
    parts: Sequence[PartOctets], recipient: x509.Certificate, suite: Suite, key: bytes, random: Random
) -> bytes:
    drawn = random(32)
    unique, salt = drawn[:16].hex(), drawn[16:]
    originator, secret = suite.agree_new(recipient.public_key(), random)
    data = []
    for n, part in enumerate(parts):
        if not PLAIN_CONTENT_ID.fullmatch(part.info.content_id):
            raise ValueError("PartInfo: a Content-ID is letters, digits and . _ @ = -")
        mime_type = names.GZIP if part.info.compressed else attribute(part.info.mime_type or "", "PartInfo")
        data.append(templates.ENCRYPTED_DATA % {"id": unique, "n": n, "type": mime_type, "cid": part.info.content_id})
    encrypted_key = templates.ENCRYPTED_KEY % {
        "id": unique,
        "certificate": text_of_certificate(recipient),
        "agreement": suite.agreement_uri,
        "salt": base64_text(salt),
        "originator": originator.decode(),
        "wrapped": base64_text(aes_key_wrap(derive_key(secret, salt, b""), key)),
        "references": "".join(templates.DATA_REFERENCE % (unique, n) for n in range(len(parts))),
    }
    return (encrypted_key + "".join(data)).encode()


def _encrypt(part: PartOctets, key: bytes, iv: bytes) -> Iterator[bytes]:
    if part.size <= _AT_ONCE:
        octets = b"".join(part.open())
        _check_size(len(octets), part)
        yield AESGCM(key).encrypt(iv, octets, None)
        return
    encryptor = Cipher(AES(key), GCM(iv)).encryptor()
    size = 0
    for block in part.open():
        size += len(block)
        yield encryptor.update(block)
    _check_size(size, part)
    yield encryptor.finalize() + encryptor.tag


def _check_size(size: int, part: PartOctets) -> None:
    if size != part.size:
        raise ValueError(f"part {part.info.content_id}: {size} bytes found, {part.size} expected")
