"""A revocation statement holds only when the party's identity key has signed it."""

import dataclasses
from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given, settings
from hypothesis import strategies as st

from node.trust.card import TYP as CARD_TYP
from node.trust.certificates import fingerprint
from node.trust.fields import format_second
from node.trust.keys import NodeKeys
from node.trust.pins import CertificateRefused, PeerPins, check_signer
from node.trust.revocation import TYP, Revocation, RevocationRefused, make_revocation, read_revocation
from node.trust.signed_statement import sign_statement, to_base64url
from tests.trust.material import NOW

PARTY = "urn:x:north"


@pytest.fixture(scope="session")
def revocation(keys: NodeKeys) -> Revocation:
    return Revocation(PARTY, NOW, {fingerprint(keys.signing_certificate): NOW - timedelta(days=2)})


@pytest.fixture(scope="session")
def text(keys: NodeKeys, revocation: Revocation) -> str:
    return make_revocation(revocation, keys.identity)


def test_a_statement_reads_back_and_revokes(keys: NodeKeys, revocation: Revocation, text: str) -> None:
    read = read_revocation(text, PARTY, keys.identity_raw)
    assert read == revocation
    pins = PeerPins(signing=(keys.signing_certificate,), revoked_sha256=read.revoked)
    with pytest.raises(CertificateRefused, match="revoked"):
        check_signer(keys.signing_certificate, pins, NOW - timedelta(days=2))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_changed_character_is_refused(keys: NodeKeys, text: str, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("ABCXYZabcxyz0189-_.= ").filter(lambda character: character != text[position]))
    with pytest.raises(RevocationRefused):
        read_revocation(text[:position] + other + text[position + 1 :], PARTY, keys.identity_raw)


def test_a_thief_of_the_wire_key_revokes_nothing(keys: NodeKeys, revocation: Revocation) -> None:
    assert isinstance(keys.signing_key, ed25519.Ed25519PrivateKey)
    with pytest.raises(RevocationRefused, match="signature"):
        read_revocation(make_revocation(revocation, keys.signing_key), PARTY, keys.identity_raw)


def test_a_statement_about_another_party_is_refused(keys: NodeKeys, revocation: Revocation) -> None:
    other = make_revocation(dataclasses.replace(revocation, party="urn:x:other"), keys.identity)
    with pytest.raises(RevocationRefused, match="party"):
        read_revocation(other, PARTY, keys.identity_raw)


def test_a_card_is_no_revocation(keys: NodeKeys) -> None:
    with pytest.raises(RevocationRefused, match="header"):
        read_revocation(sign_statement({"v": 1}, CARD_TYP, keys.identity), PARTY, keys.identity_raw)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("v", 2),
        ("identity", to_base64url(bytes(32))),
        ("issued", None),
        ("revoked", []),
        ("revoked", [{"sha256": "AB" * 32, "since": format_second(NOW)}]),
        ("revoked", [{"sha256": "ab" * 32}]),
        ("revoked", [{"sha256": "ab" * 32, "since": "now"}]),
        ("revoked", [{"sha256": "ab" * 32, "since": f"202{n}-01-01T00:00:00Z"} for n in (1, 2)]),
    ],
)
def test_a_wrong_value_is_named(keys: NodeKeys, field: str, value: object) -> None:
    payload = {
        "v": 1,
        "party": PARTY,
        "identity": to_base64url(keys.identity_raw),
        "issued": format_second(NOW),
        "revoked": [{"sha256": "ab" * 32, "since": format_second(NOW)}],
    }
    assert read_revocation(sign_statement(payload, TYP, keys.identity), PARTY, keys.identity_raw).revoked
    with pytest.raises(RevocationRefused, match=field):
        read_revocation(sign_statement(payload | {field: value}, TYP, keys.identity), PARTY, keys.identity_raw)


def test_an_instant_of_any_year_is_written_as_it_is_read() -> None:
    for text in ("0026-11-25T02:24:57Z", "2026-11-25T02:24:57Z", "9999-12-31T23:59:59Z"):
        instant = datetime.fromisoformat(text)
        assert format_second(instant) == text
