"""Which of our keys a message is encrypted for: all forms of xenc:RecipientKeyInfo that peers write.

WSS X.509 Token Profile 1.1.1 (Reference to a token, KeyIdentifier, X509IssuerSerial), WSS 1.1.1 (ThumbprintSHA1), XML
Signature 1.1 (X509Data, also without a SecurityTokenReference around it). The name only selects among our own keys;
that it was the right one is proved by the wrapped key, which opens with no other.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Final

from cryptography import x509
from lxml import etree

from node.as4 import names
from node.as4.errors import FailedDecryption
from node.as4.signature import certificate_of_token
from node.as4.suite import DecryptionIdentity, der_of
from node.as4.tree import attribute_of, base64_of, children_of, text_of

_WSSE: Final = f"{{{names.WSSE}}}"
_DS: Final = f"{{{names.DS}}}"
_MAX_SERIAL_DIGITS: Final = 64
"""RFC 5280 allows 20 octets, 49 digits; int() of long texts is slow."""

_Match = Callable[[x509.Certificate], bool]


def choose_identity(
    recipient: etree._Element, tokens: dict[str, etree._Element], identities: Sequence[DecryptionIdentity]
) -> DecryptionIdentity:
    """The identity that xenc:RecipientKeyInfo names. Raises FailedDecryption if it is none of ours, or malformed."""
    children = children_of(recipient, FailedDecryption)
    if len(children) != 1:
        raise FailedDecryption("xenc:RecipientKeyInfo: expected one name of a key")
    named = children[0]
    if named.tag == _WSSE + "SecurityTokenReference":
        inner = children_of(named, FailedDecryption)
        if len(inner) != 1:
            raise FailedDecryption("wsse:SecurityTokenReference: expected one name of a key")
        named = inner[0]
        if named.tag == _WSSE + "Reference":
            return identity_with(_octets_of_token(named, tokens), identities)
        if named.tag == _WSSE + "KeyIdentifier":
            return _first(identities, _by_identifier(named))
    if named.tag == _DS + "X509Data":
        return _first(identities, _by_x509_data(named))
    raise FailedDecryption("xenc:RecipientKeyInfo: unknown way to name a key")


def identity_with(der: bytes, identities: Sequence[DecryptionIdentity]) -> DecryptionIdentity:
    """The identity of the certificate with these octets. Raises FailedDecryption if it is none of ours."""
    for identity in identities:
        if identity.der == der:
            return identity
    raise _none_of_ours()


def _first(identities: Sequence[DecryptionIdentity], match: _Match) -> DecryptionIdentity:
    for identity in identities:
        if match(identity.certificate):
            return identity
    raise _none_of_ours()


def _none_of_ours() -> FailedDecryption:
    return FailedDecryption("xenc:RecipientKeyInfo: names no key of ours")


def _octets_of_token(reference: etree._Element, tokens: dict[str, etree._Element]) -> bytes:
    uri = attribute_of(reference, "URI", FailedDecryption)
    token = tokens.get(uri[1:]) if uri.startswith("#") else None
    if token is None:
        raise FailedDecryption("wsse:Reference/@URI: no such BinarySecurityToken")
    return certificate_of_token(token, FailedDecryption)


def _by_identifier(identifier: etree._Element) -> _Match:
    value_type = attribute_of(identifier, "ValueType", FailedDecryption)
    if identifier.get("EncodingType", names.BASE64_BINARY) != names.BASE64_BINARY:
        raise FailedDecryption("wsse:KeyIdentifier/@EncodingType: expected Base64Binary")
    value = base64_of(identifier, FailedDecryption)
    if value_type == names.X509_SKI:
        return lambda certificate: _key_identifier(certificate) == value
    if value_type == names.THUMBPRINT_SHA1:
        return lambda certificate: _thumbprint(certificate) == value
    raise FailedDecryption("wsse:KeyIdentifier/@ValueType: expected X509SubjectKeyIdentifier or ThumbprintSHA1")


def _by_x509_data(data: etree._Element) -> _Match:
    children = children_of(data, FailedDecryption)
    if len(children) != 1:
        raise FailedDecryption("ds:X509Data: expected one name of a key")
    named = children[0]
    if named.tag == _DS + "X509SKI":
        ski = base64_of(named, FailedDecryption)
        return lambda certificate: _key_identifier(certificate) == ski
    if named.tag == _DS + "X509Certificate":
        der = base64_of(named, FailedDecryption)
        return lambda certificate: der_of(certificate) == der
    if named.tag == _DS + "X509IssuerSerial":
        return _by_issuer_serial(named)
    raise FailedDecryption("ds:X509Data: expected X509SKI, X509IssuerSerial or X509Certificate")


def _by_issuer_serial(element: etree._Element) -> _Match:
    children = children_of(element, FailedDecryption)
    if [c.tag for c in children] != [_DS + "X509IssuerName", _DS + "X509SerialNumber"]:
        raise FailedDecryption("ds:X509IssuerSerial: expected X509IssuerName and X509SerialNumber")
    digits = text_of(children[1], FailedDecryption).strip(" \t\r\n")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _MAX_SERIAL_DIGITS):
        raise FailedDecryption("ds:X509SerialNumber: expected a number")
    serial = int(digits)
    name = _attributes_of(text_of(children[0], FailedDecryption))

    def matches(certificate: x509.Certificate) -> bool:
        if certificate.serial_number != serial:
            return False
        issuer = [(a.oid.dotted_string, a.value) for a in certificate.issuer]
        # software writes the name from either end; one that cannot be read must not hide our own key
        return name is None or name in (issuer, issuer[::-1])

    return matches


def _attributes_of(name: str) -> list[tuple[str, str | bytes]] | None:
    try:
        return [(a.oid.dotted_string, a.value) for a in x509.Name.from_rfc4514_string(name.replace(", ", ","))]
    except Exception:  # its parser raises many kinds for odd names
        return None


def _key_identifier(certificate: x509.Certificate) -> bytes:
    """SubjectKeyIdentifier of the extension, else SHA-1 of the key (RFC 5280, 4.2.1.2, method 1)."""
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest


def _thumbprint(certificate: x509.Certificate) -> bytes:
    # names a certificate, protects nothing: the profile fixes SHA-1 here
    return hashlib.sha1(der_of(certificate), usedforsecurity=False).digest()
