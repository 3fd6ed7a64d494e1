"""The party card: who a party is, with which keys, where, and what it can receive. One signed file, given each way.

Compact JWS (EdDSA) by the party's identity key; the fields are those of version 1, all present in every card. Lists
of keys let suites and rotations stand side by side. A field that this version does not know is passed over, and so is
a certificate of a kind of key that it does not know; a change that old nodes must not pass over gets another `v`.
"""

import base64
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from node.trust.certificates import LARGEST_CERTIFICATE, Use, load_certificates, public_key_of
from node.trust.fields import Fields, format_second, from_base64
from node.trust.keys import NodeKeys
from node.trust.pins import CertificateRefused, check_key, check_use, check_validity
from node.trust.refused import TrustRefused
from node.trust.signed_statement import (
    StatementRefused,
    public_key,
    read_statement,
    read_unverified,
    sign_statement,
    to_base64url,
)
from node.trust.suites import SUITES, agreement_suite, signing_suite
from node.trust.vkey import ED25519_COSIGNATURE, ED25519_NOTE, log_vkey, own_name, parse_vkey, witness_vkey

TYP = "depesha-card+jwt"
VERSION = 1
# How long a card usually lasts: the identity key has to be fetched from where it is kept so often.
LIFETIME = timedelta(days=730)
# A card from further in the future than this was written by a clock that is wrong, or ours is.
CLOCK_SKEW = timedelta(minutes=10)
# Two suites, each with the old and the new key of a rotation, twice over.
MOST_CERTIFICATES = 8
MOST_DOMAINS = 200
LONGEST_TEXT = 255
LONGEST_ADDRESS = 500
_REMEDY = "Ask the party for a new card."


class CardRefused(TrustRefused):
    """A card is not accepted; `field` names the part of it that is to blame."""

    @property
    def field(self) -> str:
        """The path of the field, `signing/0` say."""
        return self.what


@dataclass(frozen=True, slots=True)
class CardDomain:
    """A domain in a version that the party has: its namespace, and the digest (SHA-256, hex) of its folder."""

    namespace: str
    digest: str


@dataclass(frozen=True, slots=True)
class Card:
    """The content of a card. `identity` is the raw public key; certificates and verifier keys in order of preference.

    `tls` may be empty: then the address is certified by an authority that the other side trusts anyway.
    """

    party: str
    party_type: str | None
    name: str
    country: str | None
    serial: int
    issued: datetime
    ends: datetime
    identity: bytes
    signing: tuple[x509.Certificate, ...]
    encryption: tuple[x509.Certificate, ...]
    document: tuple[x509.Certificate, ...]
    tls: tuple[x509.Certificate, ...]
    log: tuple[str, ...]
    witness: tuple[str, ...]
    address: str
    suites: tuple[str, ...]
    domains: tuple[CardDomain, ...]

    def signing_for(self, suite: str) -> tuple[x509.Certificate, ...]:
        """The signing certificates of one suite."""
        return tuple(one for one in self.signing if signing_suite(public_key_of(one)) == suite)

    def encryption_for(self, suite: str) -> tuple[x509.Certificate, ...]:
        """The key-agreement certificates of one suite."""
        return tuple(one for one in self.encryption if agreement_suite(public_key_of(one)) == suite)


def card_of(
    keys: NodeKeys,
    *,
    party: str,
    party_type: str | None,
    name: str,
    country: str | None,
    serial: int,
    issued: datetime,
    ends: datetime,
    address: str,
    domains: Sequence[CardDomain],
    pin_tls: bool = True,
) -> Card:
    """The card that a node with these keys would sign. Without `pin_tls` it names no TLS certificate."""
    log, witness = keys.log_key.public_key(), keys.witness_key.public_key()
    return Card(
        party=party,
        party_type=party_type,
        name=name,
        country=country,
        serial=serial,
        issued=issued.replace(microsecond=0),
        ends=ends.replace(microsecond=0),
        identity=keys.identity_raw,
        signing=(keys.signing_certificate,),
        encryption=(keys.encryption_certificate,),
        document=(keys.document_certificate,),
        tls=(keys.tls_certificate,) if pin_tls else (),
        log=(str(log_vkey(own_name(party, "log", log), log)),),
        witness=(str(witness_vkey(own_name(party, "witness", witness), witness)),),
        address=address,
        suites=(keys.suite,),
        domains=tuple(domains),
    )


def make_card(card: Card, identity: ed25519.Ed25519PrivateKey) -> str:
    """Sign a card. Raises CardRefused when a field could not be read back, or the key is not the one it names."""
    text = sign_statement(_payload(card), TYP, identity)
    if read_card(text) != card:
        raise CardRefused("card", "a field that reads back differently", "the same", "Give instants in whole seconds.")
    return text


def read_card(text: str) -> Card:
    """The content of a card whose every field is well formed and which the identity key it names has signed.

    Whether that identity is the party's is for people (words) or the card before it to say: see `check_card`.
    Raises CardRefused that names field, found, expected and remedy.
    """
    text = text.strip()
    try:
        payload = read_unverified(text, TYP)
        fields = Fields(payload, CardRefused, _REMEDY)
        version = fields.integer("v", 1)
        if version != VERSION:
            raise CardRefused("v", str(version), str(VERSION), "Install a newer version of this software.")
        identity = fields.base64url("identity", 32)
        read_statement(text, TYP, identity)
    except StatementRefused as refused:
        raise CardRefused(refused.what, refused.found, refused.expected, refused.remedy) from None
    card = _card(fields, identity)
    if card.issued >= card.ends:
        raise fields.refuse("ends", format_second(card.ends), "an instant after it was issued")
    _require_separate_identity(card, fields)
    return card


def country_of_card(text: str) -> str | None:
    """The country that a card states, of a card at hand that `read_card` has judged when it came."""
    country: str | None = read_unverified(text, TYP).get("country")
    return country


def check_card(card: Card, now: datetime, known: Card | None = None) -> None:
    """Raise CardRefused unless the card can be believed now, and may follow the `known` one of the same party.

    It has begun and not ended; every suite that it names and we know has a signing and a key-agreement certificate
    that is valid now, and so have documents and, if it pins any, TLS. A later card has the same identity key and a
    higher serial. What nobody has compared by voice stays unconfirmed, whatever this says.
    """
    if known is not None:
        _check_succession(card, known)
    if card.issued > now + CLOCK_SKEW:
        raise CardRefused("issued", format_second(card.issued), f"before {format_second(now)}", "Compare the clocks.")
    if card.ends <= now:
        raise CardRefused("ends", format_second(card.ends), f"after {format_second(now)}", _REMEDY)
    suites = [suite for suite in card.suites if suite in SUITES]
    if not suites:
        raise CardRefused("suites", ", ".join(card.suites), "one of " + ", ".join(SUITES), _REMEDY)
    for field, certificates in (("signing", card.signing), ("key_agreement", card.encryption)):
        _require_strong(field, certificates)
    for suite in suites:
        _require_usable("signing", card.signing_for(suite), Use.SIGNING, now, f" of suite {suite}")
        _require_usable("key_agreement", card.encryption_for(suite), Use.ENCRYPTION, now, f" of suite {suite}")
    _require_usable("document", card.document, Use.DOCUMENT, now)
    if card.tls:
        _require_usable("tls", card.tls, Use.TLS, now)


def _check_succession(card: Card, known: Card) -> None:
    if (card.party, card.party_type) != (known.party, known.party_type):
        raise CardRefused("party", card.party, known.party, "Add it as another peer, not as this one's new card.")
    if card.identity != known.identity:
        raise CardRefused(
            "identity",
            "another identity key",
            "the one whose words were compared",
            "If the party really has a new identity, remove the peer, add the card and compare the words by voice.",
        )
    if card.serial <= known.serial:
        raise CardRefused(
            "serial", str(card.serial), f"more than {known.serial}", "This card is not newer than the one at hand."
        )


def _require_usable(
    field: str, certificates: tuple[x509.Certificate, ...], use: Use, now: datetime, of: str = ""
) -> None:
    """At least one of them may be used now; the last refusal says why none may."""
    last = CardRefused(field, "no certificate", f"one{of}", _REMEDY)
    for certificate in certificates:
        try:
            check_validity(certificate, now)
            check_use(certificate, use)
            return
        except CertificateRefused as refused:
            last = CardRefused(field, refused.found, refused.expected + of, _REMEDY)
    raise last


def _require_strong(field: str, certificates: tuple[x509.Certificate, ...]) -> None:
    """Each of them: all that stand in a card are believed, also one under which others can sign, beside good ones."""
    for certificate in certificates:
        try:
            check_key(certificate)
        except CertificateRefused as refused:
            raise CardRefused(field, refused.found, refused.expected, _REMEDY) from None


def _require_separate_identity(card: Card, fields: Fields) -> None:
    """The identity key signs cards and revocations and nothing else: it may not be a wire, log or witness key."""
    own = public_key(card.identity)
    for name, certificates in (("signing", card.signing), ("document", card.document), ("tls", card.tls)):
        if any(public_key_of(certificate) == own for certificate in certificates):
            raise fields.refuse(name, "the identity key", "a key of its own")
    for name, keys in (("log", card.log), ("witness", card.witness)):
        if any(parse_vkey(key).key == card.identity for key in keys):
            raise fields.refuse(name, "the identity key", "a key of its own")


def _payload(card: Card) -> dict[str, Any]:
    return {
        "v": VERSION,
        "party": card.party,
        "party_type": card.party_type,
        "name": card.name,
        "country": card.country,
        "serial": card.serial,
        "issued": format_second(card.issued),
        "ends": format_second(card.ends),
        "identity": to_base64url(card.identity),
        "signing": _encoded(card.signing),
        "key_agreement": _encoded(card.encryption),
        "document": _encoded(card.document),
        "tls": _encoded(card.tls),
        "log": list(card.log),
        "witness": list(card.witness),
        "address": card.address,
        "suites": list(card.suites),
        "domains": [{"namespace": domain.namespace, "digest": domain.digest} for domain in card.domains],
    }


def _encoded(certificates: tuple[x509.Certificate, ...]) -> list[str]:
    return [base64.b64encode(one.public_bytes(Encoding.DER)).decode("ascii") for one in certificates]


def _card(fields: Fields, identity: bytes) -> Card:
    return Card(
        party=fields.text("party", LONGEST_TEXT),
        party_type=fields.text_or_none("party_type", LONGEST_TEXT),
        name=fields.text("name", LONGEST_TEXT),
        country=fields.text_or_none("country", 3, "[A-Z]{3}"),
        serial=fields.integer("serial", 1),
        issued=fields.instant("issued"),
        ends=fields.instant("ends"),
        identity=identity,
        signing=_certificates(fields, "signing", 1),
        encryption=_certificates(fields, "key_agreement", 1),
        document=_certificates(fields, "document", 1),
        tls=_certificates(fields, "tls", 0),
        log=_vkeys(fields, "log", ED25519_NOTE),
        witness=_vkeys(fields, "witness", ED25519_COSIGNATURE),
        address=_address(fields),
        suites=fields.texts("suites", 1, 16, 64, "[a-z0-9][a-z0-9-]*"),
        domains=tuple(
            CardDomain(one.text("namespace", LONGEST_TEXT), one.text("digest", 64, "[0-9a-f]{64}"))
            for one in fields.objects("domains", 0, MOST_DOMAINS)
        ),
    )


def _certificates(fields: Fields, name: str, least: int) -> tuple[x509.Certificate, ...]:
    found = []
    for n, text in enumerate(fields.texts(name, least, MOST_CERTIFICATES, LARGEST_CERTIFICATE * 4 // 3 + 4)):
        try:
            der = from_base64(text)
            (certificate,) = load_certificates(der)
            if certificate.public_bytes(Encoding.DER) != der:
                raise ValueError
        except (ValueError, TrustRefused):
            raise fields.refuse(f"{name}/{n}", "no readable certificate", "DER in base64") from None
        found.append(certificate)
    return tuple(found)


def _vkeys(fields: Fields, name: str, kind: int) -> tuple[str, ...]:
    """Verifier keys, at least one of them of the kind we can verify."""
    texts = fields.texts(name, 1, MOST_CERTIFICATES, 4096)
    kinds = []
    for n, text in enumerate(texts):
        try:
            kinds.append(parse_vkey(text).type)
        except ValueError as error:
            raise fields.refuse(f"{name}/{n}", str(error), "a verifier key, name+id+base64") from None
    if kind not in kinds:
        raise fields.refuse(name, "none of that type", f"a verifier key of type {kind:02x} (Ed25519)")
    return texts


def _address(fields: Fields) -> str:
    address = fields.text("address", LONGEST_ADDRESS, r"[\x21-\x7e]+")
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    if not host or parts.username is not None or parts.fragment or parts.scheme not in ("https", "http"):
        raise fields.refuse("address", address[:80], "https://host/path, without user name or fragment")
    if parts.scheme == "http" and not is_loopback(host):
        raise fields.refuse("address", address[:80], "https; http only with a loopback host")
    return address


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine by definition."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
