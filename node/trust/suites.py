"""Names of the wire suites, their order of strength, and which suite a pair of keys belongs to.

The algorithms themselves are `node.as4`'s; here a suite is only the name that cards and agreements carry.
"""

from collections.abc import Iterable

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519

from node.trust.refused import TrustRefused

EDDSA_X25519 = "eddsa-x25519"
ECDSA_P256 = "ecdsa-p256"

# Strongest first.
SUITES = (EDDSA_X25519, ECDSA_P256)


class NoCommonSuite(TrustRefused):
    """Two parties have no suite in common, or a pair of keys is of no suite."""


def strongest_common(own: Iterable[str], theirs: Iterable[str]) -> str:
    """The strongest suite that both have; names that we do not know are passed over.

    Raises NoCommonSuite when there is none.
    """
    ours, others = list(own), list(theirs)
    for suite in SUITES:
        if suite in ours and suite in others:
            return suite
    raise NoCommonSuite(
        "suites",
        ", ".join(others) or "none",
        "one of " + (", ".join(ours) or "none"),
        "Agree with the other party on a suite that both can use; one side needs further keys and a new card.",
    )


def signing_suite(key: object) -> str | None:
    """The suite in which a public or private key can sign, None when in none."""
    if isinstance(key, ed25519.Ed25519PublicKey | ed25519.Ed25519PrivateKey):
        return EDDSA_X25519
    return ECDSA_P256 if _is_p256(key) else None


def agreement_suite(key: object) -> str | None:
    """The suite in which a public or private key can agree on keys, None when in none."""
    if isinstance(key, x25519.X25519PublicKey | x25519.X25519PrivateKey):
        return EDDSA_X25519
    return ECDSA_P256 if _is_p256(key) else None


def _is_p256(key: object) -> bool:
    return isinstance(key, ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey) and isinstance(
        key.curve, ec.SECP256R1
    )
