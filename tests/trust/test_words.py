"""Words stand for an identity key: the same everywhere, for ever, however they are typed."""

import hashlib
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.trust.words import WordsRefused, numbers_of, parse_words, word_list, words_match, words_of

IDENTITIES = st.binary(min_size=32, max_size=32)


def test_the_list_is_the_published_one() -> None:
    octets = files("node.trust").joinpath("words.txt").read_bytes()
    assert hashlib.sha256(octets).hexdigest() == "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"
    assert len(set(word_list())) == 2048


def test_words_never_change() -> None:
    # SHA-256 of 32 zero bytes begins 66687aadf862bd776c8fc1; computed by hand, 11 bits at a time.
    bits = "".join(f"{octet:08b}" for octet in bytes.fromhex("66687aadf862bd776c8fc1"))
    assert numbers_of(bytes(32)) == tuple(int(bits[n : n + 11], 2) + 1 for n in range(0, 88, 11))
    assert words_of(bytes(32)) == ("grid", "duck", "problem", "valid", "cloth", "roof", "rate", "wealth")


@settings(deadline=None)
@given(
    IDENTITIES, st.sampled_from([" ", ", ", "-", "\n", ". ", " / ", "_"]), st.sampled_from([str.upper, str.title, str])
)
def test_words_and_numbers_round_trip(identity: bytes, between: str, case: "type[str]") -> None:
    as_words = case(between.join(words_of(identity)))
    as_numbers = between.join(f"{number:04}" for number in numbers_of(identity))
    assert parse_words(as_words) == parse_words(as_numbers) == numbers_of(identity)
    assert words_match(parse_words(as_words), identity)


@settings(deadline=None)
@given(IDENTITIES, IDENTITIES)
def test_words_of_another_key_do_not_match(one: bytes, other: bytes) -> None:
    assert words_match(numbers_of(one), other) == (one == other)


def test_a_misread_word_is_named_with_its_position_and_the_nearest_word() -> None:
    with pytest.raises(WordsRefused, match=r"word 3.*'problm'.*'problem'") as refused:
        parse_words("grid duck problm valid cloth roof rate wealth")
    assert refused.value.position == 3


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("grid duck", 0),
        ("", 0),
        ("grid " * 9, 0),
        ("grid " * 1000, 0),
        ("0 1 2 3 4 5 6 7", 1),
        ("1 2049 2 3 4 5 6 7", 2),
        ("1 2 " + "9" * 900 + " 3 4 5 6 7", 3),
        ("мир " * 8, 1),
    ],
)
def test_what_is_not_eight_words_is_refused(text: str, position: int) -> None:
    with pytest.raises(WordsRefused) as refused:
        parse_words(text)
    assert refused.value.position == position
    assert refused.value.remedy


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_words_or_a_refusal(text: str) -> None:
    try:
        numbers = parse_words(text)
    except WordsRefused:
        return
    assert len(numbers) == 8
    assert all(1 <= number <= 2048 for number in numbers)
