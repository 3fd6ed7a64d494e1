"""TLS contexts: 1.2 at least and 1.3 by preference, authenticated encryption with forward secrecy only.

The settings `tls_lowest` and `tls_ciphers` narrow that for listeners and for deliveries, and cannot widen it.

A peer's TLS certificate is known from its card or was given with `peer add`: then exactly that certificate is
believed, whatever name it carries and whoever issued it. Otherwise the system's authorities and the given one are,
with the host name checked, less what a revocation list names. There is no way to switch verification off.
"""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from node.config import TLS_CIPHERS, TlsVersion
from node.trust.certificates import CertificateUnreadable, load_certificates
from node.trust.revocation_list import RevocationList

_VERSIONS: dict[TlsVersion, ssl.TLSVersion] = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True, slots=True)
class TlsTerms:
    """The oldest version spoken, and the suites of TLS 1.2 as OpenSSL lists them; those of 1.3 are all good."""

    lowest: TlsVersion = "1.2"
    ciphers: str = TLS_CIPHERS


DEFAULT_TERMS = TlsTerms()


class CheckedContext(ssl.SSLContext):
    """A client's context with a look of our own at the certificate that OpenSSL found good.

    `pinned`: only these certificates (DER) count, and none that one of them has issued; None: any. `lists`: revoked
    certificates do not count, from whenever on they are.
    """

    pinned: frozenset[bytes] | None = None
    lists: tuple[RevocationList, ...] = ()


class _CheckedObject(ssl.SSLObject):
    def do_handshake(self) -> None:
        super().do_handshake()
        _require_believed(self.context, self.getpeercert(binary_form=True))


class _CheckedSocket(ssl.SSLSocket):
    def do_handshake(self, block: bool = False) -> None:
        super().do_handshake(block)
        _require_believed(self.context, self.getpeercert(binary_form=True))


def server_context(certificate: Path, key: Path, terms: TlsTerms = DEFAULT_TERMS) -> ssl.SSLContext:
    """For listening with the certificate (chain) and key in these PEM files, by `terms`.

    Raises OSError when they cannot be read, ssl.SSLError when they do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _harden(context, terms)
    context.load_cert_chain(certificate, key)
    return context


def client_context(
    pinned_der: bytes | Sequence[bytes] | None = None,
    ca_pem: bytes | None = None,
    lists: Sequence[RevocationList] = (),
    terms: TlsTerms = DEFAULT_TERMS,
) -> ssl.SSLContext:
    """For connecting to a peer, by `terms`.

    With `pinned_der` (DER, or several: the old and new one of a rotation) only those certificates are believed, the
    dates in them still hold, and `ca_pem` and host name do not matter. Otherwise the system's authorities and those
    in `ca_pem`, with the host name. What `lists` revoke is refused. Raises ssl.SSLError when one cannot be read.
    """
    pinned = [pinned_der] if isinstance(pinned_der, bytes) else list(pinned_der or ())
    context = CheckedContext(ssl.PROTOCOL_TLS_CLIENT)
    _harden(context, terms)
    context.lists = tuple(lists)
    context.sslobject_class = _CheckedObject
    context.sslsocket_class = _CheckedSocket
    if pinned:
        # The certificate is its own proof; without this OpenSSL wants a self-signed one at the end of the chain.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.check_hostname = False
        for der in pinned:
            context.load_verify_locations(cadata=der)
        # Many self-signed certificates say CA:TRUE, and OpenSSL would take whatever they have issued.
        context.pinned = frozenset(pinned)
        return context
    context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if ca_pem is not None:
        context.load_verify_locations(cadata=ca_pem.decode("ascii"))
    return context


def _require_believed(context: ssl.SSLContext, der: bytes | None) -> None:
    if not isinstance(context, CheckedContext) or der is None:
        raise ssl.SSLCertVerificationError(1, "the peer showed no certificate that can be judged")
    if context.pinned is not None and der not in context.pinned:
        raise ssl.SSLCertVerificationError(1, "the peer's certificate is not the one that is recorded for it")
    if context.lists:
        try:
            (certificate,) = load_certificates(der)
        except CertificateUnreadable as error:
            raise ssl.SSLCertVerificationError(1, f"the peer's certificate cannot be judged: {error}") from None
        if any(one.revoked_at(certificate) is not None for one in context.lists):
            raise ssl.SSLCertVerificationError(1, "the peer's certificate is revoked")


def _harden(context: ssl.SSLContext, terms: TlsTerms) -> None:
    context.minimum_version = _VERSIONS[terms.lowest]
    context.set_ciphers(terms.ciphers)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
