"""Whom we believe: these very certificates, or an authority's with the recorded subject; nobody else, ever."""

from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from node.trust.certificates import Issuer, Profile, Use, fingerprint, make_certificate, subject_of
from node.trust.keys import NodeKeys
from node.trust.pins import (
    CertificateRefused,
    PeerPins,
    Reason,
    check_document_signer,
    check_recipient,
    check_signer,
)
from node.trust.revocation_list import RevocationListRefused, load_crl
from tests.trust.material import DAY, ISSUED, NOW, Authority, make_authority

ENCRYPTION = Profile(Use.ENCRYPTION, 1096, ("keyAgreement",))
SUBJECT = subject_of("urn:x:peer", "urn:x:peer").rfc4514_string()


def reason(call: object, *arguments: object) -> Reason:
    """Why it was refused; fails when it was not."""
    with pytest.raises(CertificateRefused) as refused:
        call(*arguments)
    assert refused.value.found
    assert refused.value.expected
    assert refused.value.remedy
    return refused.value.reason


def crl_of(
    authority: Authority, *revoked: tuple[x509.Certificate, datetime], key: object = None, **more: object
) -> bytes:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.issuer.name)
        .last_update(NOW)
        .next_update(NOW + 35 * DAY)
    )
    for certificate, since in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number).revocation_date(since)
        if "invalid_since" in more:
            entry = entry.add_extension(x509.InvalidityDate(more["invalid_since"].replace(tzinfo=None)), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    if "extension" in more:
        builder = builder.add_extension(more["extension"], critical=True)
    return builder.sign(key or authority.issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)


class TestPinned:
    """By certificate."""

    def test_the_certificate_itself_is_accepted(self, keys: NodeKeys) -> None:
        pins = PeerPins(
            signing=(keys.signing_certificate,),
            encryption=(keys.encryption_certificate,),
            document=(keys.document_certificate,),
        )
        check_signer(keys.signing_certificate, pins, NOW)
        check_recipient(keys.encryption_certificate, pins, NOW)
        check_document_signer(keys.document_certificate, pins, NOW)

    def test_both_of_a_rotation_are_accepted(self, keys: NodeKeys, other_keys: NodeKeys) -> None:
        pins = PeerPins(signing=(keys.signing_certificate, other_keys.signing_certificate))
        check_signer(keys.signing_certificate, pins, NOW)
        check_signer(other_keys.signing_certificate, pins, NOW)

    def test_another_certificate_is_foreign(self, keys: NodeKeys, other_keys: NodeKeys) -> None:
        pins = PeerPins(signing=(keys.signing_certificate,))
        assert reason(check_signer, other_keys.signing_certificate, pins, NOW) is Reason.FOREIGN

    def test_a_certificate_made_to_look_the_same_is_foreign(self, keys: NodeKeys) -> None:
        key = ed25519.Ed25519PrivateKey.generate()
        subject = keys.signing_certificate.subject
        forged = make_certificate(ISSUED, key.public_key(), subject, Issuer(subject, key), NOW)
        assert reason(check_signer, forged, PeerPins(signing=(keys.signing_certificate,)), NOW) is Reason.FOREIGN

    def test_what_is_pinned_for_one_use_is_foreign_for_another(self, keys: NodeKeys) -> None:
        pins = PeerPins(signing=(keys.signing_certificate,), encryption=(keys.encryption_certificate,))
        assert reason(check_signer, keys.encryption_certificate, pins, NOW) is Reason.FOREIGN
        assert reason(check_recipient, keys.signing_certificate, pins, NOW) is Reason.FOREIGN

    def test_a_certificate_for_another_use_is_refused_though_pinned(self, keys: NodeKeys) -> None:
        pins = PeerPins(signing=(keys.encryption_certificate,), encryption=(keys.signing_certificate,))
        assert reason(check_signer, keys.encryption_certificate, pins, NOW) is Reason.WRONG_USE
        assert reason(check_recipient, keys.signing_certificate, pins, NOW) is Reason.WRONG_USE

    def test_dates_hold_to_the_second(self, keys: NodeKeys) -> None:
        certificate, pins = keys.signing_certificate, PeerPins(signing=(keys.signing_certificate,))
        first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        check_signer(certificate, pins, first)
        check_signer(certificate, pins, last)
        assert reason(check_signer, certificate, pins, first - timedelta(seconds=1)) is Reason.NOT_YET_VALID
        assert reason(check_signer, certificate, pins, last + timedelta(seconds=1)) is Reason.EXPIRED

    @settings(deadline=None)
    @given(st.integers(-1000, 1000))
    def test_a_receipt_of_before_its_revocation_still_counts(self, hours: int) -> None:
        certificate = PINNED
        by_certificate = PeerPins(signing=(certificate,), revoked={certificate: NOW})
        by_fingerprint = PeerPins(signing=(certificate,), revoked_sha256={fingerprint(certificate): NOW})
        at = NOW + timedelta(hours=hours)
        for pins in (by_certificate, by_fingerprint):
            if at < NOW:
                check_signer(certificate, pins, at)
            else:
                assert reason(check_signer, certificate, pins, at) is Reason.REVOKED

    def test_nothing_pinned_believes_nobody(self, keys: NodeKeys) -> None:
        assert reason(check_signer, keys.signing_certificate, PeerPins(), NOW) is Reason.FOREIGN
        assert reason(check_signer, keys.signing_certificate, PeerPins(subject="CN=x"), NOW) is Reason.FOREIGN


class TestAuthority:
    """By authority and recorded subject."""

    def pins(self, authority: Authority, **more: object) -> PeerPins:
        return PeerPins(authorities=(authority.certificate,), subject=SUBJECT, **more)

    def test_its_certificate_with_the_subject_is_accepted(self, authority: Authority) -> None:
        check_signer(authority.certify("urn:x:peer"), self.pins(authority), NOW)
        check_recipient(authority.certify("urn:x:peer", ENCRYPTION), self.pins(authority), NOW)

    def test_its_certificate_with_another_subject_is_refused(self, authority: Authority) -> None:
        assert reason(check_signer, authority.certify("urn:x:other"), self.pins(authority), NOW) is Reason.WRONG_SUBJECT

    def test_without_a_recorded_subject_nobody_is_accepted(self, authority: Authority) -> None:
        pins = PeerPins(authorities=(authority.certificate,))
        assert reason(check_signer, authority.certify("urn:x:peer"), pins, NOW) is Reason.WRONG_SUBJECT

    def test_the_key_agreement_certificate_may_have_a_subject_of_its_own(self, authority: Authority) -> None:
        other = subject_of("urn:x:kex", "urn:x:kex").rfc4514_string()
        certificate = authority.certify("urn:x:kex", ENCRYPTION)
        check_recipient(certificate, self.pins(authority, encryption_subject=other), NOW)
        assert reason(check_recipient, certificate, self.pins(authority), NOW) is Reason.WRONG_SUBJECT

    def test_another_authority_of_the_same_name_is_foreign(self, authority: Authority) -> None:
        impostor = make_authority()
        assert impostor.certificate.subject == authority.certificate.subject
        assert reason(check_signer, impostor.certify("urn:x:peer"), self.pins(authority), NOW) is Reason.FOREIGN

    def test_a_changed_signature_is_foreign(self, authority: Authority) -> None:
        der = bytearray(authority.certify("urn:x:peer").public_bytes(Encoding.DER))
        der[-1] ^= 1
        changed = x509.load_der_x509_certificate(bytes(der))
        assert reason(check_signer, changed, self.pins(authority), NOW) is Reason.FOREIGN

    def test_an_end_entity_is_no_authority(self, authority: Authority) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = authority.certify("urn:x:leaf", key=key)
        below = Authority(leaf, Issuer(leaf.subject, key)).certify("urn:x:peer")
        pins = PeerPins(authorities=(leaf,), subject=SUBJECT)
        assert reason(check_signer, below, pins, NOW) is Reason.WRONG_USE
        assert reason(check_signer, below, self.pins(authority), NOW) is Reason.FOREIGN

    def test_ca_without_the_constraint_is_no_authority(self) -> None:
        loose = make_authority(profile=Profile(Use.SIGNING, 3000, ("keyCertSign",)))
        pins = PeerPins(authorities=(loose.certificate,), subject=SUBJECT)
        assert reason(check_signer, loose.certify("urn:x:peer"), pins, NOW) is Reason.WRONG_USE

    def test_an_authority_certificate_is_no_signer(self, authority: Authority) -> None:
        both = Profile(Use.AUTHORITY, 100, ("digitalSignature", "keyCertSign"))
        assert (
            reason(check_signer, authority.certify("urn:x:peer", both), self.pins(authority), NOW) is Reason.WRONG_USE
        )

    def test_an_authority_must_be_valid_itself(self, authority: Authority) -> None:
        later = authority.certificate.not_valid_after_utc + DAY
        long_lived = authority.certify("urn:x:peer", Profile(Use.SIGNING, 5000, ("digitalSignature",)))
        assert reason(check_signer, long_lived, self.pins(authority), later) is Reason.EXPIRED

    def test_expired_and_not_yet_valid(self, authority: Authority) -> None:
        certificate = authority.certify("urn:x:peer")
        assert reason(check_signer, certificate, self.pins(authority), NOW + 1100 * DAY) is Reason.EXPIRED
        assert reason(check_signer, certificate, self.pins(authority), NOW - DAY / 2) is Reason.NOT_YET_VALID

    def test_an_unknown_critical_extension_refuses(self, authority: Authority) -> None:
        key = ed25519.Ed25519PrivateKey.generate()
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject_of("urn:x:peer", "urn:x:peer"))
            .issuer_name(authority.issuer.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW)
            .not_valid_after(NOW + DAY)
            .add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), critical=True)
            .sign(authority.issuer.key, hashes.SHA256())
        )
        assert reason(check_signer, certificate, self.pins(authority), NOW) is Reason.WRONG_USE


class TestRevocationList:
    """CRLs of an authority."""

    def test_what_it_names_is_refused_from_then_on(self, authority: Authority) -> None:
        certificate = authority.certify("urn:x:peer")
        listed = load_crl(crl_of(authority, (certificate, NOW)), (authority.certificate,))
        pins = PeerPins(authorities=(authority.certificate,), subject=SUBJECT, crls=(listed,))
        assert reason(check_signer, certificate, pins, NOW) is Reason.REVOKED
        check_signer(certificate, pins, NOW - timedelta(minutes=1))
        check_signer(authority.certify("urn:x:peer"), pins, NOW)

    def test_it_holds_for_a_pinned_certificate_too(self, authority: Authority) -> None:
        certificate = authority.certify("urn:x:peer")
        listed = load_crl(crl_of(authority, (certificate, NOW)), (authority.certificate,))
        assert (
            reason(check_signer, certificate, PeerPins(signing=(certificate,), crls=(listed,)), NOW) is Reason.REVOKED
        )

    def test_an_earlier_invalidity_date_counts(self, authority: Authority) -> None:
        certificate = authority.certify("urn:x:peer", at=NOW - 10 * DAY)
        data = crl_of(authority, (certificate, NOW), invalid_since=NOW - 5 * DAY)
        pins = PeerPins(signing=(certificate,), crls=(load_crl(data, (authority.certificate,)),))
        assert reason(check_signer, certificate, pins, NOW - 4 * DAY) is Reason.REVOKED
        check_signer(certificate, pins, NOW - 6 * DAY)

    def test_the_same_serial_of_another_authority_is_not_meant(self, authority: Authority, keys: NodeKeys) -> None:
        listed = load_crl(crl_of(authority, (keys.signing_certificate, NOW)), (authority.certificate,))
        check_signer(keys.signing_certificate, PeerPins(signing=(keys.signing_certificate,), crls=(listed,)), NOW)

    def test_a_stale_list_says_so_and_still_revokes(self, authority: Authority) -> None:
        certificate = authority.certify("urn:x:peer")
        listed = load_crl(crl_of(authority, (certificate, NOW)), (authority.certificate,))
        later = NOW + 36 * DAY
        assert not listed.is_stale(NOW + 34 * DAY)
        assert listed.is_stale(later)
        assert (
            reason(check_signer, certificate, PeerPins(signing=(certificate,), crls=(listed,)), later) is Reason.REVOKED
        )

    def test_a_list_by_another_key_is_refused(self, authority: Authority) -> None:
        forged = crl_of(authority, key=ec.generate_private_key(ec.SECP256R1()))
        with pytest.raises(RevocationListRefused, match="signature"):
            load_crl(forged, (authority.certificate,))
        with pytest.raises(RevocationListRefused, match="recorded authority"):
            load_crl(crl_of(authority), ())

    def test_partial_lists_are_refused(self, authority: Authority) -> None:
        data = crl_of(authority, extension=x509.DeltaCRLIndicator(1))
        with pytest.raises(RevocationListRefused, match="full list"):
            load_crl(data, (authority.certificate,))

    @settings(deadline=None)
    @given(st.binary(max_size=100))
    def test_anything_else_is_refused(self, data: bytes) -> None:
        with pytest.raises(RevocationListRefused):
            load_crl(data, ())


def _pinned() -> x509.Certificate:
    key = ed25519.Ed25519PrivateKey.generate()
    subject = subject_of("urn:x:peer", "Peer")
    return make_certificate(ISSUED, key.public_key(), subject, Issuer(subject, key), NOW - 100 * DAY)


PINNED = _pinned()


def test_an_x25519_key_as_authority_issues_nothing(authority: Authority) -> None:
    holder = authority.certify("urn:x:holder", ENCRYPTION, key=x25519.X25519PrivateKey.generate())
    pins = PeerPins(authorities=(holder,), subject=SUBJECT)
    assert reason(check_signer, authority.certify("urn:x:peer"), pins, NOW) is Reason.FOREIGN
