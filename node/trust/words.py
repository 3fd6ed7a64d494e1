"""Eight words that stand for an identity key, to be compared by telephone.

They are the first 88 bits of the SHA-256 of the raw Ed25519 key, 11 bits a word, from a fixed list of 2,048 (see
words.LICENSE.txt). Each word also has its number in the list, 1 to 2048, so that people without a common language
read digits. 88 bits: nobody finds another key with the same words in a person's lifetime.
"""

import difflib
import hashlib
import hmac
import re
import unicodedata
from functools import cache
from importlib.resources import files

from node.trust.refused import TrustRefused

COUNT = 8
BITS = 11
LIST_LENGTH = 1 << BITS
# Eight words of at most eight letters; anything much longer was not read out from a page of ours.
LONGEST_TEXT = 1000


class WordsRefused(TrustRefused):
    """A text is not eight words, or numbers, of the list. `position` counts from 1; 0 when the count is wrong."""

    def __init__(self, position: int, found: str, expected: str, remedy: str) -> None:
        super().__init__("words" if position == 0 else f"word {position}", found, expected, remedy)
        self.position = position


@cache
def word_list() -> tuple[str, ...]:
    """The list, in its order."""
    words = tuple(files("node.trust").joinpath("words.txt").read_text(encoding="ascii").split())
    if len(words) != LIST_LENGTH:
        raise RuntimeError(f"words.txt has {len(words)} words instead of {LIST_LENGTH}: the installation is damaged")
    return words


@cache
def _positions() -> dict[str, int]:
    return {word: number for number, word in enumerate(word_list(), start=1)}


def numbers_of(identity: bytes) -> tuple[int, ...]:
    """The eight numbers, 1 to 2048, of an identity key (raw public key, 32 bytes)."""
    if len(identity) != 32:
        raise ValueError("an Ed25519 public key has 32 bytes")
    bits = int.from_bytes(hashlib.sha256(identity).digest()[: COUNT * BITS // 8], "big")
    return tuple((bits >> BITS * (COUNT - 1 - n)) % LIST_LENGTH + 1 for n in range(COUNT))


def words_of(identity: bytes) -> tuple[str, ...]:
    """The eight words of an identity key (raw public key, 32 bytes)."""
    return tuple(word_list()[number - 1] for number in numbers_of(identity))


def parse_words(text: str) -> tuple[int, ...]:
    """The eight numbers that a person typed, as words or as numbers, in any case, spacing and punctuation.

    Raises WordsRefused that names the position, what stands there and the nearest word.
    """
    if len(text) > LONGEST_TEXT:
        raise WordsRefused(0, f"{len(text)} characters", f"{COUNT} words", "Type the words only.")
    found = re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).casefold())
    numbers = tuple(_number(position, token) for position, token in enumerate(found, start=1))
    if len(numbers) != COUNT:
        raise WordsRefused(0, f"{len(numbers)} words", f"{COUNT} words", "Have all of them read out again.")
    return numbers


def words_match(numbers: tuple[int, ...], identity: bytes) -> bool:
    """Whether parsed words are those of `identity`, compared in constant time."""
    return hmac.compare_digest(_octets(numbers), _octets(numbers_of(identity)))


def _octets(numbers: tuple[int, ...]) -> bytes:
    return b"".join(number.to_bytes(2, "big") for number in numbers)


def _number(position: int, token: str) -> int:
    if token.isdecimal():
        # Longer than four digits it is no number of the list, however many there are of them.
        number = int(token) if len(token) <= 4 else 0
        if 1 <= number <= LIST_LENGTH:
            return number
        raise WordsRefused(position, token[:20], f"a number from 1 to {LIST_LENGTH}", "Have it read out again.")
    known = _positions().get(token)
    if known is not None:
        return known
    near = difflib.get_close_matches(token[:20], word_list(), n=1, cutoff=0.5)
    suggestion = f"Did you mean '{near[0]}'? " if near else ""
    raise WordsRefused(position, f"'{token[:20]}'", "a word of the list", suggestion + "Have it read out again.")
