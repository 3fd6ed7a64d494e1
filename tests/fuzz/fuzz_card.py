"""Fuzzes the reader of cards: nothing but `CardRefused`, and a card that is read is written as the same card.

Input: a mode and a text. `R` reads the text as a card; `S` takes it as the payload of one, names the fuzzer's own
identity key in it and signs it, so that mutations get past the signature.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

with atheris.instrument_imports(include=["node.trust"]):
    from node.trust.card import TYP, CardRefused, check_card, make_card, read_card
    from node.trust.keys import create_keys
    from node.trust.refused import TrustRefused
    from node.trust.signed_statement import StatementRefused, from_base64url, sign_statement, to_base64url
    from node.trust.vkey import parse_vkey
    from node.trust.words import numbers_of, parse_words, words_match, words_of

from tests.fuzz import harness
from tests.trust.material import NOW, card_for

KEYS = create_keys(Path(tempfile.mkdtemp()) / "keys", "urn:x:north", "North", now=NOW)
GOOD = make_card(card_for(KEYS), KEYS.identity)


def test_one_input(data: bytes) -> None:
    mode, text = data[:1], data[1:].decode("utf-8", "surrogateescape" if data[:1] == b"R" else "replace")
    if mode == b"S":
        try:
            payload = json.loads(text)
        except (ValueError, RecursionError):
            return
        if not isinstance(payload, dict):
            return
        if "identity" in payload:
            payload["identity"] = to_base64url(KEYS.identity_raw)
        try:
            text = sign_statement(payload, TYP, KEYS.identity)
        except (StatementRefused, ValueError):
            return  # too long, or nothing that JSON can carry
    elif mode == b"V":
        try:
            parse_vkey(text)
        except ValueError:
            return
        return
    elif mode == b"W":
        try:
            numbers = parse_words(text)
        except TrustRefused:
            return
        assert numbers == numbers_of(KEYS.identity_raw) or not words_match(numbers, KEYS.identity_raw)
        return
    try:
        card = read_card(text)
        check_card(card, NOW)
    except CardRefused as refused:
        said(refused)
        return
    if card.identity == KEYS.identity_raw:
        assert read_card(make_card(card, KEYS.identity)) == card


def said(refused: CardRefused) -> None:
    """A refusal names the field and says something."""
    assert refused.field
    assert str(refused)


def seeds() -> Iterator[bytes]:
    """What the corpus starts from."""
    yield b"R" + GOOD.encode()
    payload = from_base64url(GOOD.split(".")[1])
    yield b"S" + payload
    yield b"V" + json.loads(payload)["log"][0].encode()
    yield b"W" + " ".join(words_of(KEYS.identity_raw)).encode()
    for name in json.loads(payload):
        yield b"S" + json.dumps({key: value for key, value in json.loads(payload).items() if key != name}).encode()


FIELDS = json.loads(from_base64url(GOOD.split(".")[1]))
WORDS = (
    *(f'"{name}":'.encode() for name in FIELDS),
    *(b"null", b"true", b"[]", b"{}", b"[[", b"1e999", b"-1", b"0.5", b"\\u0000", b"\\ud800", b"2026-11-25T00:00:00Z"),
    *(b"https://", b"http://", b"eddsa-x25519", b"ecdsa-p256", b"XKX", b"\xe2\x80\x8b", b"9999999999999999999999"),
)

if __name__ == "__main__":
    harness.run(__file__, test_one_input, seeds, WORDS)
