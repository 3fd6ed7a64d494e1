"""Suite `ecdsa-p256`: ECDSA with SHA-256 on NIST P-256 (FIPS 186-5), ECDH-ES on the same curve (NIST SP 800-56A).

The signature is r‖s, 64 bytes (XML Signature 1.1, section 6.4.3). The ephemeral key is a ds:KeyValue/dsig11:ECKeyValue
with the curve's name and the uncompressed point; one that is not on the curve is refused.
"""

import base64
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree

from node.as4 import names
from node.as4.errors import FailedAuthentication, FailedDecryption
from node.as4.suite import Random
from node.as4.tree import base64_of, children_of, only_child

_CURVE_URI: Final = "urn:oid:1.2.840.10045.3.1.7"
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_KEY_VALUE: Final = f"{{{names.DS}}}KeyValue"
_EC_KEY_VALUE: Final = f"{{{names.DSIG11}}}ECKeyValue"
_NAMED_CURVE: Final = f"{{{names.DSIG11}}}NamedCurve"
_PUBLIC_KEY: Final = f"{{{names.DSIG11}}}PublicKey"
_POINT_LENGTH: Final = 65


def _is_p256(key: Any) -> bool:
    return isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey) and isinstance(
        key.curve, ec.SECP256R1
    )


class EcdsaP256:
    """The suite of peers whose keys live in hardware without Edwards curves."""

    name: Final = "ecdsa-p256"
    signature_uri: Final = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
    agreement_uri: Final = "http://www.w3.org/2009/xmlenc11#ECDH-ES"

    def sign(self, key: Any, data: bytes) -> bytes:
        """64 bytes, r‖s."""
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not _is_p256(key):
            raise TypeError("signing key: P-256 expected")
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def verify(self, public_key: Any, signature: bytes, data: bytes) -> None:
        """Raise FailedAuthentication unless the signature is 64 bytes and right."""
        if not isinstance(public_key, ec.EllipticCurvePublicKey) or not _is_p256(public_key):
            raise FailedAuthentication("signing certificate: key found of another kind, expected P-256")
        if len(signature) != 64:
            raise FailedAuthentication(f"ds:SignatureValue: {len(signature)} bytes found, 64 expected")
        der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
        try:
            public_key.verify(der, data, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            raise FailedAuthentication("ds:SignatureValue: does not verify") from None

    def agree_new(self, recipient_key: Any, random: Random) -> tuple[bytes, bytes]:
        """An ECKeyValue with a fresh public key, and the shared secret (the x coordinate)."""
        if not isinstance(recipient_key, ec.EllipticCurvePublicKey) or not _is_p256(recipient_key):
            raise TypeError("recipient certificate: P-256 key expected")
        # 128 bits more than the order, so that the remainder is uniform (FIPS 186-5, A.2.1)
        scalar = int.from_bytes(random(48), "big") % (_ORDER - 1) + 1
        ephemeral = ec.derive_private_key(scalar, ec.SECP256R1())
        point = ephemeral.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        element = (
            b'<ds:KeyValue><dsig11:ECKeyValue xmlns:dsig11="%s"><dsig11:NamedCurve URI="%s"></dsig11:NamedCurve>'
            b"<dsig11:PublicKey>%s</dsig11:PublicKey></dsig11:ECKeyValue></ds:KeyValue>"
        )
        filled = element % (names.DSIG11.encode(), _CURVE_URI.encode(), base64.b64encode(point))
        return filled, ephemeral.exchange(ec.ECDH(), recipient_key)

    def read_originator(self, originator: etree._Element) -> bytes:
        """The point; another curve is refused."""
        key_value = only_child(originator, _KEY_VALUE, FailedDecryption)
        children = children_of(only_child(key_value, _EC_KEY_VALUE, FailedDecryption), FailedDecryption)
        if [c.tag for c in children] != [_NAMED_CURVE, _PUBLIC_KEY]:
            raise FailedDecryption("dsig11:ECKeyValue: expected NamedCurve and PublicKey")
        if children[0].get("URI") != _CURVE_URI:
            raise FailedDecryption(f"dsig11:NamedCurve: expected {_CURVE_URI}")
        return base64_of(children[1], FailedDecryption)

    def agree(self, key: Any, public: bytes) -> bytes:
        """The shared secret; another point format or a point off the curve is refused."""
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not _is_p256(key):
            raise FailedDecryption("xenc:AgreementMethod: our key is not of this suite")
        if len(public) != _POINT_LENGTH or public[0] != 4:
            raise FailedDecryption("dsig11:PublicKey: expected an uncompressed point of 65 bytes")
        try:
            return key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public))
        except ValueError:
            raise FailedDecryption("dsig11:PublicKey: no point of the curve") from None

    def signs_with(self, key: Any) -> bool:
        """Whether the key is a P-256 one."""
        return _is_p256(key)

    def agrees_with(self, key: Any) -> bool:
        """Whether the key is a P-256 one."""
        return _is_p256(key)
