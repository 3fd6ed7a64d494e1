"""Verifier keys in the text form of C2SP signed-note: `name+hex8+base64(type‖key)`.

The key id is the first four bytes of SHA-256(name ‖ 0A ‖ type ‖ key). Types: 01 an Ed25519 key that signs notes
(a log), 04 an Ed25519 key that cosigns (a witness). Other types are read and kept, to be passed over.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric import ed25519

from node.as4.weak_keys import weakness_of_ed25519

ED25519_NOTE = 1
ED25519_COSIGNATURE = 4
# The longest key of a type in the specification, ML-DSA-44, has 1,312 bytes; names are addresses.
LONGEST_VKEY = 4096


@dataclass(frozen=True, slots=True)
class Vkey:
    """A verifier key: name, type byte, public key octets."""

    name: str
    type: int
    key: bytes

    @property
    def id(self) -> bytes:
        """The four bytes that a signature line starts with."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.type]) + self.key).digest()[:4]

    def __str__(self) -> str:
        encoded = base64.b64encode(bytes([self.type]) + self.key).decode("ascii")
        return f"{self.name}+{self.id.hex()}+{encoded}"


def log_vkey(name: str, key: ed25519.Ed25519PublicKey) -> Vkey:
    """The key of a log with origin `name`. Raises ValueError for a name that cannot stand in a note."""
    return Vkey(_checked(name), ED25519_NOTE, key.public_bytes_raw())


def witness_vkey(name: str, key: ed25519.Ed25519PublicKey) -> Vkey:
    """The key of a witness called `name`. Raises ValueError for a name that cannot stand in a note."""
    return Vkey(_checked(name), ED25519_COSIGNATURE, key.public_bytes_raw())


def own_name(party: str, what: str, key: ed25519.Ed25519PublicKey) -> str:
    """The name of a party's log or witness (`what`): of the party and the key, so that a new key is a new log.

    It names no address, which may change while the origin of a log may not.
    """
    return f"{quote(party, safe='')}/{what}/{hashlib.sha256(key.public_bytes_raw()).hexdigest()[:8]}"


def parse_vkey(text: str) -> Vkey:
    """Read a verifier key. Raises ValueError that says what is wrong with it."""
    if len(text) > LONGEST_VKEY:
        raise ValueError(f"a verifier key of {len(text)} characters")
    # The base64 part may hold '+', the name may not: split from the left.
    name, _, rest = text.partition("+")
    identifier, _, encoded = rest.partition("+")
    try:
        octets = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("its key is not base64") from None
    if len(octets) < 2:
        raise ValueError("it has no key")
    vkey = Vkey(_checked(name), octets[0], octets[1:])
    if vkey.type in (ED25519_NOTE, ED25519_COSIGNATURE) and len(vkey.key) != 32:
        raise ValueError(f"an Ed25519 key of {len(vkey.key)} bytes")
    if vkey.type in (ED25519_NOTE, ED25519_COSIGNATURE) and (weakness := weakness_of_ed25519(vkey.key)) is not None:
        raise ValueError(weakness)
    if str(vkey) != text:
        raise ValueError(f"its key id is {identifier or 'missing'}, by name and key it is {vkey.id.hex()}")
    return vkey


def _checked(name: str) -> str:
    if not name or "+" in name or any(character.isspace() or not character.isprintable() for character in name):
        raise ValueError("a name with space, plus sign or control character, or none")
    return name
