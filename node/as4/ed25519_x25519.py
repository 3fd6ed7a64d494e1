"""Suite `eddsa-x25519`: Ed25519 signatures (RFC 8032), X25519 key agreement (RFC 7748).

The ephemeral key is a dsig11:DEREncodedKeyValue, base64 of a SubjectPublicKeyInfo (RFC 8410): 12 fixed bytes and the
point of 32. The shared secret of a point of low order is all zero and refused (RFC 7748, section 6.1).
"""

from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from lxml import etree

from node.as4 import names, templates
from node.as4.canonical_text import base64_text
from node.as4.errors import FailedAuthentication, FailedDecryption
from node.as4.suite import Random
from node.as4.tree import base64_of, only_child
from node.as4.weak_keys import weakness_of

_SPKI_PREFIX: Final = bytes.fromhex("302a300506032b656e032100")
_DER_KEY: Final = f"{{{names.DSIG11}}}DEREncodedKeyValue"


class Ed25519X25519:
    """The suite of new exchanges."""

    name: Final = "eddsa-x25519"
    signature_uri: Final = "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519"
    agreement_uri: Final = "http://www.w3.org/2021/04/xmldsig-more#x25519"

    def sign(self, key: Any, data: bytes) -> bytes:
        """64 bytes of Ed25519."""
        if not isinstance(key, Ed25519PrivateKey):
            raise TypeError("signing key: Ed25519 expected")
        return key.sign(data)

    def verify(self, public_key: Any, signature: bytes, data: bytes) -> None:
        """Raise FailedAuthentication unless the Ed25519 signature is right, and by a key under which only one signs."""
        if not isinstance(public_key, Ed25519PublicKey):
            raise FailedAuthentication("signing certificate: key found of another kind, expected Ed25519")
        if (weakness := weakness_of(public_key)) is not None:
            raise FailedAuthentication(f"signing certificate: {weakness}")
        try:
            public_key.verify(signature, data)
        except InvalidSignature:
            raise FailedAuthentication("ds:SignatureValue: does not verify") from None

    def agree_new(self, recipient_key: Any, random: Random) -> tuple[bytes, bytes]:
        """A DEREncodedKeyValue with a fresh public key, and the shared secret. ValueError for a key of small order."""
        if not isinstance(recipient_key, X25519PublicKey):
            raise TypeError("recipient certificate: X25519 key expected")
        ephemeral = X25519PrivateKey.from_private_bytes(random(32))
        spki = base64_text(_SPKI_PREFIX + ephemeral.public_key().public_bytes_raw())
        try:
            secret = ephemeral.exchange(recipient_key)
        except ValueError:
            raise ValueError(f"recipient certificate: {weakness_of(recipient_key)}") from None
        return (templates.DER_KEY_VALUE % spki).encode(), secret

    def read_originator(self, originator: etree._Element) -> bytes:
        """The SubjectPublicKeyInfo."""
        return base64_of(only_child(originator, _DER_KEY, FailedDecryption), FailedDecryption)

    def agree(self, key: Any, public: bytes) -> bytes:
        """The shared secret; a point of wrong length or low order is refused."""
        if not isinstance(key, X25519PrivateKey):
            raise FailedDecryption("xenc:AgreementMethod: our key is not of this suite")
        if len(public) != len(_SPKI_PREFIX) + 32 or not public.startswith(_SPKI_PREFIX):
            raise FailedDecryption("dsig11:DEREncodedKeyValue: expected an X25519 SubjectPublicKeyInfo of 44 bytes")
        try:
            return key.exchange(X25519PublicKey.from_public_bytes(public[len(_SPKI_PREFIX) :]))
        except ValueError:
            raise FailedDecryption("dsig11:DEREncodedKeyValue: point of low order") from None

    def signs_with(self, key: Any) -> bool:
        """Whether the key is an Ed25519 one."""
        return isinstance(key, Ed25519PrivateKey | Ed25519PublicKey)

    def agrees_with(self, key: Any) -> bool:
        """Whether the key is an X25519 one."""
        return isinstance(key, X25519PrivateKey | X25519PublicKey)
