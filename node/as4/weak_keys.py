"""Public keys of curve 25519 that are no use to anybody, since they are no secret of anybody.

Under an Ed25519 key of small order some signature fits every text, and a point may have spellings besides its own
(Brendel and others, The Provable Security of Ed25519, IEEE S&P 2021). With an X25519 key of small order the secret is
zero for whoever agrees on it (RFC 7748, section 6.1). Points of P-256 are checked where they are read: all but the
neutral one have the whole order.
"""

from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

_P: Final = 2**255 - 19
_ORDER_8: Final = (
    0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
    0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
)
SMALL_ORDER: Final = frozenset(y.to_bytes(32, "little") for y in (0, 1, _P - 1, _P, _P + 1, *_ORDER_8))
"""Ed25519 points of order 1, 2, 4 and 8 with the sign bit cleared, and their other spellings."""
# Every scalar of X25519 is a multiple of 8, so any of them tells.
_ANY_SCALAR: Final = X25519PrivateKey.from_private_bytes(bytes(range(32)))


def weakness_of(public_key: object) -> str | None:
    """What is wrong with a public key, in words for people; None for one that only its holder can use, and for a key of
    another curve."""
    if isinstance(public_key, Ed25519PublicKey):
        return weakness_of_ed25519(public_key.public_bytes_raw())
    if isinstance(public_key, X25519PublicKey) and not _agrees(public_key):
        return "an X25519 key of small order, with which everybody agrees on the same secret"
    return None


def weakness_of_ed25519(octets: bytes) -> str | None:
    """The same of the 32 octets of an Ed25519 key."""
    unsigned = bytes([*octets[:31], octets[31] & 0x7F])
    if unsigned in SMALL_ORDER:
        return "an Ed25519 key, a point of small order, under which everybody can sign"
    if int.from_bytes(unsigned, "little") >= _P:
        return "an Ed25519 key in another spelling than its only one"
    return None


def _agrees(key: X25519PublicKey) -> bool:
    try:
        _ANY_SCALAR.exchange(key)
    except ValueError:
        return False
    return True
