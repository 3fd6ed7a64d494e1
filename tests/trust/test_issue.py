"""A federation's authority, run as people run it, and what nodes make of its certificates."""

import json
import stat
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from node.trust.certificates import KEY_USAGES, NO_REV_AVAIL, load_certificates
from node.trust.keys import BroughtKeys, create_keys
from node.trust.pins import CertificateRefused, PeerPins, Reason, check_recipient, check_signer
from node.trust.revocation_list import load_crl
from tests.trust.material import DAY

CERTS = Path(__file__).resolve().parents[2] / "certs"


def issue(*arguments: object, code: int = 0) -> str:
    """Run the tool from another directory; its output, or its complaint when it is expected to fail."""
    done = subprocess.run(
        [sys.executable, CERTS / "issue.py", *map(str, arguments)], capture_output=True, text=True, cwd="/", check=False
    )
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def certificate(path: Path) -> x509.Certificate:
    return load_certificates(path.read_bytes())[0]


def refused(call: object, *arguments: object) -> Reason:
    with pytest.raises(CertificateRefused) as caught:
        call(*arguments)
    return caught.value.reason


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, two parties of it, and another authority of the same name with a party."""
    folder = tmp_path_factory.mktemp("federation")
    issue("ca", "--name", "Federation", "--out", folder / "ca", "--crl-url", "http://crl.example/ca.crl")
    issue("ca", "--name", "Federation", "--out", folder / "impostor", "--key", "ed25519")
    for name, ca, suite in (
        ("north", "ca", "eddsa-x25519"),
        ("south", "ca", "ecdsa-p256"),
        ("false-north", "impostor", "eddsa-x25519"),
    ):
        party = name.removeprefix("false-")
        issue(
            *("party", "--ca", folder / ca, "--party", f"urn:x:{party}", "--name", party.title()),
            *("--out", folder / name, "--suite", suite, "--host", "localhost", "--host", "127.0.0.1"),
        )
    return folder


def pins_for(federation: Path, party: str, **more: object) -> PeerPins:
    recorded = certificate(federation / party / "signing.cert.pem").subject.rfc4514_string()
    return PeerPins(authorities=(certificate(federation / "ca" / "ca.cert.pem"),), subject=recorded, **more)


def now() -> datetime:
    return datetime.now(UTC)


@pytest.mark.parametrize("party", ["north", "south"])
def test_the_partys_own_certificates_are_accepted(federation: Path, party: str) -> None:
    pins = pins_for(federation, party)
    check_signer(certificate(federation / party / "signing.cert.pem"), pins, now())
    check_recipient(certificate(federation / party / "encryption.cert.pem"), pins, now())


def test_another_party_of_the_same_authority_is_refused(federation: Path) -> None:
    south = certificate(federation / "south" / "signing.cert.pem")
    assert refused(check_signer, south, pins_for(federation, "north"), now()) is Reason.WRONG_SUBJECT


def test_another_authority_with_the_same_names_is_refused(federation: Path) -> None:
    forged = certificate(federation / "false-north" / "signing.cert.pem")
    assert forged.subject == certificate(federation / "north" / "signing.cert.pem").subject
    assert refused(check_signer, forged, pins_for(federation, "north"), now()) is Reason.FOREIGN


def test_expired(federation: Path) -> None:
    north = certificate(federation / "north" / "signing.cert.pem")
    assert refused(check_signer, north, pins_for(federation, "north"), now() + 1100 * DAY) is Reason.EXPIRED


def test_a_certificate_for_another_use_is_refused(federation: Path) -> None:
    encryption = certificate(federation / "north" / "encryption.cert.pem")
    assert refused(check_signer, encryption, pins_for(federation, "north"), now()) is Reason.WRONG_USE


def test_revoked_by_the_list(tmp_path: Path) -> None:
    ca = tmp_path / "ca"
    issue("ca", "--name", "Federation", "--out", ca)
    issue("party", "--ca", ca, "--party", "urn:x:north", "--name", "North", "--out", tmp_path / "north")
    path = tmp_path / "north" / "signing.cert.pem"
    authority, signing = certificate(ca / "ca.cert.pem"), certificate(path)
    pins = PeerPins(authorities=(authority,), subject=signing.subject.rfc4514_string())

    def with_list(name: str) -> PeerPins:
        listed = load_crl((ca / name).read_bytes(), (authority,))
        return PeerPins(authorities=pins.authorities, subject=pins.subject, crls=(listed,))

    at = now()
    check_signer(signing, with_list("ca.crl.pem"), at)
    done = json.loads(issue("revoke", "--ca", ca, "--certificate", path, "--reason", "keyCompromise"))
    assert done["revoked"]["reason"] == "keyCompromise"
    for name in ("ca.crl.pem", "ca.crl"):
        assert refused(check_signer, signing, with_list(name), now()) is Reason.REVOKED
        # A receipt of before still counts.
        check_signer(signing, with_list(name), at - DAY / 48)
    # A fresh list keeps it, and a later revocation does not move its time.
    issue("revoke", "--ca", ca, "--sha256", done["revoked"]["sha256"], "--since", "2031-01-01T00:00:00Z")
    issue("crl", "--ca", ca, "--days", 10)
    assert refused(check_signer, signing, with_list("ca.crl.pem"), now()) is Reason.REVOKED
    crl = x509.load_pem_x509_crl((ca / "ca.crl.pem").read_bytes())
    assert crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 4
    # An earlier one does.
    issue("revoke", "--ca", ca, "--certificate", path, "--since", "2026-01-01T00:00:00Z")
    assert refused(check_signer, signing, with_list("ca.crl.pem"), at - DAY / 48) is Reason.REVOKED


def test_what_it_issues_can_be_brought_along(federation: Path, tmp_path: Path) -> None:
    north = federation / "north"
    brought = BroughtKeys.read(
        north / "signing.cert.pem",
        north / "signing.key.pem",
        north / "encryption.cert.pem",
        north / "encryption.key.pem",
    )
    made = create_keys(tmp_path / "keys", "urn:x:north", "North", now=now(), brought=brought)
    assert made.suite == "eddsa-x25519"


@pytest.mark.parametrize("kind", ["ca", "signing", "encryption", "tls"])
def test_certificates_are_what_the_profiles_say(federation: Path, kind: str) -> None:
    profile = tomllib.loads((CERTS / "profiles" / f"{kind}.toml").read_text(encoding="utf-8"))
    made = certificate(federation / "north" / f"{kind}.cert.pem")
    usage = made.extensions.get_extension_for_class(x509.KeyUsage)
    set_bits = {
        name
        for name, attribute in KEY_USAGES.items()
        if attribute not in ("encipher_only", "decipher_only") and getattr(usage.value, attribute)
    }
    assert usage.critical
    assert set_bits == set(profile["key_usage"])
    constraints = made.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value.ca == (kind == "ca")
    assert abs((made.not_valid_after_utc - now()) - profile["days"] * DAY) < DAY
    assert not [one for one in made.extensions if one.oid == NO_REV_AVAIL]
    points = [one for one in made.extensions if isinstance(one.value, x509.CRLDistributionPoints)]
    assert len(points) == (0 if kind == "ca" else 1)
    if kind == "tls":
        names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    made.verify_directly_issued_by(certificate(federation / "ca" / "ca.cert.pem"))


def test_every_profile_is_tried_here() -> None:
    assert {path.stem for path in (CERTS / "profiles").iterdir()} == {"ca", "signing", "encryption", "tls"}


def test_private_keys_are_their_owners_only(federation: Path) -> None:
    for path in [*federation.glob("*/*.key.pem")]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((federation / "ca").stat().st_mode) == 0o700


def test_public_keys_suffice(federation: Path, tmp_path: Path) -> None:
    signing, encryption = ed25519.Ed25519PrivateKey.generate(), x25519.X25519PrivateKey.generate()
    for name, key in (("signing", signing), ("encryption", encryption)):
        octets = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (tmp_path / f"{name}.pub.pem").write_bytes(octets)
    both = (
        *("party", "--ca", federation / "ca", "--party", "urn:x:own", "--name", "Own"),
        *("--signing-public", tmp_path / "signing.pub.pem"),
    )
    issue(*both, "--encryption-public", tmp_path / "encryption.pub.pem", "--out", tmp_path / "out")
    assert certificate(tmp_path / "out" / "signing.cert.pem").public_key() == signing.public_key()
    assert certificate(tmp_path / "out" / "encryption.cert.pem").public_key() == encryption.public_key()
    assert not list((tmp_path / "out").glob("*.key.pem"))
    assert "neither" in issue(*both, "--out", tmp_path / "half", code=1)
    mixed = issue(*both, "--encryption-public", tmp_path / "signing.pub.pem", "--out", tmp_path / "mixed", code=1)
    assert "one suite" in mixed


def test_a_passphrase_keeps_the_authoritys_key(tmp_path: Path) -> None:
    (tmp_path / "phrase").write_text("correct horse\n", encoding="utf-8")
    ca, party = tmp_path / "ca", ("party", "--ca", tmp_path / "ca", "--party", "urn:x", "--name", "X")
    issue("ca", "--name", "Federation", "--out", ca, "--passphrase-file", tmp_path / "phrase")
    assert b"ENCRYPTED" in (ca / "ca.key.pem").read_bytes()
    assert "passphrase" in issue(*party, "--out", tmp_path / "none", code=1)
    issue(*party, "--out", tmp_path / "out", "--passphrase-file", tmp_path / "phrase")


def test_nothing_is_written_over(federation: Path) -> None:
    assert "another folder" in issue("ca", "--name", "Again", "--out", federation / "ca", code=1)
    again = ("party", "--ca", federation / "ca", "--party", "urn:x:north", "--name", "North")
    assert "never written over" in issue(*again, "--out", federation / "north", code=1)


def test_a_foreign_certificate_is_not_revoked_here(federation: Path) -> None:
    foreign = federation / "false-north" / "signing.cert.pem"
    assert "not issued here" in issue("revoke", "--ca", federation / "ca", "--certificate", foreign, code=1)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("ca", "--name", "X"),
        ("crl", "--ca", "/nowhere", "--days", "0"),
        ("revoke", "--ca", "/nowhere"),
        ("revoke", "--ca", "/nowhere", "--sha256", "ab", "--since", "yesterday"),
        ("revoke", "--ca", "/nowhere", "--sha256", "ab", "--since", "2026-01-01T00:00:00"),
    ],
)
def test_wrong_usage_ends_with_2(arguments: tuple[str, ...]) -> None:
    assert "usage" in issue(*arguments, code=2)


def test_without_an_authority_it_says_how_to_make_one(tmp_path: Path) -> None:
    assert "issue.py ca" in issue("party", "--ca", tmp_path, "--party", "x", "--name", "x", "--out", tmp_path, code=1)
