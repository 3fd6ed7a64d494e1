"""The settings of TLS: with whom a node makes a connection, as listener and as sender, once they narrow it."""

import json
import re
import ssl
from pathlib import Path
from typing import Any

import pytest

from node.config import TLS_CIPHERS, ConfigError, Settings, load_settings
from tests.conformance.test_transport import handshake, receiver_of_anything, sender_of, sends
from tests.trust.test_tls import connect, serving
from tests.trust_doors.homes import Home

# What is old is spoken here on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")

WEAKER, STRONGER = "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"


def sender_of_1_3() -> ssl.SSLContext:
    """Speaks TLS 1.3 and no other, with whoever answers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


@pytest.fixture
def offices(tmp_path: Path) -> tuple[Home, Home]:
    """Two that know each other."""
    north, south = Home(tmp_path / "north", "north", tls=True), Home(tmp_path / "south", "south", tls=True)
    south.do("peer", "add", str(north.card(tmp_path)))
    north.do("peer", "add", str(south.card(tmp_path)))
    return north, south


@pytest.mark.assertion("AS4_CP_TA39")
def test_a_listener_makes_no_connection_by_a_version_below_the_lowest(offices: tuple[Home, Home]) -> None:
    north, south = offices
    south.set(tls_lowest="1.3")
    with south.serving():
        with pytest.raises((ssl.SSLError, ConnectionError)):
            handshake(south, sender_of("1.2", TLS_CIPHERS))
        assert handshake(south, sender_of_1_3()) == "TLSv1.3"
        assert sends(north, south, sender_of_1_3()).receipt


@pytest.mark.assertion("AS4_CP_TA39")
def test_a_listener_makes_no_connection_by_a_suite_that_was_left_out(offices: tuple[Home, Home]) -> None:
    north, south = offices
    south.set(tls_ciphers=STRONGER)
    with south.serving():
        with pytest.raises((ssl.SSLError, ConnectionError)):
            handshake(south, sender_of("1.2", WEAKER))
        assert sends(north, south, sender_of("1.2", STRONGER)).receipt
        # Suites of TLS 1.3 are not what the setting is about.
        assert handshake(south, sender_of_1_3()) == "TLSv1.3"


def reached(north: Home, **settings: Any) -> str:
    """What is told of a test message to a server that speaks TLS and no HTTP, by these settings of the sender."""
    north.set(**{"tls_lowest": "1.2", "tls_ciphers": TLS_CIPHERS, **settings})
    outcome = json.loads(north.run("peer", "ping", "south", "--json").out)
    assert outcome["receipt"] is False
    told: str = outcome["error"]["detail"]
    return told


@pytest.mark.assertion("AS4_CP_TA39")
def test_a_sender_makes_no_connection_by_what_its_settings_leave_out(offices: tuple[Home, Home]) -> None:
    north, south = offices
    only = receiver_of_anything(south)
    only.maximum_version = ssl.TLSVersion.TLSv1_2
    only.set_ciphers(WEAKER)
    with serving(only, int(south.outside.partition(":")[2])) as port:
        assert connect(port, sender_of("1.2", WEAKER)) == ("TLSv1.2", WEAKER)
        for taken in ({}, {"tls_ciphers": WEAKER}):
            assert "TLS with" not in reached(north, **taken), "it spoke TLS, then found no HTTP"
        for left_out in ({"tls_lowest": "1.3"}, {"tls_ciphers": STRONGER}):
            assert f"TLS with {south.outside} failed" in reached(north, **left_out)


def settings_with(folder: Path, text: str) -> Settings:
    (folder / "depesha.toml").write_text(f'party = "office"\nname = "An office"\n{text}\n')
    return load_settings(folder, {})


@pytest.mark.parametrize(
    "ciphers",
    [
        TLS_CIPHERS,
        WEAKER,
        f"{WEAKER}:{STRONGER}",
        "ECDHE+AESGCM:!aRSA",
        "ECDHE+AESGCM:+AES256",
        "ECDHE+AESCCM:-AESCCM8",
    ],
)
def test_suites_that_are_good_are_taken(tmp_path: Path, ciphers: str) -> None:
    assert settings_with(tmp_path, f'tls_ciphers = "{ciphers}"').tls_ciphers == ciphers


@pytest.mark.parametrize(
    ("ciphers", "said"),
    [
        ("ECDHE", "not both ECDHE and authenticated encryption"),
        (f"{WEAKER}:AES128-GCM-SHA256", "AES128-GCM-SHA256: not both"),  # no forward secrecy
        (f"{WEAKER}:DHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES128-GCM-SHA256: not both"),
        ("ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES128-SHA256: not both"),  # no authenticated encryption
        ("ECDHE-PSK-CHACHA20-POLY1305", "ECDHE-PSK-CHACHA20-POLY1305: not both"),  # no certificate
        ("HIGH", r"and \d+ more: not both"),
        ("ALL:@SECLEVEL=0", "'@SECLEVEL=0' names no suite"),
        (f"{WEAKER}:ECDHE-ECDSA-AES265-GCM-SHA384", "'ECDHE-ECDSA-AES265-GCM-SHA384' names no suite"),
        (f"{WEAKER} {STRONGER}", "separate suites by a colon"),
        ("TLS_AES_256_GCM_SHA384", "leave those of TLS 1.3 to OpenSSL"),
        ("ECDHE+AESGCM:!AESGCM", "it leaves no suite"),
        ("", "'' names no suite"),
    ],
)
def test_other_suites_are_refused_with_words(tmp_path: Path, ciphers: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        settings_with(tmp_path, f'tls_ciphers = "{ciphers}"')
    assert f"tls_ciphers = {ciphers!r} cannot be used" in str(caught.value)
    assert "DEPESHA_TLS_CIPHERS" in str(caught.value)


@pytest.mark.parametrize("version", ['"1.1"', '"1"', "1.3", '"TLSv1.3"'])
def test_another_version_is_refused_with_words(tmp_path: Path, version: str) -> None:
    with pytest.raises(ConfigError, match=re.escape("tls_lowest") + ".*'1.2' or '1.3'"):
        settings_with(tmp_path, f"tls_lowest = {version}")
    assert load_settings(tmp_path, {"DEPESHA_TLS_LOWEST": "1.3"}).tls_lowest == "1.3"
