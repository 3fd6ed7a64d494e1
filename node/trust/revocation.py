"""A party's own statement that some of its certificates are no longer its own: compact JWS by its identity key.

It reaches peers before or without a new card. A thief of a wire key can neither make nor undo one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ed25519

from node.trust.fields import Fields, format_second
from node.trust.refused import TrustRefused
from node.trust.signed_statement import StatementRefused, read_statement, sign_statement, to_base64url

TYP = "depesha-revocation+jwt"
VERSION = 1
# More than a party has had in a lifetime.
MOST_REVOKED = 200


class RevocationRefused(TrustRefused):
    """A revocation statement is not accepted: not well formed, or not by the party's identity key."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """Since when which certificates (SHA-256 of the DER, hex) are not to be believed. For `PeerPins.revoked_sha256`.

    Statements add up: of two about one certificate the earlier instant holds, and none takes another back.
    """

    party: str
    issued: datetime
    revoked: Mapping[str, datetime]


def make_revocation(revocation: Revocation, identity: ed25519.Ed25519PrivateKey) -> str:
    """Sign a statement. Raises RevocationRefused when it could not be read back."""
    raw = identity.public_key().public_bytes_raw()
    payload = {
        "v": VERSION,
        "party": revocation.party,
        "identity": to_base64url(raw),
        "issued": format_second(revocation.issued),
        "revoked": [
            {"sha256": sha256, "since": format_second(since)} for sha256, since in sorted(revocation.revoked.items())
        ],
    }
    text = sign_statement(payload, TYP, identity)
    read_revocation(text, revocation.party, raw)
    return text


def read_revocation(text: str, party: str, identity: bytes) -> Revocation:
    """The content of a statement about `party`, whose identity key (raw) is `identity`.

    Raises RevocationRefused for another form, another party or another key.
    """
    text = text.strip()
    try:
        payload = read_statement(text, TYP, identity)
    except StatementRefused as refused:
        raise RevocationRefused(refused.what, refused.found, refused.expected, refused.remedy) from None
    fields = Fields(payload, RevocationRefused, "Ask the party to send it again, as a file.")
    if fields.integer("v", 1) != VERSION:
        raise RevocationRefused("v", str(payload["v"]), str(VERSION), "Install a newer version of this software.")
    if fields.text("party", 255) != party:
        raise fields.refuse("party", "another party", party)
    if fields.base64url("identity", 32) != identity:
        raise fields.refuse("identity", "another key", "the key that signed it")
    entries = fields.objects("revoked", 1, MOST_REVOKED)
    revoked = {one.text("sha256", 64, "[0-9a-f]{64}"): one.instant("since") for one in entries}
    if len(revoked) != len(entries):
        raise fields.refuse("revoked", "a certificate twice", "each certificate once")
    return Revocation(party, fields.instant("issued"), revoked)
