"""Certificate revocation lists of a federation's authority (RFC 5280, 5): verified once, when they are loaded."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from node.trust.certificates import UNREADABLE
from node.trust.refused import TrustRefused


class RevocationListRefused(TrustRefused):
    """A CRL cannot be read, or no authority of the peer's has signed it."""


@dataclass(frozen=True, slots=True)
class RevocationList:
    """A CRL together with the authority that signed it. Make it with `load_crl`, which verifies."""

    crl: x509.CertificateRevocationList
    authority: x509.Certificate

    def revoked_at(self, certificate: x509.Certificate) -> datetime | None:
        """From when on the list calls `certificate` revoked (its invalidityDate if that is earlier), else None."""
        if certificate.issuer != self.authority.subject:
            return None
        entry = self.crl.get_revoked_certificate_by_serial_number(certificate.serial_number)
        if entry is None:
            return None
        times = [entry.revocation_date_utc]
        with suppress(x509.ExtensionNotFound):
            times.append(entry.extensions.get_extension_for_class(x509.InvalidityDate).value.invalidity_date_utc)
        return min(times)

    def is_stale(self, now: datetime) -> bool:
        """Whether a newer list is due. What a stale list names stays revoked; that it is stale is for IT to see."""
        following = self.crl.next_update_utc
        return following is not None and now > following


def load_crl(data: bytes, authorities: tuple[x509.Certificate, ...]) -> RevocationList:
    """Read a CRL, PEM or DER, and verify that one of `authorities` signed it.

    Raises RevocationListRefused when it cannot be read, is signed by none of them, covers only a part of an
    authority's certificates, or has a critical extension that is not understood.
    """
    try:
        crl = x509.load_der_x509_crl(data) if data.startswith(b"\x30") else x509.load_pem_x509_crl(data)
        # Names and entries are parsed late: read all now, so that nothing is left to fail when a certificate is judged.
        _ = crl.issuer, crl.last_update_utc, crl.next_update_utc, crl.signature_algorithm_oid
        critical = [extension for extension in crl.extensions if extension.critical]
        for entry in crl:
            critical += [extension for extension in entry.extensions if extension.critical]
    except UNREADABLE as error:
        raise RevocationListRefused(
            "revocation list", f"bytes that cannot be read ({error})", "a CRL, PEM or DER", "Fetch the list again."
        ) from None
    if critical:
        raise RevocationListRefused(
            "revocation list",
            "critical extension " + ", ".join(sorted({extension.oid.dotted_string for extension in critical})),
            "a full list of one authority",
            "Ask the authority for its full list: partial, indirect and delta lists are not taken.",
        )
    for authority in authorities:
        if crl.issuer == authority.subject and _signed_by(crl, authority):
            return RevocationList(crl, authority)
    names = [authority.subject.rfc4514_string() for authority in authorities]
    raise RevocationListRefused(
        "revocation list",
        f"one issued by {crl.issuer.rfc4514_string()}",
        "the signature of " + (" or ".join(names) or "a recorded authority"),
        "Fetch the list from the authority that is recorded for the peer.",
    )


def _signed_by(crl: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    try:
        usage = authority.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        pass
    else:
        if not usage.crl_sign:
            return False
    try:
        key = authority.public_key()
        # The binding takes the kinds of key that can sign; others, X25519 say, are a TypeError.
        return crl.is_signature_valid(key)  # type: ignore[arg-type]
    except (TypeError, ValueError, InvalidSignature, UnsupportedAlgorithm):
        return False
