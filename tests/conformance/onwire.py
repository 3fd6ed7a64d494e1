"""What a request says on the wire, read by the standards' own steps and none of the code under test."""

import base64

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap
from cryptography.hazmat.primitives.serialization import load_der_public_key
from lxml import etree

from node.exchange.node import Node
from tests.as4.surgery import Surgery

WSU_ID = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}Id"


def canonical(element: etree._Element) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=True, with_comments=False)


def certificate_named_in(s: Surgery, path: str) -> x509.Certificate:
    """The certificate in the token that the wsse:Reference at this path points to."""
    uri = s.find(path).get("URI") or ""
    (token,) = (one for one in s.all(".//wsse:BinarySecurityToken") if "#" + (one.get(WSU_ID) or "") == uri)
    return x509.load_der_x509_certificate(base64.b64decode(token.text or ""))


def decrypted(s: Surgery, receiver: Node) -> list[bytes]:
    """The parts as their receiver decrypts them, by the standards' own steps and none of our code."""
    (identity,) = receiver.decryption
    key = identity.key
    assert isinstance(key, X25519PrivateKey)
    theirs = load_der_public_key(base64.b64decode(s.find(".//dsig11:DEREncodedKeyValue").text or ""))
    salt = base64.b64decode(s.find(".//more:Salt").text or "")
    kek = HKDF(SHA256(), 16, salt, b"").derive(key.exchange(theirs))  # type: ignore[arg-type]
    content_key = aes_key_unwrap(kek, base64.b64decode(s.find(".//xenc:EncryptedKey//xenc:CipherValue").text or ""))
    return [AESGCM(content_key).decrypt(octets[:12], octets[12:], None) for _, octets in s.parts]


def properties_of(part_info: etree._Element) -> dict[str | None, str | None]:
    """The part properties of an eb:PartInfo."""
    return {one.get("name"): one.text for one in part_info.iterfind("{*}PartProperties/{*}Property")}


def referenced(s: Surgery, receiver: Node) -> list[tuple[dict[str | None, str | None], bytes]]:
    """For each eb:PartInfo in order its properties and the decrypted octets of the MIME part that its href names."""
    by_id = {}
    for (header, _), octets in zip(s.parts, decrypted(s, receiver), strict=True):
        (line,) = (one for one in header.splitlines() if one.lower().startswith(b"content-id:"))
        by_id["cid:" + line.partition(b":")[2].strip().strip(b"<>").decode()] = octets
    return [(properties_of(one), by_id[one.get("href") or ""]) for one in s.all(".//eb:PayloadInfo/eb:PartInfo")]
