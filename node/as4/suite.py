"""What a cryptographic suite of the wire can do. One file a suite; the agreement chooses, never the message.

A suite is one signature algorithm and one key agreement. What all suites share (SHA-256, HKDF, AES-128 key wrap and
GCM) is in `encryption`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from node.as4.canonical_text import base64_text

Random = Callable[[int], bytes]
"""Gives that many unpredictable bytes; `os.urandom` outside tests."""


class Suite(Protocol):
    """The verbs of a suite. Keys are those of `cryptography`; a key of another kind is refused."""

    @property
    def name(self) -> str:
        """The name in cards, settings and tables."""

    @property
    def signature_uri(self) -> str:
        """Algorithm of ds:SignatureMethod."""

    @property
    def agreement_uri(self) -> str:
        """Algorithm of xenc:AgreementMethod."""

    def sign(self, key: Any, data: bytes) -> bytes:
        """The signature as ds:SignatureValue carries it. Raises TypeError for a key of another suite."""

    def verify(self, public_key: Any, signature: bytes, data: bytes) -> None:
        """Return if the signature is by that key over the data; raise FailedAuthentication if not."""

    def agree_new(self, recipient_key: Any, random: Random) -> tuple[bytes, bytes]:
        """Make an ephemeral key for that recipient: the content of xenc:OriginatorKeyInfo in canonical form (with its
        own namespace declarations; ds and xenc are declared around it), and the shared secret.

        Raises TypeError for a key of another suite.
        """

    def read_originator(self, originator: etree._Element) -> bytes:
        """The ephemeral public key in xenc:OriginatorKeyInfo, as octets that `agree` takes. Raises FailedDecryption."""

    def agree(self, key: Any, public: bytes) -> bytes:
        """The shared secret of our key and an ephemeral public key. Raises FailedDecryption."""

    def signs_with(self, key: Any) -> bool:
        """Whether this private or public key signs in this suite."""

    def agrees_with(self, key: Any) -> bool:
        """Whether this private or public key agrees in this suite."""


@lru_cache(maxsize=256)
def der_of(certificate: x509.Certificate) -> bytes:
    """The octets of a certificate; kept, since writing them out each time costs more than a signature."""
    return certificate.public_bytes(Encoding.DER)


@lru_cache(maxsize=256)
def text_of_certificate(certificate: x509.Certificate) -> str:
    """The octets of a certificate in base64, as a BinarySecurityToken has them."""
    return base64_text(der_of(certificate))


@dataclass(frozen=True, slots=True)
class SigningIdentity:
    """Our wire signing key and its certificate."""

    key: Any
    certificate: x509.Certificate
    token: str = field(init=False, repr=False, compare=False)
    """the certificate in base64"""

    def __post_init__(self) -> None:
        object.__setattr__(self, "token", text_of_certificate(self.certificate))


@dataclass(frozen=True, slots=True)
class DecryptionIdentity:
    """One of our key agreement keys and its certificate; during a rotation there are two."""

    key: Any
    certificate: x509.Certificate
    der: bytes = field(init=False, repr=False, compare=False)
    """the octets of the certificate"""

    def __post_init__(self) -> None:
        object.__setattr__(self, "der", der_of(self.certificate))
