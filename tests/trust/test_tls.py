"""TLS against a real server: the recorded certificate connects, any other is refused, and so is anything old."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from node.trust.certificates import SELF_MADE, Profile, Use, make_certificate, subject_of
from node.trust.keys import NodeKeys
from node.trust.tls import TlsTerms, client_context, server_context
from tests.trust.material import AUTHORITY, DAY, Authority, make_authority, self_signed

# OpenSSL judges by the real clock.
NOW = datetime.now(UTC)


def files(directory: Path, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> tuple[Path, Path]:
    directory.mkdir(exist_ok=True)
    (directory / "cert.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (directory / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return directory / "cert.pem", directory / "key.pem"


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


@contextmanager
def serving(context: ssl.SSLContext, port: int = 0) -> Iterator[int]:
    """A TLS server on loopback that answers every connection with one line; gives its port."""
    listener = socket.create_server(("127.0.0.1", port))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.settimeout(10)
            try:
                with context.wrap_socket(connection, server_side=True) as tls:
                    tls.sendall(b"hello\n")
            except OSError:
                # The client refused us, which is what it is here for.
                connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        # accept() is not woken by close() alone.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)
        assert not thread.is_alive()


def connect(port: int, context: ssl.SSLContext, host: str = "127.0.0.1") -> tuple[str, str]:
    """TLS version and cipher of a connection that was really made."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=host) as tls,
    ):
        assert tls.recv(100) == b"hello\n"
        return tls.version() or "", (tls.cipher() or ("", "", 0))[0]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    return self_signed(Use.TLS, NOW, hosts=("localhost",))


@pytest.fixture
def port(tmp_path: Path, pair: tuple[ec.EllipticCurvePrivateKey, x509.Certificate]) -> Iterator[int]:
    with serving(server_context(*files(tmp_path / "server", *pair))) as port:
        yield port


def test_a_nodes_own_files_serve(keys: NodeKeys) -> None:
    context = server_context(*keys.tls_files)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_the_recorded_certificate_connects_by_1_3_whatever_the_host(port: int, pair: tuple) -> None:
    version, _ = connect(port, client_context(der(pair[1])), host="another.example")
    assert version == "TLSv1.3"


def test_another_certificate_is_refused(port: int) -> None:
    _, other = self_signed(Use.TLS, NOW, hosts=("localhost",))
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(port, client_context(der(other)))


def test_either_of_a_rotation_connects(port: int, pair: tuple) -> None:
    _, other = self_signed(Use.TLS, NOW)
    assert connect(port, client_context([der(other), der(pair[1])]))


def test_an_expired_certificate_is_refused_though_recorded(tmp_path: Path) -> None:
    key, certificate = self_signed(Use.TLS, NOW - 40 * DAY, days=30)
    context = server_context(*files(tmp_path, key, certificate))
    with serving(context) as port, pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        connect(port, client_context(der(certificate)))


def issued_by(authority: Authority, hosts: tuple[str, ...]) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    profile = Profile(Use.TLS, 30, SELF_MADE[Use.TLS].key_usage, ("serverAuth",))
    certificate = make_certificate(profile, key.public_key(), subject_of("urn:x", "X"), authority.issuer, NOW, hosts)
    return key, certificate


def test_what_a_recorded_certificate_has_issued_is_refused(tmp_path: Path) -> None:
    # Many tools write CA:TRUE into self-signed certificates; recorded is that certificate, not its offspring.
    authority = make_authority(at=NOW, profile=AUTHORITY)
    context = server_context(*files(tmp_path, *issued_by(authority, ("localhost",))))
    with serving(context) as port, pytest.raises(ssl.SSLCertVerificationError, match="not the one that is recorded"):
        connect(port, client_context(der(authority.certificate)), host="localhost")


async def test_asyncio_clients_are_held_to_it_too(tmp_path: Path) -> None:
    authority = make_authority(at=NOW)
    key, certificate = issued_by(authority, ("localhost",))
    with serving(server_context(*files(tmp_path, key, certificate))) as port:
        with pytest.raises(ssl.SSLCertVerificationError, match="not the one that is recorded"):
            await asyncio.open_connection("127.0.0.1", port, ssl=client_context(der(authority.certificate)))
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client_context(der(certificate)))
        assert await reader.readline() == b"hello\n"
        writer.close()


def test_an_authority_vouches_for_the_host_it_names_only(tmp_path: Path) -> None:
    authority = make_authority(at=NOW)
    ca_pem = authority.certificate.public_bytes(Encoding.PEM)
    with serving(server_context(*files(tmp_path, *issued_by(authority, ("localhost",))))) as port:
        assert connect(port, client_context(ca_pem=ca_pem), host="localhost")
        with pytest.raises(ssl.SSLCertVerificationError, match=r"[Hh]ostname"):
            connect(port, client_context(ca_pem=ca_pem), host="another.example")
        with pytest.raises(ssl.SSLCertVerificationError):
            connect(port, client_context(), host="localhost")


def old(side: int, version: ssl.TLSVersion) -> ssl.SSLContext:
    """A context that speaks `version` only, as old machines do; verifies nothing, so that only age can refuse."""
    context = ssl.SSLContext(side)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = version
    if side == ssl.PROTOCOL_TLS_CLIENT:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_client_of_tls_1_1_is_refused_and_of_1_2_served(port: int) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        connect(port, old(ssl.PROTOCOL_TLS_CLIENT, ssl.TLSVersion.TLSv1_1))
    version, _ = connect(port, old(ssl.PROTOCOL_TLS_CLIENT, ssl.TLSVersion.TLSv1_2))
    assert version == "TLSv1.2"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_server_of_tls_1_1_is_refused_and_of_1_2_used(tmp_path: Path, pair: tuple) -> None:
    paths = files(tmp_path, *pair)
    for version, is_refused in ((ssl.TLSVersion.TLSv1_1, True), (ssl.TLSVersion.TLSv1_2, False)):
        context = old(ssl.PROTOCOL_TLS_SERVER, version)
        context.load_cert_chain(*paths)
        with serving(context) as port:
            if is_refused:
                with pytest.raises((ssl.SSLError, ConnectionError)):
                    connect(port, client_context(der(pair[1])))
                # The same server does serve those who still speak it: it was age that refused.
                assert connect(port, old(ssl.PROTOCOL_TLS_CLIENT, version))[0] == "TLSv1.1"
            else:
                assert connect(port, client_context(der(pair[1])))[0] == "TLSv1.2"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_terms_narrow_both_sides(tmp_path: Path, pair: tuple) -> None:
    paths, pinned = files(tmp_path, *pair), der(pair[1])
    terms = TlsTerms("1.2", "ECDHE-ECDSA-AES256-GCM-SHA384")
    for server, client, taken in (
        (TlsTerms("1.3"), TlsTerms("1.3"), True),
        (terms, terms, True),
        (TlsTerms("1.3"), terms, False),
        (terms, TlsTerms("1.3"), False),
        (terms, TlsTerms("1.2", "ECDHE-ECDSA-AES128-GCM-SHA256"), False),
        (TlsTerms("1.2", "ECDHE-ECDSA-AES128-GCM-SHA256"), terms, False),
    ):
        listens, connects = server_context(*paths, server), client_context(pinned, terms=client)
        for context in (listens, connects):
            if context.minimum_version is ssl.TLSVersion.TLSv1_2:
                context.maximum_version = ssl.TLSVersion.TLSv1_2  # by 1.3 the suites would not matter
        with serving(listens) as port:
            if taken:
                version, suite = connect(port, connects)
                assert version == f"TLSv{client.lowest}"
                assert client is not terms or suite == "ECDHE-ECDSA-AES256-GCM-SHA384"
            else:
                with pytest.raises((ssl.SSLError, ConnectionError)):
                    connect(port, connects)


def test_weak_ciphers_are_refused(port: int) -> None:
    weak = old(ssl.PROTOCOL_TLS_CLIENT, ssl.TLSVersion.TLSv1_2)
    weak.set_ciphers("AES128-SHA:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        connect(port, weak)
