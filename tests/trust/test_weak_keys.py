"""Keys that are nobody's secret: under some everybody signs, with others everybody agrees on one secret."""

import dataclasses

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding

from node.as4 import SUITES, FailedAuthentication
from node.as4.weak_keys import SMALL_ORDER, weakness_of
from node.trust.card import CardRefused, check_card, make_card, read_card
from node.trust.certificates import Issuer, Use, make_certificate, subject_of
from node.trust.keys import NodeKeys
from node.trust.pins import CertificateRefused, PeerPins, Reason, check_recipient, check_signer
from node.trust.vkey import log_vkey, parse_vkey
from tests.trust.material import ISSUED, NOW, card_for, make_authority
from tests.trust.test_pins import ENCRYPTION

P = 2**255 - 19
SIGN_BIT = 1 << 255
SMALL_X25519 = (
    0, 1, P - 1, P, P + 1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
)  # fmt: skip
"""The points of small order that are known for X25519, and their other spellings."""
UNIVERSAL = b"\x01" + bytes(63)
"""A signature, the neutral point and zero, that fits every text under the neutral point."""


def octets(number: int) -> bytes:
    return number.to_bytes(32, "little")


WEAK_ED25519 = {
    **{f"small-{point[:4].hex()}": point for point in sorted(SMALL_ORDER)},
    **{f"small-{point[:4].hex()}-signed": point[:31] + bytes([point[31] | 0x80]) for point in sorted(SMALL_ORDER)},
    **{f"p-plus-{n}": octets(P + n) for n in (2, 3, 18)},
    "p-plus-3-signed": octets((P + 3) | SIGN_BIT),
}


def certificate(key: Ed25519PublicKey | X25519PublicKey) -> x509.Certificate:
    """Of that key, by somebody's own."""
    subject = subject_of("urn:x:peer", "urn:x:peer")
    profile = ISSUED if isinstance(key, Ed25519PublicKey) else ENCRYPTION
    return make_certificate(profile, key, subject, Issuer(subject, Ed25519PrivateKey.generate()), NOW)


def refused(check: object, *arguments: object) -> CertificateRefused:
    with pytest.raises(CertificateRefused) as caught:
        check(*arguments)
    assert caught.value.reason is Reason.WEAK_KEY
    assert caught.value.remedy
    return caught.value


def test_such_a_key_takes_a_signature_of_nobody() -> None:
    """What all this is about: the library says that it is right."""
    Ed25519PublicKey.from_public_bytes(octets(1)).verify(UNIVERSAL, b"whatever")


@pytest.mark.parametrize("name", WEAK_ED25519)
def test_a_pinned_signer_is_refused(name: str) -> None:
    weak = certificate(Ed25519PublicKey.from_public_bytes(WEAK_ED25519[name]))
    assert "Ed25519" in refused(check_signer, weak, PeerPins(signing=(weak,)), NOW).found


@pytest.mark.parametrize("number", SMALL_X25519)
@pytest.mark.parametrize("high_bit", [0, SIGN_BIT])
def test_a_pinned_recipient_is_refused(number: int, high_bit: int) -> None:
    weak = certificate(X25519PublicKey.from_public_bytes(octets(number | high_bit)))
    assert "small order" in refused(check_recipient, weak, PeerPins(encryption=(weak,)), NOW).found


def test_what_an_authority_certified_is_refused_too() -> None:
    authority = make_authority()
    key = Ed25519PublicKey.from_public_bytes(octets(1))
    subject = subject_of("urn:x:peer", "urn:x:peer")
    weak = make_certificate(ISSUED, key, subject, authority.issuer, NOW)
    pins = PeerPins(authorities=(authority.certificate,), subject=subject.rfc4514_string())
    refused(check_signer, weak, pins, NOW)


def test_an_authority_of_such_a_key_certifies_nobody() -> None:
    key = Ed25519PrivateKey.generate()
    subject = subject_of("Authority", "Authority")
    profile = dataclasses.replace(ISSUED, use=Use.AUTHORITY, key_usage=("keyCertSign",))
    weak = make_certificate(profile, Ed25519PublicKey.from_public_bytes(octets(1)), subject, Issuer(subject, key), NOW)
    assert weakness_of(weak.public_key())
    forged = _signed_by_nobody(make_certificate(ISSUED, key.public_key(), subject, Issuer(subject, key), NOW))
    forged.verify_directly_issued_by(weak)
    pins = PeerPins(authorities=(weak,), subject=subject.rfc4514_string())
    refused(check_signer, forged, pins, NOW)


def _signed_by_nobody(made: x509.Certificate) -> x509.Certificate:
    return x509.load_der_x509_certificate(made.public_bytes(Encoding.DER)[:-64] + UNIVERSAL)


@pytest.mark.parametrize("field", ["signing", "encryption"])
@pytest.mark.parametrize("first", [True, False])
def test_a_card_with_one_beside_good_ones_is_refused(keys: NodeKeys, field: str, first: bool) -> None:
    raw = octets(0 if field == "encryption" else 1)
    kind = X25519PublicKey if field == "encryption" else Ed25519PublicKey
    weak = certificate(kind.from_public_bytes(raw))
    good = card_for(keys)
    both = (weak, *getattr(good, field)) if first else (*getattr(good, field), weak)
    card = read_card(make_card(dataclasses.replace(good, **{field: both}), keys.identity))
    with pytest.raises(CardRefused, match="small order") as caught:
        check_card(card, NOW)
    assert caught.value.field == ("key_agreement" if field == "encryption" else field)


@pytest.mark.parametrize("name", WEAK_ED25519)
def test_a_log_of_such_a_key_is_none(name: str) -> None:
    key = log_vkey("north/log", Ed25519PublicKey.from_public_bytes(WEAK_ED25519[name]))
    with pytest.raises(ValueError, match="Ed25519 key"):
        parse_vkey(str(key))


def test_the_wire_takes_no_signature_under_one() -> None:
    weak = Ed25519PublicKey.from_public_bytes(octets(1))
    with pytest.raises(FailedAuthentication, match="small order"):
        SUITES["eddsa-x25519"].verify(weak, UNIVERSAL, b"whatever")


def test_nothing_is_encrypted_for_one() -> None:
    weak = X25519PublicKey.from_public_bytes(bytes(32))
    with pytest.raises(ValueError, match="recipient certificate: an X25519 key of small order"):
        SUITES["eddsa-x25519"].agree_new(weak, bytes)


def test_keys_that_people_make_are_none_of_these(keys: NodeKeys) -> None:
    for one in (keys.signing_certificate, keys.encryption_certificate, keys.tls_certificate):
        assert weakness_of(one.public_key()) is None
