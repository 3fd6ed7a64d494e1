"""What commands and the programming interface tell of machine-readable lines and of names: values for JSON.

Nothing is looked up and nothing kept: all that is told stands in what was given.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from node.records.persons.mrz import Mrz, read_mrz
from node.records.persons.transliteration import propose


def tell_mrz(lines: Sequence[str], today: date) -> dict[str, Any]:
    """What the lines of a travel document or visa say, and under `problems` what does not agree (ICAO Doc 9303).

    `nationality_in_record` is the code that a record holds, None where none does, as for a State that is no more.
    Raises MrzError as `read_mrz`.
    """
    read: Mrz = read_mrz(lines, today)
    code = read.nationality_code
    return {
        "valid": read.valid,
        "format": read.format,
        "document": read.document,
        "issuer": read.issuer,
        "number": read.number,
        "primary": read.primary,
        "secondary": read.secondary,
        "truncated": read.truncated,
        "nationality": read.nationality,
        "nationality_in_record": None if code is None or code.former else code.in_record,
        "birth": str(read.birth),
        "sex": read.sex,
        "expiry": str(read.expiry),
        "optional": [*read.optional],
        "problems": [asdict(problem) for problem in read.problems],
    }


def tell_latin(name: str, language: str) -> dict[str, Any]:
    """What a name is in Latin letters: {document, language, unknown}, as `propose` has them."""
    proposal = propose(name, language)
    return {"document": proposal.document, "language": proposal.language, "unknown": [*proposal.unknown]}
