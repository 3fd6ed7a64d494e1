"""TLS contexts: 1.2 at least and 1.3 by preference, authenticated encryption with forward secrecy only.

A peer's TLS certificate is known from its card or was given with `peer add`: then exactly that certificate is
believed, whatever name it carries and whoever issued it. Otherwise the system's authorities and the given one are,
with the host name checked. There is no way to switch verification off.
"""

import ssl
from collections.abc import Sequence
from pathlib import Path

# For TLS 1.2; those of 1.3 are all of this kind.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


class PinnedContext(ssl.SSLContext):
    """A client's context that believes the `pinned` certificates (DER) and none that one of them has issued."""

    pinned: frozenset[bytes] = frozenset()


class _PinnedObject(ssl.SSLObject):
    def do_handshake(self) -> None:
        super().do_handshake()
        _require_pinned(self.context, self.getpeercert(binary_form=True))


class _PinnedSocket(ssl.SSLSocket):
    def do_handshake(self, block: bool = False) -> None:
        super().do_handshake(block)
        _require_pinned(self.context, self.getpeercert(binary_form=True))


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """For listening with the certificate (chain) and key in these PEM files.

    Raises OSError when they cannot be read, ssl.SSLError when they do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _harden(context)
    context.load_cert_chain(certificate, key)
    return context


def client_context(pinned_der: bytes | Sequence[bytes] | None = None, ca_pem: bytes | None = None) -> ssl.SSLContext:
    """For connecting to a peer.

    With `pinned_der` (DER, or several: the old and new one of a rotation) only those certificates are believed, the
    dates in them still hold, and `ca_pem` and host name do not matter. Otherwise the system's authorities and those
    in `ca_pem`, with the host name. Raises ssl.SSLError when one cannot be read.
    """
    pinned = [pinned_der] if isinstance(pinned_der, bytes) else list(pinned_der or ())
    if pinned:
        return _pinned_context(pinned)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _harden(context)
    context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if ca_pem is not None:
        context.load_verify_locations(cadata=ca_pem.decode("ascii"))
    return context


def _pinned_context(pinned: Sequence[bytes]) -> PinnedContext:
    context = PinnedContext(ssl.PROTOCOL_TLS_CLIENT)
    _harden(context)
    # The certificate is its own proof; without this OpenSSL wants a self-signed one at the end of the chain.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.check_hostname = False
    for der in pinned:
        context.load_verify_locations(cadata=der)
    # Many self-signed certificates say CA:TRUE, and OpenSSL would take whatever they have issued.
    context.pinned = frozenset(pinned)
    context.sslobject_class = _PinnedObject
    context.sslsocket_class = _PinnedSocket
    return context


def _require_pinned(context: ssl.SSLContext, der: bytes | None) -> None:
    if not isinstance(context, PinnedContext) or der not in context.pinned:
        raise ssl.SSLCertVerificationError(1, "the peer's certificate is not the one that is recorded for it")


def _harden(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
