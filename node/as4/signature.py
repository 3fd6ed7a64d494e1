"""Reading and verifying ds:Signature (XML Signature 1.1; WSS 1.1.1 section 8; X.509 Token Profile), WSS SwA for parts.

`read_security` sorts the children of wsse:Security and reads SignedInfo into values; `verify_signed_info` checks the
signature itself; `verify_elements` checks that Messaging and Body, the very elements that everything is read from, are
what it signs. Algorithms come from the suite of the agreement, never from the message.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Final

from cryptography import x509
from lxml import etree

from node.as4 import names
from node.as4.content_id import content_id_of
from node.as4.errors import As4Error, ExternalPayloadError, FailedAuthentication, PolicyNoncompliance
from node.as4.limits import MAX_PREFIXES
from node.as4.message import Reference
from node.as4.soap import WSU_ID, Soap
from node.as4.suite import Suite
from node.as4.tree import algorithm_of, attribute_of, base64_of, canonical, children_of, only_child, text_of

_DS: Final = f"{{{names.DS}}}"
_TOKEN: Final = f"{{{names.WSSE}}}BinarySecurityToken"
_SIGNATURE: Final = f"{_DS}Signature"
_ENCRYPTED_KEY: Final = f"{{{names.XENC}}}EncryptedKey"
_ENCRYPTED_DATA: Final = f"{{{names.XENC}}}EncryptedData"
_TIMESTAMP: Final = f"{{{names.WSU}}}Timestamp"
_INCLUSIVE: Final = f"{{{names.EXC_C14N}}}InclusiveNamespaces"
_REFERENCE_PARTS: Final = [f"{_DS}Transforms", f"{_DS}DigestMethod", f"{_DS}DigestValue"]
_SIGNATURE_PARTS: Final = [f"{_DS}SignedInfo", f"{_DS}SignatureValue", f"{_DS}KeyInfo"]
_PREFIX: Final = re.compile(r"#default|[A-Za-z_][\w.-]{0,63}")


Canonical = Callable[[Sequence[str]], bytes]
"""Gives the exclusive canonical form of an element, with these prefixes treated inclusively. Raises
FailedAuthentication if it has none."""


@dataclass(frozen=True, slots=True)
class Signable:
    """An element that must be signed: its name for error texts, its wsu:Id, its canonical form."""

    name: str
    id: str | None
    canonical: Canonical


@dataclass(frozen=True, slots=True)
class SignatureParts:
    """A ds:Signature in values: what it refers to, by which algorithm, and the signer's certificate as it claims."""

    signed_info: Canonical
    prefixes: tuple[str, ...]
    algorithm: str
    references: tuple[Reference, ...]
    value: bytes
    certificate: x509.Certificate


@dataclass(frozen=True, slots=True)
class Security:
    """The children of wsse:Security. Tokens by their Id."""

    tokens: dict[str, etree._Element]
    encrypted_key: etree._Element | None
    encrypted_data: tuple[etree._Element, ...]
    signature: SignatureParts | None


def read_security(soap: Soap) -> Security:
    """Sort wsse:Security. Raises FailedAuthentication for a malformed one, PolicyNoncompliance for unknown elements."""
    tokens: dict[str, etree._Element] = {}
    key = signature = None
    data: list[etree._Element] = []
    timestamps = 0
    for child in () if soap.security is None else children_of(soap.security, FailedAuthentication):
        tag = child.tag
        if tag == _TOKEN:
            tokens[attribute_of(child, WSU_ID, FailedAuthentication)] = child
        elif tag == _ENCRYPTED_KEY and key is None:
            key = child
        elif tag == _ENCRYPTED_DATA:
            data.append(child)
        elif tag == _SIGNATURE and signature is None:
            signature = child
        elif tag == _TIMESTAMP and not timestamps:
            timestamps = 1
        else:
            raise PolicyNoncompliance(f"wsse:Security: unexpected {str(tag).rpartition('}')[2][:64]}")
    parts = None if signature is None else _read_signature(signature, tokens)
    return Security(tokens, key, tuple(data), parts)


def certificate_of_token(token: etree._Element, error: type[As4Error]) -> bytes:
    """The DER octets in a BinarySecurityToken, which must be one X.509 v3 certificate in base64."""
    if token.get("ValueType") != names.X509_V3:
        raise error("BinarySecurityToken/@ValueType: expected X509v3")
    if token.get("EncodingType", names.BASE64_BINARY) != names.BASE64_BINARY:
        raise error("BinarySecurityToken/@EncodingType: expected Base64Binary")
    return base64_of(token, error)


@lru_cache(maxsize=512)
def load_certificate(der: bytes) -> x509.Certificate:
    """Parsed once: peers send the same certificate with every message. Raises ValueError."""
    certificate = x509.load_der_x509_certificate(der)
    certificate.public_key()
    return certificate


def _read_signature(signature: etree._Element, tokens: dict[str, etree._Element]) -> SignatureParts:
    children = children_of(signature, FailedAuthentication)
    if [c.tag for c in children] != _SIGNATURE_PARTS:
        raise FailedAuthentication("ds:Signature: expected SignedInfo, SignatureValue and KeyInfo")
    signed_info, value, key_info = children
    entries = children_of(signed_info, FailedAuthentication)
    if (
        len(entries) < 3
        or entries[0].tag != f"{_DS}CanonicalizationMethod"
        or entries[1].tag != f"{_DS}SignatureMethod"
    ):
        raise FailedAuthentication("ds:SignedInfo: expected CanonicalizationMethod, SignatureMethod and References")
    algorithm_of(entries[0], names.EXC_C14N, FailedAuthentication)
    if children_of(entries[1], FailedAuthentication):
        raise FailedAuthentication("ds:SignatureMethod: unexpected parameters")
    references = tuple(read_reference(e, FailedAuthentication) for e in entries[2:])
    if len({r.uri for r in references}) != len(references):
        raise FailedAuthentication("ds:Reference/@URI: found twice")
    str_element = only_child(key_info, f"{{{names.WSSE}}}SecurityTokenReference", FailedAuthentication)
    pointer = only_child(str_element, f"{{{names.WSSE}}}Reference", FailedAuthentication)
    uri = attribute_of(pointer, "URI", FailedAuthentication)
    token = tokens.get(uri[1:]) if uri.startswith("#") else None
    if token is None:
        raise FailedAuthentication("ds:Signature/ds:KeyInfo: expected a reference to a BinarySecurityToken")
    try:
        certificate = load_certificate(certificate_of_token(token, FailedAuthentication))
    except As4Error:
        raise
    except Exception:  # the parsers of certificates and keys raise many kinds; all mean the same
        raise FailedAuthentication("BinarySecurityToken: no X.509 certificate with a usable key") from None
    return SignatureParts(
        partial(canonical, signed_info),
        _prefixes(entries[0], FailedAuthentication),
        attribute_of(entries[1], "Algorithm", FailedAuthentication),
        references,
        base64_of(value, FailedAuthentication),
        certificate,
    )


def read_reference(element: etree._Element, error: type[As4Error]) -> Reference:
    """A ds:Reference with one transform and SHA-256. Anything else is refused."""
    if element.tag != f"{_DS}Reference":
        raise error("ds:SignedInfo: expected ds:Reference")
    uri = attribute_of(element, "URI", error)
    children = children_of(element, error)
    if [c.tag for c in children] != _REFERENCE_PARTS:
        raise error("ds:Reference: expected Transforms, DigestMethod and DigestValue")
    transform = only_child(children[0], f"{_DS}Transform", error)
    algorithm = attribute_of(transform, "Algorithm", error)
    if algorithm != (names.SWA_CONTENT if uri.startswith("cid:") else names.EXC_C14N):
        raise error(f"ds:Transform/@Algorithm: found {algorithm[:200]}, expected the one for this reference")
    algorithm_of(children[1], names.SHA256, error)
    if children_of(children[1], error):
        raise error("ds:DigestMethod: unexpected parameters")
    digest = base64_of(children[2], error)
    if len(digest) != 32:
        raise error(f"ds:DigestValue: {len(digest)} bytes found, 32 expected")
    return Reference(uri, algorithm, _prefixes(transform, error), digest)


def _prefixes(element: etree._Element, error: type[As4Error]) -> tuple[str, ...]:
    """PrefixList of an optional InclusiveNamespaces (Exclusive XML Canonicalization 1.0, section 3)."""
    children = children_of(element, error)
    if not children:
        return ()
    if (
        len(children) > 1
        or children[0].tag != _INCLUSIVE
        or attribute_of(element, "Algorithm", error) != names.EXC_C14N
    ):
        raise error("ds:Transform: unexpected parameters")
    text_of(children[0], error, 0)
    prefixes = attribute_of(children[0], "PrefixList", error).split()
    if len(prefixes) > MAX_PREFIXES or not all(_PREFIX.fullmatch(p) for p in prefixes):
        raise error("InclusiveNamespaces/@PrefixList: too long or no prefixes")
    return tuple(prefixes)


def verify_signed_info(parts: SignatureParts, suite: Suite) -> None:
    """Check algorithm and value of the signature over SignedInfo. Raises FailedAuthentication."""
    if parts.algorithm != suite.signature_uri:
        raise FailedAuthentication(
            f"ds:SignatureMethod/@Algorithm: found {parts.algorithm[:200]}, expected {suite.signature_uri}"
        )
    suite.verify(parts.certificate.public_key(), parts.value, parts.signed_info(parts.prefixes))


def signable_of(soap: Soap) -> tuple[Signable, ...]:
    """The elements of the frame that every signature must cover."""
    return tuple(
        Signable(name, element.get(WSU_ID), partial(canonical, element))
        for name, element in (("eb:Messaging", soap.messaging), ("S12:Body", soap.body))
    )


def verify_elements(parts: SignatureParts, signable: Sequence[Signable], part_uris: frozenset[str]) -> dict[str, bytes]:
    """Check that the references are exactly these elements and these parts, and that the elements are unchanged.

    Returns the digest of each part by its Content-ID. `part_uris` are Content-IDs as the signed header names them.
    Raises PolicyNoncompliance for something not signed, ExternalPayloadError for a part that the header does not
    name, FailedAuthentication for a wrong digest or another stray reference.
    """
    wanted = {}
    for element in signable:
        if not element.id:
            raise PolicyNoncompliance(f"{element.name}: not signed (no wsu:Id)")
        wanted["#" + element.id] = element
    digests: dict[str, bytes] = {}
    for ref in parts.references:
        if ref.transform == names.SWA_CONTENT:
            content_id = content_id_of(ref.uri, FailedAuthentication)
            if content_id not in part_uris:
                raise ExternalPayloadError("ds:Reference: to a part that the header does not name")
            if content_id in digests or ref.prefix_list:
                raise FailedAuthentication("ds:Reference: to a part, found twice or with prefixes")
            digests[content_id] = ref.digest
            continue
        target = wanted.pop(ref.uri, None)
        if target is None:
            raise FailedAuthentication("ds:Reference/@URI: neither eb:Messaging nor S12:Body nor a part")
        if hashlib.sha256(target.canonical(ref.prefix_list)).digest() != ref.digest:
            raise FailedAuthentication(f"{target.name}: changed after signing")
    for element in wanted.values():
        raise PolicyNoncompliance(f"{element.name}: not signed")
    if len(digests) != len(part_uris):
        raise PolicyNoncompliance("PartInfo: a part is not signed")
    return digests
