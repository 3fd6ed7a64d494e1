"""A node's keys: made whole or not at all, readable by their owner only, and usable without the identity's file."""

import os
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from node.trust.certificates import NO_REV_AVAIL, SELF_MADE, Issuer, Use, make_certificate, subject_of
from node.trust.keys import BroughtKeys, KeysRefused, NodeKeys, create_keys, load_keys, loose_permissions
from tests.trust.material import DAY, NOW, Authority

PARTY = ("urn:x:north", "North")
ENCRYPTION_ISSUED = SELF_MADE[Use.ENCRYPTION]


def pem(key: object) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def brought_from(
    authority: Authority, signing: object, encryption: object, at: object = NOW, profile: object = None
) -> BroughtKeys:
    return BroughtKeys(
        authority.certify("urn:x:north", at=at, key=signing).public_bytes(Encoding.PEM),
        pem(signing),
        authority.certify("urn:x:north", profile or ENCRYPTION_ISSUED, at=at, key=encryption).public_bytes(
            Encoding.PEM
        ),
        pem(encryption),
    )


@pytest.mark.parametrize(
    ("suite", "signing", "encryption"),
    [
        ("eddsa-x25519", ed25519.Ed25519PrivateKey, x25519.X25519PrivateKey),
        ("ecdsa-p256", ec.EllipticCurvePrivateKey, ec.EllipticCurvePrivateKey),
    ],
)
def test_keys_of_either_suite(tmp_path: Path, suite: str, signing: type, encryption: type) -> None:
    made = create_keys(tmp_path / "home" / "keys", *PARTY, now=NOW, suite=suite)
    assert made.suite == suite
    assert isinstance(made.signing_key, signing)
    assert isinstance(made.encryption_key, encryption)
    made.encryption_certificate.verify_directly_issued_by(made.signing_certificate)
    made.signing_certificate.verify_directly_issued_by(made.signing_certificate)
    loaded = load_keys(tmp_path / "home" / "keys")
    assert loaded.signing_certificate == made.signing_certificate
    assert pem(loaded.encryption_key) == pem(made.encryption_key)
    assert loaded.kek == made.kek
    assert len(loaded.kek) == 32


def test_no_two_keys_are_the_same(keys: NodeKeys) -> None:
    public = [
        keys.identity_public,
        keys.signing_key.public_key(),
        keys.log_key.public_key(),
        keys.witness_key.public_key(),
    ]
    assert len({key.public_bytes_raw() for key in public}) == 4
    assert keys.tls_key.public_key() != keys.document_key.public_key()


def test_only_the_owner_reads_them(keys: NodeKeys) -> None:
    assert stat.S_IMODE(keys.directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys.directory.iterdir()} == {0o600}
    assert loose_permissions(keys.directory) == []


def test_loose_permissions_are_found(tmp_path: Path) -> None:
    made = create_keys(tmp_path / "keys", *PARTY, now=NOW)
    (made.directory / "kek").chmod(0o640)
    assert loose_permissions(made.directory) == [made.directory / "kek"]


def test_secrets_are_not_shown(keys: NodeKeys) -> None:
    assert repr(keys.kek) not in repr(keys)


def test_the_identity_key_may_be_taken_offline(tmp_path: Path) -> None:
    made = create_keys(tmp_path / "keys", *PARTY, now=NOW)
    (made.directory / "identity.key.pem").unlink()
    loaded = load_keys(made.directory)
    assert loaded.identity is None
    assert loaded.identity_raw == made.identity_raw


def test_keys_are_never_written_over(tmp_path: Path) -> None:
    made = create_keys(tmp_path / "keys", *PARTY, now=NOW)
    with pytest.raises(KeysRefused, match="never written over"):
        create_keys(tmp_path / "keys", *PARTY, now=NOW)
    assert load_keys(made.directory).kek == made.kek


def test_half_a_set_is_never_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = os.fsync, []

    def fail_at_the_fifth(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 5:
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fail_at_the_fifth)
    with pytest.raises(OSError, match="No space"):
        create_keys(tmp_path / "keys", *PARTY, now=NOW)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("signing.key.pem", None),
        ("signing.cert.pem", b"-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n"),
        ("kek", b"short"),
        ("log.key.pem", b"no key"),
        ("identity.pub.pem", b""),
        ("tls.key.pem", "signing.key.pem"),
        ("encryption.cert.pem", "signing.cert.pem"),
        ("identity.key.pem", "log.key.pem"),
    ],
)
def test_a_damaged_set_is_named(tmp_path: Path, file: str, content: bytes | str | None) -> None:
    made = create_keys(tmp_path / "keys", *PARTY, now=NOW)
    path = made.directory / file
    if content is None:
        path.unlink()
    else:
        path.write_bytes((made.directory / content).read_bytes() if isinstance(content, str) else content)
    with pytest.raises(KeysRefused, match=file.removesuffix(".pem").removesuffix(".cert")) as refused:
        load_keys(made.directory)
    assert refused.value.remedy


def test_certificates_say_what_they_are_for(keys: NodeKeys) -> None:
    def usage(certificate: x509.Certificate) -> x509.KeyUsage:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value

    for certificate in (
        keys.signing_certificate,
        keys.encryption_certificate,
        keys.tls_certificate,
        keys.document_certificate,
    ):
        assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        # RFC 9608, 2: the value is NULL and the extension is not critical.
        extension = certificate.extensions.get_extension_for_oid(NO_REV_AVAIL)
        assert not extension.critical
        assert NO_REV_AVAIL.dotted_string == "2.5.29.56"
        assert certificate.not_valid_before_utc < NOW < NOW + 1000 * DAY < certificate.not_valid_after_utc
        assert certificate.serial_number.bit_length() > 64
    assert usage(keys.signing_certificate).digital_signature
    assert usage(keys.signing_certificate).content_commitment
    assert usage(keys.encryption_certificate).key_agreement
    assert not usage(keys.encryption_certificate).digital_signature
    names = keys.tls_certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


def test_keys_brought_along(tmp_path: Path, authority: Authority) -> None:
    brought = brought_from(authority, ed25519.Ed25519PrivateKey.generate(), x25519.X25519PrivateKey.generate())
    made = create_keys(tmp_path / "keys", *PARTY, now=NOW, brought=brought)
    assert made.suite == "eddsa-x25519"
    assert pem(made.signing_key) == brought.signing_key
    made.signing_certificate.verify_directly_issued_by(authority.certificate)


def test_the_suite_follows_from_the_keys_brought_along(tmp_path: Path, authority: Authority) -> None:
    pair = (ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1()))
    made = create_keys(tmp_path / "keys", *PARTY, now=NOW, brought=brought_from(authority, *pair))
    assert made.suite == "ecdsa-p256"


def test_a_chain_may_come_with_the_certificate(tmp_path: Path, authority: Authority) -> None:
    brought = brought_from(authority, ed25519.Ed25519PrivateKey.generate(), x25519.X25519PrivateKey.generate())
    chain = authority.certificate.public_bytes(Encoding.PEM) + brought.signing_certificate
    chained = BroughtKeys(chain, brought.signing_key, brought.encryption_certificate, brought.encryption_key)
    made = create_keys(tmp_path / "keys", *PARTY, now=NOW, brought=chained)
    assert made.signing_certificate.public_key() == made.signing_key.public_key()


def test_mixed_suites_are_refused_in_words(tmp_path: Path, authority: Authority) -> None:
    brought = brought_from(authority, ec.generate_private_key(ec.SECP256R1()), x25519.X25519PrivateKey.generate())
    with pytest.raises(
        KeysRefused, match=r"signing key secp256r1, encryption key X25519.*Bring both keys of one suite"
    ):
        create_keys(tmp_path / "keys", *PARTY, now=NOW, brought=brought)
    assert not (tmp_path / "keys").exists()


def test_keys_of_no_suite_are_refused(tmp_path: Path, authority: Authority) -> None:
    rsa_key = rsa.generate_private_key(65537, 2048)
    p384 = ec.generate_private_key(ec.SECP384R1())
    for pair in ((rsa_key, rsa_key), (p384, p384)):
        subject = subject_of(*PARTY)
        p256 = ec.generate_private_key(ec.SECP256R1())
        certificates = [
            make_certificate(SELF_MADE[use], key.public_key(), subject, Issuer(subject, p256), NOW)
            for use, key in zip((Use.SIGNING, Use.ENCRYPTION), pair, strict=True)
        ]
        brought = BroughtKeys(
            certificates[0].public_bytes(Encoding.PEM),
            pem(pair[0]),
            certificates[1].public_bytes(Encoding.PEM),
            pem(pair[1]),
        )
        with pytest.raises(KeysRefused, match="suite"):
            create_keys(tmp_path / "keys", *PARTY, now=NOW, brought=brought)


def test_another_keys_certificate_is_refused(tmp_path: Path, authority: Authority) -> None:
    one = brought_from(authority, ed25519.Ed25519PrivateKey.generate(), x25519.X25519PrivateKey.generate())
    two = brought_from(authority, ed25519.Ed25519PrivateKey.generate(), x25519.X25519PrivateKey.generate())
    mixed = BroughtKeys(two.signing_certificate, one.signing_key, one.encryption_certificate, one.encryption_key)
    with pytest.raises(KeysRefused, match=r"signing certificate.*another key"):
        create_keys(tmp_path / "keys", *PARTY, now=NOW, brought=mixed)


@pytest.mark.parametrize("days", [-1200, 30])
def test_certificates_that_are_not_valid_now_are_refused(tmp_path: Path, authority: Authority, days: int) -> None:
    pair = (ed25519.Ed25519PrivateKey.generate(), x25519.X25519PrivateKey.generate())
    with pytest.raises(KeysRefused, match="signing certificate"):
        create_keys(tmp_path / "keys", *PARTY, now=NOW, brought=brought_from(authority, *pair, at=NOW + days * DAY))


def test_certificates_for_another_use_are_refused(tmp_path: Path, authority: Authority) -> None:
    pair = (ed25519.Ed25519PrivateKey.generate(), x25519.X25519PrivateKey.generate())
    with pytest.raises(KeysRefused, match=r"encryption certificate.*keyAgreement"):
        create_keys(
            tmp_path / "keys",
            *PARTY,
            now=NOW,
            brought=brought_from(authority, *pair, profile=SELF_MADE[Use.SIGNING]),
        )


def test_a_passphrase_is_refused_with_the_way_out(tmp_path: Path, authority: Authority) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    brought = brought_from(authority, key, x25519.X25519PrivateKey.generate())
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    with pytest.raises(KeysRefused, match=r"passphrase.*openssl pkey"):
        create_keys(
            tmp_path / "keys",
            *PARTY,
            now=NOW,
            brought=BroughtKeys(
                brought.signing_certificate, locked, brought.encryption_certificate, brought.encryption_key
            ),
        )


def test_an_expired_certificate_does_not_keep_a_node_from_starting(tmp_path: Path) -> None:
    create_keys(tmp_path / "keys", *PARTY, now=NOW - 3000 * DAY)
    assert load_keys(tmp_path / "keys").signing_certificate.not_valid_after_utc < NOW


def test_long_names_are_cut_and_party_ids_never(tmp_path: Path) -> None:
    party = "urn:x:" + "p" * 200
    made = create_keys(tmp_path / "keys", party, "N" * 300, now=NOW)
    assert party in made.signing_certificate.subject.rfc4514_string()


def test_an_empty_folder_may_be_there_already(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir(mode=0o755)
    made = create_keys(tmp_path / "keys", *PARTY, now=NOW)
    assert loose_permissions(made.directory) == []
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]
