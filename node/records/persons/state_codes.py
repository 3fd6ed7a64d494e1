"""Codes of States and of persons without nationality: those of travel documents (ICAO Doc 9303 part 3) and of records.

Kosovo is written XKX in a record; travel documents also have RKS, XXK and UNK, which are accepted in. The designation
is without prejudice to positions on status, and is in line with UNSCR 1244/1999.
"""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from types import MappingProxyType

CODES = "icao-9303-codes.csv"
WITHOUT_NATIONALITY = "person without nationality"
FORMER = "former"


@dataclass(frozen=True, slots=True)
class StateCode:
    """`in_record` is what a record holds in its place; the code itself where nothing else."""

    code: str
    kind: str
    name: str
    in_record: str

    @property
    def without_nationality(self) -> bool:
        """Whether it stands for a person without one (XXA stateless, XXB and XXC refugees, XXX unspecified)."""
        return self.kind == WITHOUT_NATIONALITY

    @property
    def former(self) -> bool:
        """Whether it stands for a State that is no more (ISO 3166-3): documents show it, no record holds it."""
        return self.kind == FORMER


def state_code(code: str) -> StateCode | None:
    """What a code of a travel document stands for, fillers at its end left out (`D<<`); None where it is none."""
    return _codes().get(code.upper().rstrip("<"))


def record_code(code: str) -> str:
    """What a record holds for a code of a travel document: `D` → DEU, RKS, XXK and UNK → XKX; unknown ones as given."""
    found = state_code(code)
    return code if found is None else found.in_record


def nationalities(codes: Iterable[str]) -> tuple[str, ...]:
    """Several nationalities as a record holds them: each once, in the order given."""
    return tuple(dict.fromkeys(map(record_code, codes)))


@lru_cache(maxsize=1)
def _codes() -> Mapping[str, StateCode]:
    text = resources.files("node.records").joinpath("data", CODES).read_text(encoding="utf-8")
    return MappingProxyType(
        {
            row["code"]: StateCode(row["code"], row["kind"], row["name_en"], row["in_record"] or row["code"])
            for row in csv.DictReader(text.splitlines())
        }
    )
