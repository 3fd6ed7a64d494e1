"""The suites there are, by name, strongest first."""

from typing import Any, Final

from cryptography import x509

from node.as4.ecdsa_p256 import EcdsaP256
from node.as4.ed25519_x25519 import Ed25519X25519
from node.as4.suite import Suite

EDDSA_X25519: Final[Suite] = Ed25519X25519()
ECDSA_P256: Final[Suite] = EcdsaP256()

SUITES: Final[dict[str, Suite]] = {suite.name: suite for suite in (EDDSA_X25519, ECDSA_P256)}


def suite_of(key_or_certificate: Any) -> Suite:
    """The suite that a signing or key agreement key (private, public, or in a certificate) belongs to.

    Raises ValueError if it belongs to none.
    """
    key = key_or_certificate
    if isinstance(key, x509.Certificate):
        key = key.public_key()
    for suite in SUITES.values():
        if suite.signs_with(key) or suite.agrees_with(key):
            return suite
    raise ValueError("key: expected Ed25519, X25519 or P-256")
