"""X.509 certificates: made to a profile, loaded and described (RFC 5280, RFC 8410, RFC 9608).

A node's own certificates are not issued by an authority: peers believe them because a card names them. The signing
certificate is signed by its own key; an X25519 key cannot sign, so the key-agreement certificate is issued by the
node's signing key. Both carry noRevAvail (RFC 9608): they are revoked by a new card or a signed statement, not by a
CRL. A federation's authority issues with the same function and profiles of its own (`certs/`).
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from node.trust.refused import TrustRefused

SigningKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
PublicKey = ed25519.Ed25519PublicKey | x25519.X25519PublicKey | ec.EllipticCurvePublicKey

NO_REV_AVAIL = x509.ObjectIdentifier("2.5.29.56")
# A certificate starts a little before it is made, so that a peer whose clock lags does not refuse it.
BACKDATE = timedelta(hours=1)
# RFC 5280, A.1: upper bound of commonName. A longer name is cut; the party id, which decides, never is.
COMMON_NAME_LENGTH = 64
# What the parser of certificates and revocation lists raises for bytes of strangers; it has no common ancestor.
UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
# Larger than any certificate of a suite we know, the post-quantum ones included.
LARGEST_CERTIFICATE = 32 * 1024

# Names of RFC 5280, 4.2.1.3 in the order of the bits, with the argument that cryptography has for each.
KEY_USAGES = {
    "digitalSignature": "digital_signature",
    "nonRepudiation": "content_commitment",
    "keyEncipherment": "key_encipherment",
    "dataEncipherment": "data_encipherment",
    "keyAgreement": "key_agreement",
    "keyCertSign": "key_cert_sign",
    "cRLSign": "crl_sign",
    "encipherOnly": "encipher_only",
    "decipherOnly": "decipher_only",
}
EXTENDED_KEY_USAGES = {"serverAuth": ExtendedKeyUsageOID.SERVER_AUTH, "clientAuth": ExtendedKeyUsageOID.CLIENT_AUTH}


class Use(StrEnum):
    """What a certificate is for."""

    SIGNING = "signing"
    ENCRYPTION = "encryption"
    TLS = "tls"
    DOCUMENT = "document"
    AUTHORITY = "ca"


@dataclass(frozen=True, slots=True)
class Profile:
    """What goes into a certificate besides names and keys.

    `no_rev_avail` and `crl_url` exclude each other (RFC 9608, 3).
    """

    use: Use
    days: int
    key_usage: tuple[str, ...]
    extended_key_usage: tuple[str, ...] = ()
    no_rev_avail: bool = False
    crl_url: str | None = None

    def __post_init__(self) -> None:
        if self.no_rev_avail and (self.crl_url is not None or self.use is Use.AUTHORITY):
            raise ValueError("noRevAvail stands neither beside a CRL's address nor in an authority's certificate")
        unknown = (set(self.key_usage) - set(KEY_USAGES)) | (set(self.extended_key_usage) - set(EXTENDED_KEY_USAGES))
        if unknown:
            raise ValueError(f"unknown usage: {', '.join(sorted(unknown))}")


# What a node makes for itself. Three years: the life of a card or two, so that rotation is a habit.
SELF_MADE = {
    Use.SIGNING: Profile(Use.SIGNING, 1096, ("digitalSignature", "nonRepudiation"), no_rev_avail=True),
    Use.ENCRYPTION: Profile(Use.ENCRYPTION, 1096, ("keyAgreement",), no_rev_avail=True),
    Use.TLS: Profile(Use.TLS, 1096, ("digitalSignature",), ("serverAuth",), no_rev_avail=True),
    Use.DOCUMENT: Profile(Use.DOCUMENT, 1826, ("digitalSignature", "nonRepudiation"), no_rev_avail=True),
}


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs a certificate: a key and the name it goes by."""

    name: x509.Name
    key: SigningKey


@dataclass(frozen=True, slots=True)
class Description:
    """A certificate for people: subject (RFC 4514), SHA-256 of its DER in hex, and the two ends of its validity."""

    subject: str
    issuer: str
    sha256: str
    not_before: datetime
    not_after: datetime
    key: str


class CertificateUnreadable(TrustRefused):
    """Bytes that should be certificates are not."""


def subject_of(party: str, name: str, unit: str | None = None) -> x509.Name:
    """The subject of a party's certificate: its id as UID, its name as CN, `unit` as OU."""
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name[:COMMON_NAME_LENGTH])]
    if unit is not None:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit))
    return x509.Name([*attributes, x509.NameAttribute(NameOID.USER_ID, party)])


def make_certificate(
    profile: Profile,
    public_key: PublicKey,
    subject: x509.Name,
    issuer: Issuer,
    now: datetime,
    hosts: Sequence[str] = (),
) -> x509.Certificate:
    """A certificate for `public_key`, signed by `issuer` (the same name and key for a self-signed one).

    `hosts` are DNS names and IP addresses for subjectAltName. `now` is aware; validity starts BACKDATE before it.
    The serial number is random, 159 bits. Raises ValueError when names or hosts cannot stand in a certificate.
    """
    start = now.astimezone(UTC).replace(microsecond=0)
    is_authority = profile.use is Use.AUTHORITY
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.name)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - BACKDATE)
        .not_valid_after(start + timedelta(days=profile.days))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=0 if is_authority else None), critical=True)
        .add_extension(
            x509.KeyUsage(**{argument: usage in profile.key_usage for usage, argument in KEY_USAGES.items()}),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()),
            critical=False,
        )
    )
    if profile.extended_key_usage:
        oids = [EXTENDED_KEY_USAGES[usage] for usage in profile.extended_key_usage]
        builder = builder.add_extension(x509.ExtendedKeyUsage(oids), critical=False)
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False)
    if profile.no_rev_avail:
        builder = builder.add_extension(x509.UnrecognizedExtension(NO_REV_AVAIL, b"\x05\x00"), critical=False)
    if profile.crl_url is not None:
        point = x509.DistributionPoint(
            full_name=[x509.UniformResourceIdentifier(profile.crl_url)],
            relative_name=None,
            reasons=None,
            crl_issuer=None,
        )
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    return builder.sign(issuer.key, hash_for(issuer.key))


def hash_for(key: SigningKey) -> SHA256 | None:
    """The digest a key signs certificates and CRLs with: Ed25519 has its own."""
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()


def load_certificates(data: bytes) -> list[x509.Certificate]:
    """The certificates in PEM, in order, or the one in DER.

    Raises CertificateUnreadable when there is none, or one cannot be read.
    """
    try:
        if data.lstrip().startswith(b"\x30"):
            found = [x509.load_der_x509_certificate(data)]
        else:
            found = x509.load_pem_x509_certificates(data)
        for certificate in found:
            # Names and extensions are parsed late; a certificate in which they cannot be read is of no use to anybody.
            _ = certificate.extensions, certificate.subject, certificate.issuer
    except UNREADABLE as error:
        raise CertificateUnreadable(
            "certificate",
            f"bytes that cannot be read as one ({error})",
            "PEM, '-----BEGIN CERTIFICATE-----', or DER",
            "Ask for the file again, or convert it with: openssl x509 -in FILE -out FILE.pem",
        ) from None
    return found


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the certificate's DER, in hex: the name it goes by in tables, pins and revocations."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def describe(certificate: x509.Certificate) -> Description:
    """What people compare and sort by. Never fails for a certificate that `load_certificates` gave."""
    return Description(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        sha256=fingerprint(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        key=certificate.public_key_algorithm_oid._name,
    )


def public_key_of(certificate: x509.Certificate) -> object | None:
    """The certificate's public key, None when its kind is unknown here."""
    try:
        return certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
