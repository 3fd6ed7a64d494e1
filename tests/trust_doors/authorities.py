"""An authority made by the issuing tool of the project, and what it, or somebody who is not it, certifies."""

import json
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from node.as4 import DecryptionIdentity, SigningIdentity
from node.trust.certificates import SELF_MADE, Issuer, Use, load_certificates, make_certificate, subject_of
from tests.trust_doors.homes import ROOT

ISSUED = {use: replace(profile, no_rev_avail=False) for use, profile in SELF_MADE.items()}


@dataclass(frozen=True)
class Party:
    """The files of one party, and what they hold."""

    folder: Path

    def file(self, name: str) -> str:
        return str(self.folder / f"{name}.pem")

    def certificate(self, use: str) -> x509.Certificate:
        return load_certificates((self.folder / f"{use}.cert.pem").read_bytes())[0]

    def key(self, use: str) -> Any:
        return load_pem_private_key((self.folder / f"{use}.key.pem").read_bytes(), None)

    @property
    def signing(self) -> SigningIdentity:
        return SigningIdentity(self.key("signing"), self.certificate("signing"))

    @property
    def decryption(self) -> DecryptionIdentity:
        return DecryptionIdentity(self.key("encryption"), self.certificate("encryption"))

    def as_brought(self) -> tuple[str, ...]:
        """The options of `init`."""
        names = ("signing.cert", "signing.key", "encryption.cert", "encryption.key")
        return tuple(word for name in names for word in (f"--{name.replace('.', '-')}", self.file(name)))

    def as_given(self) -> tuple[str, ...]:
        """The options of `peer add`."""
        return "--signing-cert", self.file("signing.cert"), "--encryption-cert", self.file("encryption.cert")


class Authority:
    """A folder that certs/issue.py keeps."""

    def __init__(self, folder: Path, name: str = "Regional Authority", *words: str) -> None:
        self.folder = folder
        self.issue("ca", "--name", name, "--out", str(folder), *words)

    def issue(self, *words: str) -> dict[str, Any]:
        """One command of the tool."""
        command = [sys.executable, str(ROOT / "certs" / "issue.py"), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        said: dict[str, Any] = json.loads(done.stdout)
        return said

    def party(self, party: str, *words: str) -> Party:
        """Certify a party with keys made by the tool."""
        out = self.folder.parent / f"{self.folder.name}-{party}"
        self.issue(
            "party",
            "--ca",
            str(self.folder),
            "--party",
            party,
            "--name",
            f"Office of {party}",
            "--out",
            str(out),
            *words,
        )
        return Party(out)

    def revoke(self, certificate: str) -> Path:
        """Revoke a certificate from now on; the new list."""
        return Path(self.issue("revoke", "--ca", str(self.folder), "--certificate", certificate)["list"])

    @property
    def certificate(self) -> str:
        return str(self.folder / "ca.cert.pem")

    @property
    def issuer(self) -> Issuer:
        """The authority's own hand, for what the tool would not do."""
        key = load_pem_private_key((self.folder / "ca.key.pem").read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return Issuer(load_certificates((self.folder / "ca.cert.pem").read_bytes())[0].subject, key)


def signer(party: str, issuer: Issuer, *, starts: timedelta = timedelta(0), days: int = 30) -> SigningIdentity:
    """A key with a certificate of `issuer` for the party's usual subject, valid from `starts` from now for `days`."""
    key = ed25519.Ed25519PrivateKey.generate()
    profile = replace(ISSUED[Use.SIGNING], days=days)
    subject = subject_of(party, f"Office of {party}")
    certificate = make_certificate(profile, key.public_key(), subject, issuer, datetime.now(UTC) + starts)
    return SigningIdentity(key, certificate)


def encryption_for_seconds(party: str, issuer: Issuer, seconds: int) -> DecryptionIdentity:
    """A key-agreement key whose certificate ends so soon."""
    key = x25519.X25519PrivateKey.generate()
    profile = replace(ISSUED[Use.ENCRYPTION], days=1)
    start = datetime.now(UTC) - timedelta(days=1) + timedelta(seconds=seconds)
    subject = subject_of(party, f"Office of {party}")
    return DecryptionIdentity(key, make_certificate(profile, key.public_key(), subject, issuer, start))


def self_issuer(party: str) -> Issuer:
    """Somebody who signs for himself, under the party's own name."""
    return Issuer(subject_of(party, f"Office of {party}"), ed25519.Ed25519PrivateKey.generate())


def namesake(issuer: Issuer) -> Issuer:
    """Another key that goes by the authority's name."""
    return Issuer(issuer.name, ec.generate_private_key(ec.SECP256R1()))
