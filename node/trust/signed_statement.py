"""Compact JWS (RFC 7515, 7519 typ, 8037) signed by a party's identity key: the form of cards and revocations.

Exactly one form is taken: the header is `{"alg":"EdDSA","typ":…}` and nothing else, each part is base64url in its
only spelling, the payload is one JSON object without repeated names. So no `none`, no `crit`, no key in the header,
and no second text with the same signature.
"""

import base64
import binascii
import hmac
import json
import re
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ed25519

from node.as4.weak_keys import weakness_of_ed25519
from node.trust.refused import TrustRefused

# A card with every list full of certificates is below 40 KiB; parsing is bounded before it starts.
LARGEST = 64 * 1024
ALGORITHM = "EdDSA"
_FORM = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")


class StatementRefused(TrustRefused):
    """A text is not a statement of the form above, or the key that should have signed it has not."""


def sign_statement(payload: dict[str, Any], typ: str, identity: ed25519.Ed25519PrivateKey) -> str:
    """The compact JWS over `payload`, JSON with sorted names."""
    octets = json.dumps(payload, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    text = jwt.PyJWS(algorithms=[ALGORITHM]).encode(octets, identity, algorithm=ALGORITHM, headers={"typ": typ})
    if len(text) > LARGEST:
        raise StatementRefused("statement", f"{len(text)} characters", f"at most {LARGEST}", "Put less into it.")
    return text


def read_unverified(text: str, typ: str) -> dict[str, Any]:
    """The payload before its signature is verified: to find out which key it names, for nothing else.

    Raises StatementRefused when the form is not the one above.
    """
    if len(text) > LARGEST:
        raise _refused("statement", f"{len(text)} characters", f"at most {LARGEST}")
    parts = _FORM.fullmatch(text)
    if parts is None:
        raise _refused("statement", "another text", "three parts of base64url with dots between")
    header = _json_object(_decode(parts[1], "header"), "header")
    expected = {"alg": ALGORITHM, "typ": typ}
    if header != expected:
        raise _refused("header", _shown(header), _shown(expected))
    if len(_decode(parts[3], "signature")) != 64:
        raise _refused("signature", "another length", "64 bytes")
    return _json_object(_decode(parts[2], "payload"), "payload")


def read_statement(text: str, typ: str, identity: bytes) -> dict[str, Any]:
    """The payload of a statement whose form is right and which `identity` (raw public key) has signed.

    Raises StatementRefused otherwise.
    """
    payload = read_unverified(text, typ)
    verify_key = public_key(identity)
    try:
        jwt.PyJWS(algorithms=[ALGORITHM]).decode(text, verify_key, algorithms=[ALGORITHM])
    except jwt.InvalidTokenError:
        raise _refused("signature", "one that does not verify", "the signature of the identity key") from None
    return payload


def public_key(identity: bytes) -> ed25519.Ed25519PublicKey:
    """The identity key from its 32 bytes. Raises StatementRefused for no key, or one that signs for everybody."""
    if len(identity) != 32:
        raise _refused("identity key", f"{len(identity)} bytes", "32 bytes")
    if (weakness := weakness_of_ed25519(identity)) is not None:
        raise _refused("identity key", weakness, "a key under which only its holder can sign")
    return ed25519.Ed25519PublicKey.from_public_bytes(identity)


def to_base64url(octets: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def from_base64url(text: str) -> bytes:
    """The octets of base64url without padding, in its only spelling. Raises ValueError for anything else."""
    octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if not hmac.compare_digest(to_base64url(octets), text):
        raise ValueError("not the only spelling")
    return octets


def _decode(part: str, what: str) -> bytes:
    try:
        return from_base64url(part)
    except (binascii.Error, ValueError):
        raise _refused(what, "another spelling", "base64url without padding") from None


def _json_object(octets: bytes, what: str) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a name stands twice")
        return found

    def no_constant(name: str) -> None:
        raise ValueError(f"{name} is no JSON")

    try:
        value = json.loads(octets.decode("utf-8"), object_pairs_hook=once, parse_constant=no_constant)
    except (ValueError, RecursionError) as error:
        raise _refused(what, f"no readable JSON ({type(error).__name__})", "a JSON object, each name once") from None
    if not isinstance(value, dict):
        raise _refused(what, type(value).__name__, "a JSON object")
    return value


def _shown(header: dict[str, Any]) -> str:
    return json.dumps(header, ensure_ascii=True, sort_keys=True)[:200]


def _refused(what: str, found: str, expected: str) -> StatementRefused:
    return StatementRefused(what, found, expected, "Ask the party to send it again, as a file.")
