"""Keys and certificates for parties that are not nodes of ours: a test CA issues both, as a national one would."""

import base64
import datetime
import json
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes, PrivateKeyTypes
from cryptography.x509.oid import NameOID

SUITES = ("eddsa-x25519", "ecdsa-p256")


@dataclass(frozen=True, slots=True)
class PartyKeys:
    """Paths of one party's PEM files: what it signs with and what others encrypt for."""

    sign_key: Path
    sign_cert: Path
    kex_key: Path
    kex_cert: Path

    def as_order(self) -> dict[str, str]:
        """For the phase4 driver."""
        return {name: str(getattr(self, name)) for name in self.__slots__}


def certificates_in(directory: Path, name: str = "card") -> PartyKeys:
    """Where the files of a party stand; they need not be there yet."""
    return PartyKeys(*(directory / f"{name}-{use}.pem" for use in ("sign.key", "sign.cert", "kex.key", "kex.cert")))


def write_certificates(card: str, keys: PartyKeys) -> None:
    """Write the certificates that stand in a party card (compact JWS), as somebody would who reads it by hand."""
    middle = card.split(".")[1]
    fields = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    for path, use in ((keys.sign_cert, "signing"), (keys.kex_cert, "key_agreement")):
        path.parent.mkdir(parents=True, exist_ok=True)
        der = base64.b64decode(fields[use][0])
        path.write_bytes(x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM))


def make_party(directory: Path, name: str, suite: str) -> PartyKeys:
    """Fresh keys of `suite` in `directory`, certified by a CA made for this party alone."""
    directory.mkdir(parents=True, exist_ok=True)
    ca = _signing_key(suite)
    sign = _signing_key(suite)
    kex = x25519.X25519PrivateKey.generate() if suite == "eddsa-x25519" else ec.generate_private_key(ec.SECP256R1())
    keys = certificates_in(directory, name)
    for path, key in ((keys.sign_key, sign), (keys.kex_key, kex)):
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
    for path, key, signs in ((keys.sign_cert, sign, True), (keys.kex_cert, kex, False)):
        certificate = _certificate(f"{name}-{'sign' if signs else 'kex'}", key, f"{name}-ca", ca, signs)
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return keys


def _signing_key(suite: str) -> ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey:
    if suite == "eddsa-x25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(ec.SECP256R1())


def _certificate(
    name: str, key: PrivateKeyTypes, issuer: str, ca: CertificateIssuerPrivateKeyTypes, signs: bool
) -> x509.Certificate:
    def full(common: str) -> x509.Name:
        return x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Depesha test"),
                x509.NameAttribute(NameOID.COMMON_NAME, common),
            ]
        )

    now = datetime.datetime.now(datetime.UTC)
    public = key.public_key()
    usage = x509.KeyUsage(
        digital_signature=signs, key_agreement=not signs, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return (
        x509.CertificateBuilder()
        .subject_name(full(name))
        .issuer_name(full(issuer))
        .public_key(public)  # type: ignore[arg-type]
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)  # type: ignore[arg-type]
        .sign(ca, None if isinstance(ca, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    )
