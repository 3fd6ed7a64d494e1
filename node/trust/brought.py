"""Wire keys that an administration brings along instead of letting the node make them: PEM in, checked pairs out."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from node.trust.certificates import SigningKey, Use, load_certificates, public_key_of
from node.trust.keys_refused import KeysRefused
from node.trust.pins import CertificateRefused, check_use, check_validity
from node.trust.refused import TrustRefused
from node.trust.suites import agreement_suite, signing_suite


@dataclass(frozen=True, slots=True)
class BroughtKeys:
    """What `init` was given: PEM of both certificates and both keys."""

    signing_certificate: bytes
    signing_key: bytes = field(repr=False)
    encryption_certificate: bytes
    encryption_key: bytes = field(repr=False)

    @classmethod
    def read(cls, signing_cert: Path, signing_key: Path, encryption_cert: Path, encryption_key: Path) -> "BroughtKeys":
        """From files. Raises OSError when one cannot be read."""
        return cls(
            signing_cert.read_bytes(),
            signing_key.read_bytes(),
            encryption_cert.read_bytes(),
            encryption_key.read_bytes(),
        )


@dataclass(frozen=True, slots=True)
class WireKeys:
    """Both pairs, each certificate of its key, both of one suite."""

    suite: str
    signing_key: SigningKey = field(repr=False)
    signing_certificate: x509.Certificate
    encryption_key: x25519.X25519PrivateKey | ec.EllipticCurvePrivateKey = field(repr=False)
    encryption_certificate: x509.Certificate


def read_brought(brought: BroughtKeys, now: datetime) -> WireKeys:
    """Check what was brought along.

    Raises KeysRefused when something cannot be read, a certificate is another key's, is not valid at `now` or is for
    another use, or the two keys are not of one suite.
    """
    signing_key = _key(brought.signing_key, "signing key")
    encryption_key = _key(brought.encryption_key, "encryption key")
    signing_certificate = _certificate(brought.signing_certificate, "signing certificate", signing_key)
    encryption_certificate = _certificate(brought.encryption_certificate, "encryption certificate", encryption_key)
    suite = signing_suite(signing_key)
    if (
        not isinstance(signing_key, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey)
        or not isinstance(encryption_key, x25519.X25519PrivateKey | ec.EllipticCurvePrivateKey)
        or suite is None
        or suite != agreement_suite(encryption_key)
    ):
        raise KeysRefused(
            "suite of the keys",
            f"signing key {_kind(signing_key)}, encryption key {_kind(encryption_key)}",
            "Ed25519 with X25519, or P-256 with P-256",
            "Bring both keys of one suite.",
        )
    for certificate, use in ((signing_certificate, Use.SIGNING), (encryption_certificate, Use.ENCRYPTION)):
        try:
            check_validity(certificate, now)
            check_use(certificate, use)
        except CertificateRefused as refused:
            raise KeysRefused(
                f"{use.value} certificate", refused.found, refused.expected, "Ask its issuer for one that fits."
            ) from None
    return WireKeys(suite, signing_key, signing_certificate, encryption_key, encryption_certificate)


def _key(pem: bytes, what: str) -> object:
    try:
        return load_pem_private_key(pem, password=None)
    except TypeError:
        raise KeysRefused(
            what,
            "a key with a passphrase",
            "one without",
            "Take the passphrase off: openssl pkey -in FILE -out FILE.clear; the node's folder keeps it from others.",
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise KeysRefused(
            what,
            "bytes that are no private key",
            "a private key, PEM",
            "Convert it: openssl pkey -in FILE -out FILE.pem",
        ) from None


def _certificate(data: bytes, what: str, key: object) -> x509.Certificate:
    """The one certificate among those brought (a chain is welcome) that is the key's."""
    try:
        found = load_certificates(data)
    except TrustRefused as refused:
        raise KeysRefused(what, refused.found, refused.expected, refused.remedy) from None
    public = key.public_key()  # type: ignore[attr-defined]
    for certificate in found:
        if public_key_of(certificate) == public:
            return certificate
    raise KeysRefused(
        what,
        f"a certificate of another key ({found[0].subject.rfc4514_string()})",
        "the certificate of the key beside it",
        "Check that key and certificate files were not mixed up.",
    )


def _kind(key: object) -> str:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.curve.name
    return type(key).__name__.lstrip("_").removesuffix("PrivateKey")
