"""What we believe of a peer's certificates: these very ones, or those of an authority that carry a recorded subject.

RFC 5280, 6, cut down to what pins need: one authority issues directly, its signature is verified, both certificates
are within their validity at the instant in question, revocations count from their own time on. Whoever else an
authority has certified stays a stranger: another subject is refused (`wrong-subject`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import ExtensionOID

from node.as4.weak_keys import weakness_of
from node.trust.certificates import UNREADABLE, Use, fingerprint, public_key_of
from node.trust.refused import TrustRefused
from node.trust.revocation_list import RevocationList

# Critical extensions that are heeded here or do not matter for a pinned leaf. Any other refuses (RFC 5280, 4.2).
UNDERSTOOD = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.CERTIFICATE_POLICIES,
    }
)


class Reason(StrEnum):
    """Why a certificate is refused. `foreign`: neither pinned nor issued by a pinned authority."""

    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    REVOKED = "revoked"
    FOREIGN = "foreign"
    WRONG_SUBJECT = "wrong-subject"
    WRONG_USE = "wrong-use"
    WEAK_KEY = "weak-key"


class CertificateRefused(TrustRefused):
    """A certificate is not accepted for a peer: `reason` is the code, `remedy` is for our own IT staff."""

    def __init__(self, reason: Reason, found: str, expected: str, remedy: str) -> None:
        super().__init__("certificate", found, expected, remedy)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class PeerPins:
    """What we believe of one peer.

    `signing`, `encryption`, `document`: certificates believed as they are. `authorities`: certificates of authorities
    whose certificates are believed if they carry `subject` (RFC 4514; `encryption_subject` where the key-agreement
    certificate has another). `revoked`, `revoked_sha256`: from when on a certificate is no longer believed.
    `crls`: lists of the authorities, verified when they were loaded.
    """

    signing: tuple[x509.Certificate, ...] = ()
    encryption: tuple[x509.Certificate, ...] = ()
    document: tuple[x509.Certificate, ...] = ()
    authorities: tuple[x509.Certificate, ...] = ()
    subject: str | None = None
    encryption_subject: str | None = None
    revoked: Mapping[x509.Certificate, datetime] = field(default_factory=dict)
    revoked_sha256: Mapping[str, datetime] = field(default_factory=dict)
    crls: tuple[RevocationList, ...] = ()


def check_signer(certificate: x509.Certificate, pins: PeerPins, at: datetime) -> None:
    """Raise CertificateRefused unless the peer's wire signatures of instant `at` may be by `certificate`.

    For a request `at` is now; for a receipt it is the receipt's eb:Timestamp.
    """
    _check(certificate, Use.SIGNING, pins.signing, pins.subject, pins, at)


def check_recipient(certificate: x509.Certificate, pins: PeerPins, at: datetime) -> None:
    """Raise CertificateRefused unless what is meant for the peer may be encrypted for `certificate` at `at`."""
    subject = pins.subject if pins.encryption_subject is None else pins.encryption_subject
    _check(certificate, Use.ENCRYPTION, pins.encryption, subject, pins, at)


def check_document_signer(certificate: x509.Certificate, pins: PeerPins, at: datetime) -> None:
    """Raise CertificateRefused unless the peer's documents may be signed by `certificate` at `at`."""
    _check(certificate, Use.DOCUMENT, pins.document, pins.subject, pins, at)


@lru_cache(maxsize=256)
def check_use(certificate: x509.Certificate, use: Use) -> None:
    """Raise CertificateRefused (wrong-use) unless the extensions allow `use`, and for a weak key (weak-key).

    Without a keyUsage extension every use is allowed (RFC 5280, 4.2.1.3); an unknown critical extension, or one that
    cannot be read, refuses.
    """
    check_key(certificate)
    try:
        extensions = certificate.extensions
    except UNREADABLE:
        raise _wrong_use(certificate, "extensions that cannot be read", "well-formed extensions") from None
    for extension in extensions:
        if extension.critical and extension.oid not in UNDERSTOOD:
            raise _wrong_use(certificate, f"critical extension {extension.oid.dotted_string}", "none that is unknown")
    try:
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return
    if use is Use.ENCRYPTION:
        allowed, wanted = usage.key_agreement, "keyAgreement"
    elif use is Use.AUTHORITY:
        allowed, wanted = usage.key_cert_sign, "keyCertSign"
    else:
        allowed, wanted = usage.digital_signature or usage.content_commitment, "digitalSignature or nonRepudiation"
    if not allowed:
        raise _wrong_use(certificate, "a keyUsage without it", wanted)


def check_key(certificate: x509.Certificate) -> None:
    """Raise CertificateRefused (weak-key) for a key that others than its holder can use (`node.as4.weak_keys`)."""
    if (weakness := weakness_of(public_key_of(certificate))) is not None:
        raise CertificateRefused(
            Reason.WEAK_KEY,
            f"{_name(certificate)} with {weakness}",
            "a key that only its holder can use",
            "Ask the party for a certificate of a key that it has made anew, and how it came by this one.",
        )


def check_validity(certificate: x509.Certificate, at: datetime) -> None:
    """Raise CertificateRefused (expired, not-yet-valid) unless `at` lies within the certificate's validity."""
    if at > certificate.not_valid_after_utc:
        raise CertificateRefused(
            Reason.EXPIRED,
            f"{_name(certificate)}, valid until {certificate.not_valid_after_utc.isoformat()}",
            f"one valid at {at.isoformat()}",
            "Ask the party for its new card or certificate, and add it.",
        )
    if at < certificate.not_valid_before_utc:
        raise CertificateRefused(
            Reason.NOT_YET_VALID,
            f"{_name(certificate)}, valid from {certificate.not_valid_before_utc.isoformat()}",
            f"one valid at {at.isoformat()}",
            "Compare the clocks of both nodes; if they are right, wait for that day.",
        )


def issuing_authority(
    certificate: x509.Certificate, authorities: tuple[x509.Certificate, ...], at: datetime
) -> x509.Certificate | None:
    """The one of `authorities` that really signed `certificate`; None when none did.

    Raises CertificateRefused when it did but is no authority, or is not valid at `at`.
    """
    for authority in authorities:
        try:
            certificate.verify_directly_issued_by(authority)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            continue
        check_use(authority, Use.AUTHORITY)
        if not _is_authority(authority):
            raise _wrong_use(authority, "basicConstraints without CA:TRUE", "an authority's certificate")
        check_validity(authority, at)
        return authority
    return None


def _check(
    certificate: x509.Certificate,
    use: Use,
    pinned: tuple[x509.Certificate, ...],
    subject: str | None,
    pins: PeerPins,
    at: datetime,
) -> None:
    """Who it is comes first, then whether it is withdrawn, then its dates, then what it is for."""
    if certificate not in pinned:
        _check_issued(certificate, subject, pins, at)
    _check_revoked(certificate, pins, at)
    check_validity(certificate, at)
    check_use(certificate, use)


def _check_issued(certificate: x509.Certificate, subject: str | None, pins: PeerPins, at: datetime) -> None:
    authority = issuing_authority(certificate, pins.authorities, at)
    if authority is None:
        raise CertificateRefused(
            Reason.FOREIGN,
            _name(certificate),
            "one recorded for this party" + (" or issued by its authority" if pins.authorities else ""),
            "If the party has new keys, ask for its new card or certificate by another way than this, and add it.",
        )
    # An authority that was taken back certifies nothing from then on.
    _check_revoked(authority, pins, at)
    if subject is None or _subject(certificate) != subject:
        raise CertificateRefused(
            Reason.WRONG_SUBJECT,
            _name(certificate),
            f"subject {subject or 'as recorded, and none is'}",
            "The authority is right, the holder is another. Ask the party; if its name has changed, add it anew.",
        )
    if _is_authority(certificate):
        raise _wrong_use(certificate, "basicConstraints CA:TRUE", "an end entity's certificate")


def _check_revoked(certificate: x509.Certificate, pins: PeerPins, at: datetime) -> None:
    times = [pins.revoked.get(certificate)] if pins.revoked else []
    if pins.revoked_sha256:
        times.append(pins.revoked_sha256.get(fingerprint(certificate)))
    times += [listed.revoked_at(certificate) for listed in pins.crls]
    since = min((time for time in times if time is not None), default=None)
    if since is not None and at >= since:
        raise CertificateRefused(
            Reason.REVOKED,
            f"{_name(certificate)}, revoked from {since.isoformat()}",
            "a certificate that is not revoked",
            "Ask the party for its new card or certificate, and add it.",
        )


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, *UNREADABLE):
        return False


def _wrong_use(certificate: x509.Certificate, found: str, expected: str) -> CertificateRefused:
    return CertificateRefused(
        Reason.WRONG_USE,
        f"{_name(certificate)} with {found}",
        expected,
        "Ask the party for a certificate that was issued for this purpose.",
    )


def _subject(certificate: x509.Certificate) -> str | None:
    """The subject (RFC 4514); None where it cannot be read: names are parsed late, and a stranger may have made it."""
    try:
        return certificate.subject.rfc4514_string()
    except ValueError:
        return None


def _name(certificate: x509.Certificate) -> str:
    return f"{_subject(certificate) or 'a subject that cannot be read'} (SHA-256 {fingerprint(certificate)[:16]}…)"
