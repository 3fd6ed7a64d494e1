"""Assertions by which a program says who it is: a JWT that it signed with its own key, for one use within minutes.

As in RFC 7523: `iss` the program's name, `aud` this node, `exp` at most five minutes ahead, `jti` never the same twice.
The algorithm follows from the kind of the registered key; what the header of the JWT says of it must agree, and decides
nothing (RFC 8725, 3.1).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from sqlalchemy import Connection, delete, insert
from sqlalchemy.exc import IntegrityError

from node.access.programs import Program
from node.store.columns import table_of
from node.store.tables import AssertionUse

LONGEST = timedelta(minutes=5)
CLOCKS_APART = timedelta(seconds=30)
"""So far the program's clock may be from ours."""
LARGEST = 8192
JTI_LIMIT = 128

_USE = table_of(AssertionUse)
_CLAIMS_JUDGED_HERE: Any = {f"verify_{name}": False for name in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")}
_UNVERIFIED: Any = {"verify_signature": False, **_CLAIMS_JUDGED_HERE}


class AssertionRefused(Exception):
    """The assertion lets nobody in; the text says which claim is wrong, and what was expected. `why` is for our own
    log, where a stranger must not be told which programs there are."""

    def __init__(self, told: str, why: str | None = None) -> None:
        super().__init__(told)
        self.why = why or told


class NotProved(AssertionRefused):
    """Nobody has proved to be a program of this node: whoever asks is told the same, whatever the reason (`why`)."""

    def __init__(self, why: str) -> None:
        super().__init__(
            "it is not signed, by EdDSA or ES256, with the registered key of a program that iss names", why
        )


@dataclass(frozen=True, slots=True)
class Claims:
    """What is kept of an assertion: its id, and until when it must be remembered."""

    jti: str
    forget_at: datetime


def issuer_of(text: str) -> str:
    """Whom an assertion says it is from: nothing is believed of it yet. Raises AssertionRefused."""
    if len(text) > LARGEST:
        raise AssertionRefused(f"it is longer than {LARGEST} characters")
    try:
        issuer = jwt.decode(text, options=_UNVERIFIED).get("iss")
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise AssertionRefused("it is no JWT") from None
    if not isinstance(issuer, str):
        raise AssertionRefused("iss: expected the name of the program")
    return issuer


def check_assertion(program: Program, text: str, party: str, addresses: Collection[str], now: datetime) -> Claims:
    """Judge an assertion of `program` for the node of `party`, which is at one of these addresses.

    Raises AssertionRefused.
    """
    if program.public_key is None:
        raise NotProved("its issuer has registered no key")
    key = load_pem_public_key(program.public_key.encode("ascii"))
    algorithm = "EdDSA" if isinstance(key, ed25519.Ed25519PublicKey) else "ES256"
    try:
        claims = jwt.decode(text, key, algorithms=[algorithm], options=_CLAIMS_JUDGED_HERE)  # type: ignore[arg-type]
    except (jwt.PyJWTError, ValueError):
        raise NotProved(f"it is not signed by {algorithm} with the key of its issuer") from None
    ends = _instant(claims, "exp")
    if ends is None:
        raise AssertionRefused("exp: expected seconds since 1970")
    if ends + CLOCKS_APART <= now:
        raise AssertionRefused("exp: it is over")
    if ends > now + LONGEST + CLOCKS_APART:
        raise AssertionRefused("exp: expected at most 5 minutes ahead")
    for name in ("nbf", "iat"):
        if name in claims and ((begins := _instant(claims, name)) is None or begins > now + CLOCKS_APART):
            raise AssertionRefused(f"{name}: it lies ahead")
    if not _is_for_us(claims.get("aud"), party, addresses):
        raise AssertionRefused(
            "aud: expected this node's party id and its address, as `depesha token add` printed them"
        )
    if claims.get("sub", program.name) != program.name:
        raise AssertionRefused("sub: expected the issuer, or none")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not jti.isascii() or not jti.isprintable() or not 1 <= len(jti) <= JTI_LIMIT:
        raise AssertionRefused(f"jti: expected 1 to {JTI_LIMIT} printable ASCII characters")
    return Claims(jti, ends + CLOCKS_APART)


def use_assertion(connection: Connection, program: Program, claims: Claims, now: datetime) -> None:
    """Remember that it was used. Raises AssertionRefused if it was used before; then the transaction must end."""
    connection.execute(delete(_USE).where(_USE.c.expires_at <= now))
    try:
        connection.execute(insert(_USE).values(program=program.handle, jti=claims.jti, expires_at=claims.forget_at))
    except IntegrityError:
        raise AssertionRefused("jti: it was used before; make a new assertion for each request") from None


def _is_for_us(audience: Any, party: str, addresses: Collection[str]) -> bool:
    """It names our party and our address, and nobody else."""
    if not isinstance(audience, list) or len(audience) != 2 or party not in audience:
        return False
    return any(address in audience for address in addresses if address != party)


def _instant(claims: dict[str, Any], name: str) -> datetime | None:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**40:
        return None
    return datetime.fromtimestamp(value, UTC)
