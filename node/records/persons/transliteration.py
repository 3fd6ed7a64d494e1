"""Names in two scripts: Latin letters proposed for a name in its own, by language; a person decides.

`document` is how a travel document has it (ICAO Doc 9303 part 3 section 6), in capital letters without diacritics;
`language` how the language itself writes it in Latin letters, where it has such.
"""

import csv
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

CYRILLIC = "icao-9303-transliteration-cyrillic.csv"
LATIN = "icao-9303-transliteration-latin.csv"
SERBIAN = "serbian-latin.csv"
# Languages that write Ä, Ö, Ü, Å, Ø with a second letter where they cannot write them.
_EXPANDING = frozenset({"de", "da", "fi", "is", "et", "nb", "nn", "no", "sv"})
_SERBIAN = frozenset({"sr", "bs", "cnr", "hr", "sh"})
# Romanian has a comma below S and T; the standard's table has the cedilla, which older machines wrote for it.
_CEDILLA = str.maketrans("ȘȚ", "ŞŢ")
_KEPT = frozenset(" -'’ʼ.,")


@dataclass(frozen=True, slots=True)
class Proposal:
    """`unknown` are letters that no table has: they are left as they are, for a person to write."""

    document: str
    language: str | None
    unknown: tuple[str, ...]


def propose(name: str, language: str) -> Proposal:
    """What a name in any script is in Latin letters. `language` is a tag as `mk`, `sr-Cyrl`, `de`."""
    main = language.lower().partition("-")[0]
    capitals = _capitals(name).translate(_CEDILLA)
    column = "sr" if main in _SERBIAN else "mk" if main == "mk" else "base"
    letters = _cyrillic(column) | _latin("expanded" if main in _EXPANDING else "simple")
    if main in _SERBIAN:
        # By way of the language's own Latin letters: the standard's table has H for Г, which no such document has.
        letters |= {own: "".join(letters.get(one, one) for one in latin) for own, latin in _serbian().items()}
    written, unknown = [], []
    for letter in capitals:
        if letter in letters:
            written.append(letters[letter])
        else:
            written.append(letter)
            if not (letter in _KEPT or (letter.isascii() and letter.isalpha())):
                unknown.append(letter)
    own = None
    if main in _SERBIAN and any(letter in _serbian() for letter in capitals):
        own = _like(name, [_serbian().get(letter, letter) for letter in capitals])
    return Proposal("".join(written), own, tuple(dict.fromkeys(unknown)))


def _capitals(name: str) -> str:
    """Capital letters, one sign each where there is one; ß stays one letter, as the tables have it."""
    composed = unicodedata.normalize("NFC", name).replace("ß", "ẞ")
    return "".join(letter if letter == "ẞ" else letter.upper() for letter in composed)


def _like(name: str, letters: list[str]) -> str:
    """The letters in the case of the name: Ђорђе → Đorđe, ЂОРЂЕ → ĐORĐE, Љиља → Ljilja."""
    composed = unicodedata.normalize("NFC", name)
    if len(composed) != len(letters) or composed.isupper():
        return "".join(letters)
    pairs = zip(composed, letters, strict=True)
    return "".join(written.capitalize() if own.isupper() else written.lower() for own, written in pairs)


def _table(file: str) -> list[dict[str, str]]:
    text = resources.files("node.records").joinpath("data", file).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@lru_cache(maxsize=4)
def _cyrillic(column: str) -> dict[str, str]:
    return {row["char"].upper(): row[column] for row in _table(CYRILLIC)}


@lru_cache(maxsize=2)
def _latin(column: str) -> dict[str, str]:
    return {row["char"]: row[column] for row in _table(LATIN)}


@lru_cache(maxsize=1)
def _serbian() -> dict[str, str]:
    return {row["char"]: row["latin"] for row in _table(SERBIAN)}
