"""Certificates and revocation lists of strangers, damaged at any octet: read, or refused in words, nothing else."""

import warnings
from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from node.trust.certificates import CertificateUnreadable, Use, describe, fingerprint, load_certificates, public_key_of
from node.trust.keys import NodeKeys
from node.trust.pins import CertificateRefused, PeerPins, check_signer, check_use
from node.trust.revocation_list import RevocationListRefused, load_crl
from tests.trust.material import NOW, Authority
from tests.trust.test_pins import crl_of

VALUES = (0x00, 0x01, 0x02, 0x30, 0x42, 0x7F, 0x80, 0xFF)


@pytest.fixture(autouse=True)
def _no_warnings_of_the_parser() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def damaged(whole: bytes) -> Iterator[bytes]:
    for at in range(len(whole)):
        for value in VALUES:
            if whole[at] != value:
                yield whole[:at] + bytes((value,)) + whole[at + 1 :]


def judge(der: bytes, good: x509.Certificate) -> str:
    """What becomes of it: unreadable, refused for its use, foreign, or the very certificate."""
    try:
        (certificate,) = load_certificates(der)
    except CertificateUnreadable:
        return "unreadable"
    describe(certificate)
    public_key_of(certificate)
    try:
        check_use(certificate, Use.SIGNING)
        check_signer(certificate, PeerPins(signing=(good,)), NOW)
    except CertificateRefused:
        return "refused"
    assert fingerprint(certificate) == fingerprint(good)
    return "believed"


def test_a_certificate_damaged_anywhere_is_never_believed(keys: NodeKeys) -> None:
    good = keys.signing_certificate
    verdicts = [judge(der, good) for der in damaged(good.public_bytes(Encoding.DER))]
    assert set(verdicts) == {"unreadable", "refused"}


def test_a_version_that_x509_does_not_have_is_refused_in_words(keys: NodeKeys) -> None:
    der = keys.signing_certificate.public_bytes(Encoding.DER)
    version = b"\xa0\x03\x02\x01\x02"
    assert der.count(version) == 1
    with pytest.raises(CertificateUnreadable, match="66 is not a valid X509 version"):
        load_certificates(der.replace(version, version[:-1] + b"\x42"))


def test_a_revocation_list_damaged_anywhere_is_refused_in_words(authority: Authority, keys: NodeKeys) -> None:
    good = crl_of(authority, (keys.signing_certificate, NOW))
    signed = x509.load_der_x509_crl(good).tbs_certlist_bytes
    believed = 0
    for der in damaged(good):
        try:
            read = load_crl(der, (authority.certificate,))
        except RevocationListRefused:
            continue
        # How many bits of the signature's last octet count can be said in several ways; what was signed cannot.
        assert read.crl.tbs_certlist_bytes == signed
        believed += 1
    assert believed <= len(VALUES)
