"""TLS and addresses: with whom a running node makes a connection, and with whom not."""

import socket
import ssl
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.as4 import SigningIdentity
from tests.left_out import leave_out
from tests.trust.test_tls import connect, serving
from tests.trust_doors.foreign import TEST, Answer, message, post
from tests.trust_doors.homes import Home

# What is old is spoken here on purpose.
pytestmark = [
    pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning"),
    pytest.mark.xdist_group("conformance-transport"),
]

ACCEPTED = ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305")
# No authenticated encryption.
NOT_ACCEPTED = ("ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA384", "ECDHE-ECDSA-AES128-SHA")
VERSIONS = {"1.0": ssl.TLSVersion.TLSv1, "1.1": ssl.TLSVersion.TLSv1_1, "1.2": ssl.TLSVersion.TLSv1_2}


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, Home]]:
    """A sender, and a receiver that serves with TLS and knows it."""
    folder = tmp_path_factory.mktemp("tls")
    north, south = Home(folder / "north", "north", tls=True), Home(folder / "south", "south", tls=True)
    south.do("peer", "add", str(north.card(folder)))
    with south.serving():
        yield north, south


def sender_of(version: str, suites: str) -> ssl.SSLContext:
    """A sender that speaks this version of TLS and no other, by these suites, with whoever answers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers(suites)
    context.minimum_version = context.maximum_version = VERSIONS[version]
    return context


def receiver_of_anything(south: Home) -> ssl.SSLContext:
    """A server with the same certificate that takes what is old: a sender that it takes can speak what it says."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(*south.node().keys.tls_files)
    return context


def sends(north: Home, south: Home, context: ssl.SSLContext) -> Answer:
    """The answer to a message of the test service."""
    keys, theirs = north.node().keys, south.node().keys
    signer = SigningIdentity(keys.signing_key, keys.signing_certificate)
    wire = message(signer, theirs.encryption_certificate, "north", "south", **TEST)
    return post(south.url, wire, context=context)


def handshake(south: Home, context: ssl.SSLContext) -> str | None:
    """The version of a connection that was made."""
    host, port = south.outside.split(":")
    with socket.create_connection((host, int(port)), 10) as plain, context.wrap_socket(plain) as tls:
        return tls.version()


@pytest.mark.assertion("AS4_CP_TA40")
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_no_connection_is_made_by_an_older_tls(receiver: tuple[Home, Home], version: str) -> None:
    _, south = receiver
    old = sender_of(version, "ALL:@SECLEVEL=0")
    with serving(receiver_of_anything(south)) as port:
        assert connect(port, old)[0] == {"1.0": "TLSv1", "1.1": "TLSv1.1"}[version]
    with pytest.raises((ssl.SSLError, ConnectionError)):
        handshake(south, old)


def client_hello(version: int) -> bytes:
    """A ClientHello of SSL 3.0 (0x0300) or TLS that offers suites and curves which the receiver takes."""
    suites = struct.pack("!4H", 0xC02B, 0xC02C, 0xC009, 0xC00A)
    groups, formats = struct.pack("!HHH", 4, 0x001D, 0x0017), b"\x01\x00"
    signatures = struct.pack("!HHH", 4, 0x0403, 0x0503)
    extensions = b"".join(
        struct.pack("!HH", kind, len(data)) + data for kind, data in ((10, groups), (11, formats), (13, signatures))
    )
    hello = struct.pack("!H", version) + bytes(32) + b"\x00" + struct.pack("!H", len(suites)) + suites + b"\x01\x00"
    hello += struct.pack("!H", len(extensions)) + extensions
    return (
        struct.pack("!BHH", 22, min(version, 0x0301), len(hello) + 4) + b"\x01" + len(hello).to_bytes(3, "big") + hello
    )


def ssl_2_hello() -> bytes:
    """A CLIENT-HELLO of SSL 2.0: RC4, RC2 and DES with MD5, no session, a challenge of 16 bytes."""
    specs = bytes.fromhex("010080 030080 0700c0")
    hello = b"\x01\x00\x02" + struct.pack("!3H", len(specs), 0, 16) + specs + bytes(range(16))
    return struct.pack("!H", 0x8000 | len(hello)) + hello


ALERT, HANDSHAKE = 21, 22


def answered(south: Home, hello: bytes) -> bytes:
    """All that the receiver says to a hello until it closes, or its first record if it goes on."""
    host, port = south.outside.split(":")
    with socket.create_connection((host, int(port)), 10) as plain:
        plain.settimeout(10)
        plain.sendall(hello)
        said = b""
        while not said or said[0] == ALERT:
            try:
                data = plain.recv(4096)
            except ConnectionError:
                data = b""  # closed without ceremony
            if not data:
                break
            said += data
        return said


@pytest.mark.assertion("AS4_CP_TA41")
@pytest.mark.parametrize("hello", [ssl_2_hello(), client_hello(0x0300)], ids=["SSL 2.0", "SSL 3.0"])
def test_no_connection_is_made_by_ssl(receiver: tuple[Home, Home], hello: bytes) -> None:
    _, south = receiver
    assert answered(south, client_hello(0x0303))[0] == HANDSHAKE, "the same hello of TLS 1.2 is taken"
    said = answered(south, hello)
    # A fatal alert, or nothing at all, and the connection is closed.
    assert said == b"" or (said[0], said[5], len(said)) == (ALERT, 2, 7)


@pytest.mark.assertion("AS4_CP_TA42")
@pytest.mark.parametrize("suite", NOT_ACCEPTED)
def test_no_connection_is_made_by_a_suite_that_is_not_accepted(receiver: tuple[Home, Home], suite: str) -> None:
    _, south = receiver
    sender = sender_of("1.2", f"{suite}:@SECLEVEL=0")
    with serving(receiver_of_anything(south)) as port:
        assert connect(port, sender) == ("TLSv1.2", suite)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        handshake(south, sender)


@pytest.mark.assertion("AS4_CP_TA43")
@pytest.mark.parametrize("suite", ACCEPTED)
def test_by_an_accepted_suite_of_tls_1_2_a_message_is_receipted(receiver: tuple[Home, Home], suite: str) -> None:
    north, south = receiver
    assert handshake(south, sender_of("1.2", suite)) == "TLSv1.2"
    # `post` demands HTTP 200.
    assert sends(north, south, sender_of("1.2", suite)).receipt


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.assertion("AS4_CP_TA46")
def test_nodes_with_an_ipv6_and_an_ipv4_address_get_each_others_receipts(
    receiver: tuple[Home, Home], tmp_path: Path
) -> None:
    if not has_ipv6():
        leave_out("IPv6 was left out: this machine has no address ::1")
    _, south = receiver
    six = Home(tmp_path / "six", "six", tls=True, host="[::1]")
    six.do("peer", "add", str(south.card(tmp_path)))
    south.do("peer", "add", str(six.card(tmp_path)))
    with six.serving():
        for sender, to in ((six, "south"), (south, "six")):
            outcome = sender.do("peer", "ping", to)
            assert outcome["receipt"] is True
            assert outcome["receipt_time"] is not None
