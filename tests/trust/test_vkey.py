"""Verifier keys in the text form of C2SP signed-note."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given, settings
from hypothesis import strategies as st

from node.trust.vkey import ED25519_COSIGNATURE, ED25519_NOTE, log_vkey, own_name, parse_vkey, witness_vkey

# Written by golang.org/x/mod/sumdb/note v0.43.0 (logs) and torchwood v0.10.0 (witnesses) for a sample log.
GO_LOGS = (
    "log.alpha.example/audit+480a6778+Ac4S05jfb/YDE78TzoUjSjA857OlL0ljMNH9RH6rJ1ul",
    "log.alpha.example/audit+f83d0be9+AfKQiXvhVMcJAf1NlGBA6st6d1oa5HPVJDiB/4ULqq5t",
)
GO_WITNESSES = (
    "witness-a.alpha.example+67966cbd+BOgpnWFTFF0M8GitBG58niccVsIM1ahBkeD7Gf0mlAAl",
    "witness-b.alpha.example+f93824b3+BPkW+/KFkOWhMqmzR6cVQdWD5NTbMhDSI3TilpcrACy7",
    "witness-x.alpha.example+bd6d0382+BC9tuMX0lkRTH+0ebuKwtnpEA68RQYn4KWInbMX2U43D",
)


@pytest.mark.parametrize("text", GO_LOGS + GO_WITNESSES)
def test_keys_by_others_are_read_and_written_the_same(text: str) -> None:
    vkey = parse_vkey(text)
    assert vkey.type == (ED25519_NOTE if text in GO_LOGS else ED25519_COSIGNATURE)
    key = ed25519.Ed25519PublicKey.from_public_bytes(vkey.key)
    assert str((log_vkey if text in GO_LOGS else witness_vkey)(vkey.name, key)) == text


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_party_id_gives_a_name_that_can_stand_in_a_note(party: str) -> None:
    try:
        party.encode()
    except UnicodeEncodeError:
        return
    key = ed25519.Ed25519PrivateKey.generate().public_key()
    vkey = log_vkey(own_name(party, "log", key), key)
    assert parse_vkey(str(vkey)) == vkey


def test_a_new_key_is_a_new_log() -> None:
    one, two = (ed25519.Ed25519PrivateKey.generate().public_key() for _ in range(2))
    assert own_name("urn:x", "log", one) != own_name("urn:x", "log", two)


def test_other_types_are_kept() -> None:
    # Type 06, ML-DSA-44: 1,312 bytes of key.
    import base64
    import hashlib

    octets = bytes([6]) + bytes(1312)
    identifier = hashlib.sha256(b"name\n" + octets).digest()[:4].hex()
    assert parse_vkey(f"name+{identifier}+{base64.b64encode(octets).decode()}").type == 6


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+480a6778",
        "name+480a6778+!!!!",
        "name+480a6778+AQ==",
        GO_LOGS[0].replace("480a6778", "480a6779"),
        GO_LOGS[0].replace("480a6778", "480A6778"),
        GO_LOGS[0].replace("audit", "other"),
        GO_LOGS[0].replace("alpha", "al pha"),
        GO_LOGS[0] + "\n",
        "+" + GO_LOGS[0],
        GO_LOGS[0][:-4],
        "n" * 5000,
    ],
)
def test_what_is_not_a_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_vkey(text)
