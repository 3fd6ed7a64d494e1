"""What the room's tests are made of: a fixed instant, an authority, cards, pairs."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519

from node.trust.card import LIFETIME, Card, CardDomain, card_of
from node.trust.certificates import SELF_MADE, Issuer, Profile, Use, make_certificate, subject_of
from node.trust.keys import NodeKeys

NOW = datetime(2026, 11, 25, 2, 24, 57, tzinfo=UTC)
AUTHORITY = Profile(Use.AUTHORITY, 3653, ("keyCertSign", "cRLSign"))
ISSUED = Profile(Use.SIGNING, 1096, ("digitalSignature", "nonRepudiation"))


@dataclass(frozen=True)
class Authority:
    """An authority in memory."""

    certificate: x509.Certificate
    issuer: Issuer

    def certify(
        self, party: str, profile: Profile = ISSUED, at: datetime = NOW, key: object | None = None
    ) -> x509.Certificate:
        """A certificate for `party`."""
        if key is None:
            is_encryption = profile.use is Use.ENCRYPTION
            key = (x25519.X25519PrivateKey if is_encryption else ed25519.Ed25519PrivateKey).generate()
        return make_certificate(profile, key.public_key(), subject_of(party, party), self.issuer, at)


def make_authority(name: str = "Authority", at: datetime = NOW, profile: Profile = AUTHORITY) -> Authority:
    """A self-signed authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = subject_of(name, name)
    issuer = Issuer(subject, key)
    return Authority(make_certificate(profile, key.public_key(), subject, issuer, at), issuer)


def card_for(keys: NodeKeys, **changes: object) -> Card:
    """A card of `keys`, with these fields instead."""
    fields = {
        "party": "urn:x:north",
        "party_type": "urn:x:type",
        "name": "Министарство / Ministria",
        "country": "XKX",
        "serial": 3,
        "issued": NOW,
        "ends": NOW + LIFETIME,
        "address": "https://north.example/as4",
        "domains": (CardDomain("urn:depesha:partnership:1", "ab" * 32),),
    }
    return card_of(keys, **(fields | changes))


def self_signed(
    use: Use, now: datetime = NOW, days: int = 30, hosts: tuple[str, ...] = ()
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """A pair as a node makes it, with another life."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = subject_of("urn:x:any", "Any")
    profile = Profile(use, days, SELF_MADE[use].key_usage, SELF_MADE[use].extended_key_usage, no_rev_avail=True)
    return key, make_certificate(profile, key.public_key(), subject, Issuer(subject, key), now, hosts)


def write(path: Path, content: bytes) -> Path:
    """Write and return the path."""
    path.write_bytes(content)
    return path


DAY = timedelta(days=1)
