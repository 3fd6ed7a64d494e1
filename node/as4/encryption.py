"""The encryption of parts (XML Encryption 1.1; WSS SwA Profile 1.1.1, section 5.5; RFC 5869, 3394).

One content key for all parts, wrapped (AES-128) by a key that HKDF derives from the key agreement; each part is IV of
12 octets, AES-128-GCM ciphertext, tag of 16. Nothing here is signed: what is read here only says how to get at octets
whose digest is signed, and a MimeType that contradicts the signed header is refused.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap
from lxml import etree

from node.as4 import names
from node.as4.content_id import content_id_of
from node.as4.errors import FailedDecryption
from node.as4.limits import MAX_HKDF_OCTETS
from node.as4.message import PartInfo
from node.as4.recipient import choose_identity
from node.as4.signature import Security
from node.as4.suite import DecryptionIdentity, Suite
from node.as4.templates import KEY_LENGTH
from node.as4.tree import algorithm_of, attribute_of, base64_of, children_of, only_child, text_of

IV_LENGTH: Final = 12
TAG_LENGTH: Final = 16

_SHA256: Final = hashes.SHA256()
_DS: Final = f"{{{names.DS}}}"
_XENC: Final = f"{{{names.XENC}}}"
_XENC11: Final = f"{{{names.XENC11}}}"
_MORE: Final = f"{{{names.DSIG_MORE}}}"
_WSSE: Final = f"{{{names.WSSE}}}"


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """What an EncryptedKey says. originator: the ephemeral public key as the suite writes it. recipient: which of our
    identities it names; both raise FailedDecryption."""

    id: str | None
    agreement: str
    originator: Callable[[Suite], bytes]
    recipient: Callable[[Sequence[DecryptionIdentity]], DecryptionIdentity]
    salt: bytes | None
    info: bytes
    wrapped: bytes
    data_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Encryption:
    """The Content-IDs of the parts that are encrypted, and how to get at their key."""

    parts: frozenset[str]
    key: WrappedKey


def derive_key(secret: bytes, salt: bytes | None, info: bytes) -> bytes:
    """The key encryption key: HKDF-SHA-256 of the shared secret, 16 octets."""
    return HKDF(algorithm=_SHA256, length=KEY_LENGTH, salt=salt, info=info).derive(secret)


def read_encryption(security: Security, parts: Sequence[PartInfo]) -> Encryption | None:
    """What is encrypted and how, after checking every EncryptedData against the header; None if nothing is.

    Raises FailedDecryption for anything malformed, stray, repeated, or contradicting the signed header.
    """
    if security.encrypted_key is None:
        if security.encrypted_data:
            raise FailedDecryption("xenc:EncryptedKey: missing")
        return None
    key = _read_key(security.encrypted_key, security.tokens)
    infos = {p.content_id: p for p in parts}
    found: set[str] = set()
    data_ids: set[str] = set()
    for element in security.encrypted_data:
        data_id, content_id = _read_data(element, key, infos)
        if content_id in found:
            raise FailedDecryption("xenc:EncryptedData: two for one part")
        found.add(content_id)
        data_ids.add(data_id)
    if set(key.data_ids) - data_ids:
        raise FailedDecryption("xenc:DataReference/@URI: no such EncryptedData")
    if not found:
        raise FailedDecryption("xenc:EncryptedKey: for nothing")
    return Encryption(frozenset(found), key)


def content_key(encryption: Encryption, suite: Suite, identities: Sequence[DecryptionIdentity]) -> bytes:
    """The key of the parts, with whichever of our keys the message names. Raises FailedDecryption."""
    key = encryption.key
    if key.agreement != suite.agreement_uri:
        raise FailedDecryption(
            f"xenc:AgreementMethod/@Algorithm: found {key.agreement[:200]}, expected {suite.agreement_uri}"
        )
    identity = key.recipient(identities)
    kek = derive_key(suite.agree(identity.key, key.originator(suite)), key.salt, key.info)
    try:
        return aes_key_unwrap(kek, key.wrapped)
    except (InvalidUnwrap, ValueError):
        raise FailedDecryption("xenc:CipherValue: the wrapped key does not open") from None


def _tags(element: etree._Element, *expected: str) -> list[etree._Element]:
    """The children, which must be exactly these."""
    children = children_of(element, FailedDecryption)
    if [c.tag for c in children] != list(expected):
        wanted = ", ".join(e.rpartition("}")[2] for e in expected)
        raise FailedDecryption(f"{str(element.tag).rpartition('}')[2]}: expected {wanted}")
    return children


def _read_key(element: etree._Element, tokens: dict[str, etree._Element]) -> WrappedKey:
    children = children_of(element, FailedDecryption)
    listed: tuple[str, ...] = ()
    if children and children[-1].tag == _XENC + "ReferenceList":
        listed = tuple(_data_reference(e) for e in children_of(children.pop(), FailedDecryption))
        if len(set(listed)) != len(listed):
            raise FailedDecryption("xenc:DataReference/@URI: found twice")
    if [c.tag for c in children] != [_XENC + "EncryptionMethod", _DS + "KeyInfo", _XENC + "CipherData"]:
        raise FailedDecryption("xenc:EncryptedKey: expected EncryptionMethod, KeyInfo, CipherData, ReferenceList")
    method, key_info, cipher = children
    _method(method, names.KW_AES128)
    agreement = only_child(key_info, _XENC + "AgreementMethod", FailedDecryption)
    derivation, originator, recipient = _tags(
        agreement, _XENC11 + "KeyDerivationMethod", _XENC + "OriginatorKeyInfo", _XENC + "RecipientKeyInfo"
    )
    salt, info = _read_hkdf(derivation)
    wrapped = base64_of(only_child(cipher, _XENC + "CipherValue", FailedDecryption), FailedDecryption)
    if len(wrapped) != KEY_LENGTH + 8:
        raise FailedDecryption(f"xenc:CipherValue: {len(wrapped)} bytes found, {KEY_LENGTH + 8} expected")
    algorithm = attribute_of(agreement, "Algorithm", FailedDecryption)
    return WrappedKey(
        element.get("Id"),
        algorithm,
        lambda suite: suite.read_originator(originator),
        partial(choose_identity, recipient, tokens),
        salt,
        info,
        wrapped,
        listed,
    )


def _method(element: etree._Element, algorithm: str) -> None:
    algorithm_of(element, algorithm, FailedDecryption)
    if children_of(element, FailedDecryption):
        raise FailedDecryption("xenc:EncryptionMethod: unexpected parameters")


def _data_reference(element: etree._Element) -> str:
    uri = attribute_of(element, "URI", FailedDecryption)
    if element.tag != _XENC + "DataReference" or not uri.startswith("#") or len(element):
        raise FailedDecryption("xenc:ReferenceList: expected DataReference to an EncryptedData")
    return uri[1:]


def _read_hkdf(derivation: etree._Element) -> tuple[bytes | None, bytes]:
    algorithm_of(derivation, names.HKDF, FailedDecryption)
    children = children_of(only_child(derivation, _MORE + "HKDFParams", FailedDecryption), FailedDecryption)
    by_tag = {str(c.tag): c for c in children}
    order = [t for t in (_MORE + "PRF", _MORE + "Salt", _MORE + "Info", _MORE + "KeyLength") if t in by_tag]
    if [c.tag for c in children] != order or order[:1] != [_MORE + "PRF"] or order[-1:] != [_MORE + "KeyLength"]:
        raise FailedDecryption("HKDFParams: expected PRF, Salt, Info, KeyLength")
    prf = by_tag[_MORE + "PRF"]
    algorithm_of(prf, names.HMAC_SHA256, FailedDecryption)
    if children_of(prf, FailedDecryption):
        raise FailedDecryption("PRF: unexpected parameters")
    length = text_of(by_tag[_MORE + "KeyLength"], FailedDecryption).strip(" \t\r\n")
    if length != str(KEY_LENGTH):
        raise FailedDecryption(f"KeyLength: found {length[:20]}, expected {KEY_LENGTH} (bytes)")
    values = [
        base64_of(by_tag[tag], FailedDecryption) if tag in by_tag else None for tag in (_MORE + "Salt", _MORE + "Info")
    ]
    if any(v is not None and len(v) > MAX_HKDF_OCTETS for v in values):
        raise FailedDecryption(f"HKDFParams: Salt or Info above {MAX_HKDF_OCTETS} bytes")
    return values[0] or None, values[1] or b""


def _read_data(element: etree._Element, key: WrappedKey, infos: dict[str, PartInfo]) -> tuple[str, str]:
    """(Id, Content-ID) of an EncryptedData."""
    if element.get("Type") != names.SWA_CONTENT_ONLY:
        raise FailedDecryption("xenc:EncryptedData/@Type: expected Attachment-Content-Only")
    children = children_of(element, FailedDecryption)
    tags = [c.tag for c in children]
    if tags not in (
        [_XENC + "EncryptionMethod", _DS + "KeyInfo", _XENC + "CipherData"],
        [_XENC + "EncryptionMethod", _XENC + "CipherData"],
    ):
        raise FailedDecryption("xenc:EncryptedData: expected EncryptionMethod, KeyInfo, CipherData")
    _method(children[0], names.AES128_GCM)
    data_id = attribute_of(element, "Id", FailedDecryption) if key.data_ids else element.get("Id", "")
    if key.data_ids and data_id not in key.data_ids:
        raise FailedDecryption("xenc:EncryptedData/@Id: not in the ReferenceList")
    if len(children) == 3:
        _points_to(children[1], key)
    elif not key.data_ids:
        raise FailedDecryption("xenc:EncryptedData: neither KeyInfo nor ReferenceList")
    reference = only_child(children[-1], _XENC + "CipherReference", FailedDecryption)
    content_id = content_id_of(attribute_of(reference, "URI", FailedDecryption), FailedDecryption)
    if children_of(reference, FailedDecryption):
        transforms = only_child(reference, _XENC + "Transforms", FailedDecryption)
        transform = only_child(transforms, _DS + "Transform", FailedDecryption)
        algorithm_of(transform, names.SWA_CIPHERTEXT, FailedDecryption)
        if children_of(transform, FailedDecryption):
            raise FailedDecryption("ds:Transform: unexpected parameters")
    info = infos.get(content_id)
    if info is None:
        raise FailedDecryption("xenc:CipherReference/@URI: to a part that the header does not name")
    expected = names.GZIP if info.compressed else info.mime_type or ""
    found = element.get("MimeType")
    if found is not None and found.strip().lower() != expected.strip().lower():
        raise FailedDecryption("xenc:EncryptedData/@MimeType: contradicts the part properties")
    return data_id, content_id


def _points_to(key_info: etree._Element, key: WrappedKey) -> None:
    """Check that a KeyInfo names the EncryptedKey."""
    token = only_child(key_info, _WSSE + "SecurityTokenReference", FailedDecryption)
    uri = attribute_of(only_child(token, _WSSE + "Reference", FailedDecryption), "URI", FailedDecryption)
    if not key.id or uri != "#" + key.id:
        raise FailedDecryption("xenc:EncryptedData/ds:KeyInfo: expected a reference to the EncryptedKey")
