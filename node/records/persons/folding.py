"""Finding a name however it was written: over scripts, diacritics and spellings, by three letters of it or more.

A name is cut into letters and pairs of letters, each with the ways in which it is read (`data/name-variants.csv`). The
index of a record holds every three letters in a row of every reading. A query is found where all threes of one of its
readings are in the index; `spells` then tells those that only look so. What is kept of them is for others to seal.
"""

import csv
import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import resources
from itertools import product

from node.records.persons.transliteration import propose

VARIANTS = "name-variants.csv"
GRAM = 3
_ALONE = "·"  # stands on both sides of a word too short for three letters
_VOWELS = "aeiouy"
_APOSTROPHES = "'’ʼ`"
_WITHOUT_APOSTROPHES = str.maketrans("", "", _APOSTROPHES)
_APART_IN_ASCII = re.compile("[^a-z]+")
_LONGEST_NAME = 300  # letters; a record's schema allows fewer
_MOST_READINGS = 256  # of a query; beyond them only the commonest reading of its last letters counts
Units = Sequence[tuple[str, ...]]
"""One entry for each letter or pair of letters: its readings, the commonest first."""


def name_grams(name: str) -> frozenset[str]:
    """All threes of every reading of a name, over its words too (`al Basri` is found by `alba`). Empty for no letter.

    A word too short for three letters stands by itself between two dots.
    """
    words = _words(name)
    units = [unit for word in words for unit in word]
    found = _threes(units)
    for word in words:
        found.update(f"{_ALONE}{reading}{_ALONE}" for reading in _readings(word) if 0 < len(reading) < GRAM)
    return frozenset(found)


def query_grams(query: str) -> tuple[tuple[frozenset[str], ...], ...]:
    """What to look for: for each word of the query the readings, each as the threes that must all be there."""
    return tuple(
        tuple(dict.fromkeys(_grams_of(reading) for reading in _worth(_readings(word)))) for word in _words(query)
    )


def may_be_found(query: str, grams: frozenset[str]) -> bool:
    """Whether a record with these threes may hold a name that the query spells."""
    words = query_grams(query)
    return bool(words) and all(any(wanted <= grams for wanted in readings) for readings in words)


def spells(query: str, name: str) -> bool:
    """Whether each word of the query stands in some reading of the name: a part of three letters or a whole word."""
    words, parts = _words(name), _words(query)
    units = [unit for word in words for unit in word]
    return bool(parts) and all(
        any(
            _stands_in(reading, units) if len(reading) >= GRAM else any(reading in _readings(word) for word in words)
            for reading in _worth(_readings(part))
        )
        for part in parts
    )


def same_name(one: str, other: str) -> bool:
    """Whether two ways to write a name, perhaps in two scripts, read alike: word by word, none left over."""
    plain, others_plain = _plain_words(one), _plain_words(other)
    if plain == others_plain:
        return any(word.isascii() or _units(word) for word in plain)
    words, others = _in_units(plain), _in_units(others_plain)
    return len(words) == len(others) > 0 and all(
        not set(_readings(word)).isdisjoint(_readings(against)) for word, against in zip(words, others, strict=True)
    )


def _words(name: str) -> list[Units]:
    """The words of a name as units."""
    return _in_units(_plain_words(name))


def _plain_words(name: str) -> list[str]:
    """The words of a name in small letters; what stands between letters ends a word, an apostrophe does not."""
    if name.isascii():
        return _APART_IN_ASCII.sub(" ", name[:_LONGEST_NAME].translate(_WITHOUT_APOSTROPHES).lower()).split()
    text = unicodedata.normalize("NFC", name[:_LONGEST_NAME]).lower()
    return "".join([letter if letter.isalpha() else _in_word(letter) for letter in text]).split()


def _in_word(letter: str) -> str:
    if unicodedata.combining(letter):
        return letter
    return "" if letter in _APOSTROPHES else " "


def _in_units(words: Sequence[str]) -> list[Units]:
    return [units for word in words if (units := _units(word))]


def _units(word: str) -> Units:
    variants, sizes = _variants(), _sizes()
    units: list[tuple[str, ...]] = []
    at = 0
    while at < len(word):
        for size in sizes.get(word[at], ()):
            if unit := variants.get(word[at : at + size]):
                units.append(unit)
                break
        else:
            size = 1
            if plain := _plain(word[at]):
                units.append((plain,))
        # A doubled consonant may be written once: Bakalli, Bakali.
        again = word[at + size : at + size + 1]
        if again and again == word[at + size - 1] and again not in _VOWELS:
            if once := variants.get(again, (_plain(again),))[0]:
                units.append(("", once))
            at += 1
        at += size
    return units


@lru_cache(maxsize=4096)
def _plain(letter: str) -> str:
    """The letter without diacritics, in Latin."""
    if letter in _cyrillic():
        return _cyrillic()[letter]
    return "".join(one for one in unicodedata.normalize("NFKD", letter) if one.isalpha())


def _threes(units: Units) -> set[str]:
    found: set[str] = set()
    begun: set[str] = set()  # one or two letters that the units up to here end with, of each way to read
    for unit in units:
        further: set[str] = set()
        for reading in unit:
            texts = {before + reading for before in begun}
            texts.update(reading[at:] for at in range(len(reading)))
            for text in texts:
                if len(text) >= GRAM:
                    found.add(text[:GRAM])
                else:
                    further.add(text)
        begun = further
    return found


def _stands_in(wanted: str, units: Units) -> bool:
    """Whether some reading of the units has `wanted` in it."""
    reached: set[int] = set()  # how much of `wanted` has been read up to here, of each way to read
    for unit in units:
        further: set[int] = set()
        for reading in unit:
            starts = [(0, reading[begin:]) for begin in range(len(reading))]
            for offset, text in [*starts, *((offset, reading) for offset in reached)]:
                rest = wanted[offset:]
                if text.startswith(rest):
                    return True
                if rest.startswith(text):
                    further.add(offset + len(text))
        reached = further
    return False


def _readings(units: Units) -> tuple[str, ...]:
    """The readings of a word, the commonest first; of one with very many, only so many."""
    count, kept = 1, []
    for unit in units:
        count *= len(unit)
        kept.append(unit if count <= _MOST_READINGS else unit[:1])
        count = count if count <= _MOST_READINGS else count // len(unit)
    return tuple(dict.fromkeys("".join(reading) for reading in product(*kept)))


def _worth(readings: Sequence[str]) -> tuple[str, ...]:
    """Readings of three letters or more where there are such; else the short ones, which are looked for alone."""
    long = tuple(reading for reading in readings if len(reading) >= GRAM)
    return long or tuple(reading for reading in readings if reading)


def _grams_of(reading: str) -> frozenset[str]:
    if len(reading) < GRAM:
        return frozenset({f"{_ALONE}{reading}{_ALONE}"})
    return frozenset(reading[at : at + GRAM] for at in range(len(reading) - GRAM + 1))


@lru_cache(maxsize=1)
def _variants() -> Mapping[str, tuple[str, ...]]:
    text = resources.files("node.records").joinpath("data", VARIANTS).read_text(encoding="utf-8")
    return {
        unicodedata.normalize("NFC", row["written"]): tuple(row["read_as"].split()) or ("",)
        for row in csv.DictReader(text.splitlines())
    }


@lru_cache(maxsize=1)
def _sizes() -> Mapping[str, tuple[int, ...]]:
    """How many letters the variants have that begin with a letter, the longest first."""
    sizes: dict[str, set[int]] = {}
    for written in _variants():
        sizes.setdefault(written[0], set()).add(len(written))
    return {letter: tuple(sorted(found, reverse=True)) for letter, found in sizes.items()}


@lru_cache(maxsize=1)
def _cyrillic() -> Mapping[str, str]:
    """Every Cyrillic letter that the tables of documents have, in small Latin letters."""
    letters = [chr(point) for point in range(0x0400, 0x0500)]
    return {letter: found.document.lower() for letter in letters if not (found := propose(letter, "mk")).unknown}
