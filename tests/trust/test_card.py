"""The party card: every field there, signed by the identity it names, and followed only by its like."""

import base64
import dataclasses
import json
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from node.as4.weak_keys import SMALL_ORDER
from node.trust.card import TYP, CardDomain, CardRefused, check_card, make_card, read_card
from node.trust.certificates import Use
from node.trust.keys import NodeKeys, create_keys
from node.trust.signed_statement import LARGEST, sign_statement, to_base64url
from node.trust.vkey import witness_vkey
from tests.trust.material import DAY, NOW, card_for, self_signed

FIELDS = {
    "v", "party", "party_type", "name", "country", "serial", "issued", "ends", "identity", "signing", "key_agreement",
    "document", "tls", "log", "witness", "address", "suites", "domains",
}  # fmt: skip


@pytest.fixture(scope="session")
def text(keys: NodeKeys) -> str:
    return make_card(card_for(keys), keys.identity)


@pytest.fixture(scope="session")
def payload(text: str) -> dict:
    return decoded(text.split(".")[1])


def decoded(part: str) -> dict:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def signed(keys: NodeKeys, payload: dict, **header: object) -> str:
    """A JWS by the identity key with any payload and header, made by hand: no library may refuse to write it."""
    first = to_base64url(json.dumps({"alg": "EdDSA", "typ": TYP} | header).encode())
    second = to_base64url(json.dumps(payload).encode())
    return f"{first}.{second}.{to_base64url(keys.identity.sign(f'{first}.{second}'.encode()))}"


def test_a_card_has_every_field_from_the_first_on(payload: dict) -> None:
    assert set(payload) == FIELDS


def test_a_card_reads_back(keys: NodeKeys, text: str) -> None:
    card = read_card(text + "\n")
    assert card == card_for(keys)
    check_card(card, NOW)
    assert card.identity == keys.identity_raw
    assert card.signing_for("eddsa-x25519") == (keys.signing_certificate,)
    assert card.encryption_for("eddsa-x25519") == (keys.encryption_certificate,)
    assert card.signing_for("ecdsa-p256") == ()


def test_its_form_is_the_documented_one(text: str) -> None:
    header, _, _ = text.split(".")
    assert decoded(header) == {"alg": "EdDSA", "typ": "depesha-card+jwt"}


def test_another_library_call_verifies_it(keys: NodeKeys, text: str) -> None:
    assert jwt.decode(text, keys.identity_public, algorithms=["EdDSA"])["serial"] == 3


def test_suites_and_rotations_stand_side_by_side(keys: NodeKeys, other_keys: NodeKeys) -> None:
    both = card_for(keys)
    both = dataclasses.replace(
        both,
        signing=(*both.signing, other_keys.signing_certificate),
        encryption=(*both.encryption, other_keys.encryption_certificate),
        suites=("eddsa-x25519", "ecdsa-p256", "mldsa-something"),
    )
    card = read_card(make_card(both, keys.identity))
    check_card(card, NOW)
    assert card.signing_for("ecdsa-p256") == (other_keys.signing_certificate,)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_any_changed_character_is_refused(keys: NodeKeys, text: str, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(text) - 1))
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n"
    other = data.draw(st.sampled_from(alphabet).filter(lambda character: character != text[position]))
    with pytest.raises(CardRefused):
        read_card(text[:position] + other + text[position + 1 :])


def test_the_last_character_has_one_spelling_only(text: str) -> None:
    # 64 bytes leave four bits of the last character unused: a lax reader takes 16 spellings of one signature.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for other in alphabet.replace(text[-1], ""):
        with pytest.raises(CardRefused):
            read_card(text[:-1] + other)


@settings(deadline=None)
@given(st.text(max_size=300) | st.from_regex(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", fullmatch=True))
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(CardRefused):
        read_card(text)


class TestForm:
    """Tricks that JWS libraries have fallen for."""

    def test_none(self, payload: dict) -> None:
        for algorithm in ("none", "None", "NONE"):
            header = to_base64url(json.dumps({"alg": algorithm, "typ": TYP}).encode())
            body = to_base64url(json.dumps(payload).encode())
            for signature in ("", "AA", to_base64url(bytes(64))):
                with pytest.raises(CardRefused):
                    read_card(f"{header}.{body}.{signature}")

    def test_hmac_with_the_public_key(self, keys: NodeKeys, payload: dict) -> None:
        forged = jwt.PyJWS().encode(
            json.dumps(payload).encode(), keys.identity_raw, algorithm="HS256", headers={"typ": TYP}
        )
        with pytest.raises(CardRefused, match="header"):
            read_card(forged)

    def test_another_algorithm(self, payload: dict) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        with pytest.raises(CardRefused, match="header"):
            read_card(jwt.PyJWS().encode(json.dumps(payload).encode(), key, algorithm="ES256", headers={"typ": TYP}))

    @pytest.mark.parametrize(
        "header",
        [
            {"crit": ["exp"]},
            {"kid": "other"},
            {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": "A" * 43}},
            {"jku": "https://attacker.example/keys"},
            {"x5c": ["AAAA"]},
            {"b64": False},
            {"zip": "DEF"},
            {"typ": "JWT"},
            {"typ": "depesha-revocation+jwt"},
        ],
    )
    def test_any_other_header(self, keys: NodeKeys, payload: dict, header: dict) -> None:
        with pytest.raises(CardRefused, match="header"):
            read_card(signed(keys, payload, **header))

    def test_a_repeated_name(self, keys: NodeKeys, payload: dict) -> None:
        octets = json.dumps(payload).encode()[:-1] + b', "party": "urn:x:other"}'
        forged = jwt.PyJWS().encode(octets, keys.identity, algorithm="EdDSA", headers={"typ": TYP})
        with pytest.raises(CardRefused, match="each name once"):
            read_card(forged)

    def test_oversize(self, keys: NodeKeys, payload: dict) -> None:
        with pytest.raises(CardRefused, match=str(LARGEST)):
            read_card(signed(keys, payload | {"more": "x" * LARGEST}))

    def test_deep_nesting(self, keys: NodeKeys) -> None:
        octets = b"[" * 20000 + b"]" * 20000
        with pytest.raises(CardRefused):
            read_card(jwt.PyJWS().encode(octets, keys.identity, algorithm="EdDSA", headers={"typ": TYP}))

    def test_another_key_than_the_one_named(self, keys: NodeKeys) -> None:
        with pytest.raises(CardRefused, match="signature"):
            make_card(card_for(keys), ed25519.Ed25519PrivateKey.generate())

    @pytest.mark.parametrize("point", sorted(SMALL_ORDER))
    def test_an_identity_under_which_everybody_can_sign(self, keys: NodeKeys, payload: dict, point: bytes) -> None:
        with pytest.raises(CardRefused, match="small order"):
            read_card(signed(keys, payload | {"identity": to_base64url(point)}))


class TestFields:
    """Each field strictly, with a refusal that names it."""

    @pytest.mark.parametrize("field", sorted(FIELDS))
    def test_a_missing_field(self, keys: NodeKeys, payload: dict, field: str) -> None:
        with pytest.raises(CardRefused) as refused:
            read_card(signed(keys, {name: value for name, value in payload.items() if name != field}))
        assert refused.value.field == field
        assert refused.value.found == "nothing"
        assert refused.value.remedy

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("v", 2),
            ("v", True),
            ("v", "1"),
            ("party", ""),
            ("party", "x" * 256),
            ("party", " urn:x"),
            ("party", "urn:x\n"),
            ("party", None),
            ("party_type", ""),
            ("name", "right\u202eleft"),
            ("country", "rs"),
            ("country", "RS"),
            ("serial", 0),
            ("serial", 1.0),
            ("serial", True),
            ("serial", 2**53),
            ("issued", "2026-11-25"),
            ("issued", "2026-13-25T02:24:57Z"),
            ("issued", "2026-11-25T02:24:57+00:00"),
            ("issued", 1764037497),
            ("ends", "2026-11-25T02:24:57Z"),
            ("identity", "AAAA"),
            ("identity", "A" * 42 + "B"),
            ("signing", []),
            ("signing", "text"),
            ("signing", ["AAAA"]),
            ("signing", ["not base64"]),
            ("signing", [1]),
            ("key_agreement", ["AAAA"] * 9),
            ("document", []),
            ("tls", [None]),
            ("log", []),
            ("log", ["name+00000000+AAAA"]),
            ("witness", ["name"]),
            ("address", "ftp://north.example/as4"),
            ("address", "https:///as4"),
            ("address", "https://user@north.example/as4"),
            ("address", "https://north.example/as4#x"),
            ("address", "https://north.example:99999/"),
            ("address", "https://[::1/"),
            ("address", "http://north.example/as4"),
            ("address", "https://north.example/ as4"),
            ("suites", []),
            ("suites", ["eddsa-x25519", "eddsa-x25519"]),
            ("suites", ["EdDSA"]),
            ("domains", {}),
            ("domains", [{"namespace": "urn:x"}]),
            ("domains", [{"namespace": "urn:x", "digest": "AB" * 32}]),
            ("domains", ["urn:x"]),
        ],
    )
    def test_a_wrong_value(self, keys: NodeKeys, payload: dict, field: str, value: object) -> None:
        with pytest.raises(CardRefused) as refused:
            read_card(signed(keys, payload | {field: value}))
        assert refused.value.field.split("/")[0] == field
        assert refused.value.found
        assert refused.value.expected

    def test_a_certificate_with_bytes_behind_it(self, keys: NodeKeys, payload: dict) -> None:
        longer = base64.b64encode(keys.signing_certificate.public_bytes(Encoding.DER) + b"\0").decode()
        with pytest.raises(CardRefused, match="signing/0"):
            read_card(signed(keys, payload | {"signing": [longer]}))

    def test_http_is_for_loopback_only(self, keys: NodeKeys) -> None:
        for address in ("http://127.0.0.1:17443/as4", "http://localhost/as4", "http://[::1]:1/as4"):
            assert read_card(make_card(card_for(keys, address=address), keys.identity)).address == address

    def test_null_where_a_party_has_none(self, keys: NodeKeys) -> None:
        card = read_card(make_card(card_for(keys, party_type=None, country=None), keys.identity))
        assert (card.party_type, card.country) == (None, None)

    def test_tls_may_be_left_to_an_authority(self, keys: NodeKeys) -> None:
        card = read_card(make_card(card_for(keys, pin_tls=False), keys.identity))
        check_card(card, NOW)
        assert card.tls == ()

    def test_an_unknown_field_is_passed_over(self, keys: NodeKeys, payload: dict) -> None:
        assert read_card(signed(keys, payload | {"later": [1]})) == card_for(keys)

    def test_the_identity_key_is_for_nothing_else(self, keys: NodeKeys) -> None:
        witness = (str(witness_vkey("name", keys.identity_public)),)
        with pytest.raises(CardRefused, match="identity key"):
            make_card(dataclasses.replace(card_for(keys), witness=witness), keys.identity)


class TestBelief:
    """What `check_card` asks of a well-formed card."""

    def test_an_ended_card(self, keys: NodeKeys) -> None:
        card = card_for(keys, ends=NOW + DAY)
        check_card(card, NOW + DAY - timedelta(seconds=1))
        with pytest.raises(CardRefused, match="ends"):
            check_card(card, NOW + DAY)

    def test_a_card_from_the_future(self, keys: NodeKeys) -> None:
        check_card(card_for(keys), NOW - timedelta(minutes=10))
        with pytest.raises(CardRefused, match="issued"):
            check_card(card_for(keys), NOW - timedelta(minutes=11))

    def test_a_newer_card_follows(self, keys: NodeKeys) -> None:
        check_card(card_for(keys, serial=4, address="https://new.example/as4"), NOW, known=card_for(keys))

    @pytest.mark.parametrize("serial", [1, 2, 3])
    def test_an_older_or_equal_serial(self, keys: NodeKeys, serial: int) -> None:
        with pytest.raises(CardRefused, match="serial"):
            check_card(card_for(keys, serial=serial, name="Other"), NOW, known=card_for(keys))

    def test_another_identity_never_follows(self, keys: NodeKeys, other_keys: NodeKeys) -> None:
        card = read_card(make_card(card_for(other_keys, serial=99), other_keys.identity))
        with pytest.raises(CardRefused, match="identity"):
            check_card(card, NOW, known=card_for(keys))

    def test_another_party_never_follows(self, keys: NodeKeys) -> None:
        with pytest.raises(CardRefused, match="party"):
            check_card(card_for(keys, serial=9, party="urn:x:other"), NOW, known=card_for(keys))

    def test_a_suite_without_its_certificates(self, keys: NodeKeys) -> None:
        card = dataclasses.replace(card_for(keys), suites=("eddsa-x25519", "ecdsa-p256"))
        with pytest.raises(CardRefused, match=r"signing.*ecdsa-p256"):
            check_card(card, NOW)

    def test_no_suite_that_we_know(self, keys: NodeKeys) -> None:
        with pytest.raises(CardRefused, match="suites"):
            check_card(dataclasses.replace(card_for(keys), suites=("other",)), NOW)

    @pytest.mark.parametrize("field", ["signing", "encryption"])
    def test_certificates_of_another_use(self, keys: NodeKeys, other_keys: NodeKeys, field: str) -> None:
        swapped = {"signing": other_keys.encryption_certificate, "encryption": other_keys.signing_certificate}
        card = dataclasses.replace(card_for(other_keys), **{field: (swapped[field],)})
        with pytest.raises(CardRefused, match=r"keyAgreement|digitalSignature"):
            check_card(card, NOW)

    @pytest.mark.parametrize("field", ["document", "tls"])
    def test_expired_certificates(self, keys: NodeKeys, field: str) -> None:
        _, expired = self_signed(Use.DOCUMENT, NOW - 40 * DAY, days=30)
        _, valid = self_signed(Use.DOCUMENT)
        with pytest.raises(CardRefused, match=field):
            check_card(dataclasses.replace(card_for(keys), **{field: (expired,)}), NOW)
        check_card(dataclasses.replace(card_for(keys), **{field: (expired, valid)}), NOW)

    def test_expired_wire_certificates(self, tmp_path: object) -> None:
        old = create_keys(tmp_path / "keys", "urn:x:north", "North", now=NOW - 1200 * DAY)
        _, document = self_signed(Use.DOCUMENT)
        card = dataclasses.replace(card_for(old, pin_tls=False), document=(document,))
        with pytest.raises(CardRefused, match="signing"):
            check_card(card, NOW)


def test_making_a_card_that_could_not_be_read_is_refused(keys: NodeKeys) -> None:
    for changes in ({"serial": 0}, {"name": "x" * 300}, {"domains": (CardDomain("urn:x", "short"),)}):
        with pytest.raises(CardRefused):
            make_card(card_for(keys, **changes), keys.identity)
    with pytest.raises(CardRefused, match="whole seconds"):
        make_card(dataclasses.replace(card_for(keys), issued=NOW + timedelta(milliseconds=1)), keys.identity)


def test_a_revocation_is_no_card(keys: NodeKeys, payload: dict) -> None:
    with pytest.raises(CardRefused, match="header"):
        read_card(sign_statement(payload, "depesha-revocation+jwt", keys.identity))
