"""Persons who are looked for, and the links between them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from node.api.models.cases import PersonLink
from node.api.models.values import MESSAGE_ID, PRINTABLE, Text, example

_FOUND: dict[str, Any] = {
    "case": "2026-0417", "person": "p1", "name": "HOXHA, ARBEN", "native": None, "also": [], "born": ["1985-04-17"],
    "numbers": ["BX1234567"], "by": "name", "peer": "SRB-MOI", "message": MESSAGE_ID,
    "links": [{"as": "twin", "with": "2026-0502/p2", "since": "2026-05-02T09:00:00.000Z"}],
}  # fmt: skip


class FoundPerson(BaseModel):
    """A person who was found, as the newest record of its case describes it."""

    model_config = example(_FOUND)
    case: str
    person: str | None
    name: str
    native: str | None
    also: list[str]
    born: list[str]
    numbers: list[str]
    by: Literal["name", "number", "birth", "case"]
    peer: str
    message: str
    links: list[PersonLink]


class FoundPersons(BaseModel):
    """Persons who were found; `more`: there are others, of older records; `not_indexed`: records that are not in the
    index."""

    model_config = example({"found": [_FOUND], "more": False, "not_indexed": 0})
    found: list[FoundPerson]
    more: bool
    not_indexed: int


class PersonsAsked(BaseModel):
    """Who is looked for: three letters or more of a name, a number, a date, or a name and a date."""

    model_config = example({"text": "Hoxha 1985"}, strict=True)
    text: Text


class PersonsLinked(BaseModel):
    """Two persons, each a case and a person of it, and what they are."""

    model_config = example({"one": "2026-0417/p1", "other": "2026-0502/p2", "as": "twin"}, strict=True)
    one: Text
    other: Text
    kind: Literal["same", "another", "twin"] = Field(alias="as")


class LinkedPersons(BaseModel):
    """What is remembered of two persons, and what was before."""

    model_config = example({"one": "2026-0417/p1", "other": "2026-0502/p2", "as": "twin", "before": None})
    one: str
    other: str
    kind: Literal["same", "another", "twin"] = Field(alias="as")
    before: Literal["same", "another", "twin"] | None


Line = Annotated[str, StringConstraints(max_length=100, pattern=PRINTABLE)]
Language = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)]


class MrzLines(BaseModel):
    """The two or three lines at the foot of a passport, card or visa."""

    model_config = example(
        {"lines": ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"]},
        strict=True,
    )
    lines: list[Line] = Field(min_length=2, max_length=3)


class MrzProblem(BaseModel):
    """What does not agree in one field; `line` and `position` count from 1."""

    model_config = example(
        {
            "field": "number", "line": 2, "position": 10, "found": "7", "expected": "the check digit 6",
            "remedy": "Compare with the document.",
        }
    )  # fmt: skip
    field: str
    line: int
    position: int
    found: str
    expected: str
    remedy: str


class MrzRead(BaseModel):
    """What the lines say; dates as records have them (`1974-08-12`, `1974-08`, `1974`, `unknown`).

    `truncated`: the name fills its field. `nationality_in_record` is the code that a record holds.
    """

    model_config = example(
        {
            "valid": True, "format": "TD3", "document": "P", "issuer": "UTO", "number": "L898902C3",
            "primary": "ERIKSSON", "secondary": "ANNA MARIA", "truncated": False, "nationality": "UTO",
            "nationality_in_record": "UTO", "birth": "1974-08-12", "sex": "F", "expiry": "2012-04-15",
            "optional": ["ZE184226B"], "problems": [],
        }
    )  # fmt: skip
    valid: bool
    format: str
    document: str
    issuer: str
    number: str
    primary: str
    secondary: str
    truncated: bool
    nationality: str
    nationality_in_record: str | None
    birth: str
    sex: Literal["F", "M", "X"]
    expiry: str
    optional: list[str]
    problems: list[MrzProblem]


class NameInScript(BaseModel):
    """A name in its own script, and the tag of its language."""

    model_config = example({"name": "Ђорђевић", "language": "sr"}, strict=True)
    name: Text
    language: Language


class LatinName(BaseModel):
    """A name in Latin letters: as travel documents have it, and as the language itself writes it, where it does.

    `unknown` are letters that no table has; they were left as they are.
    """

    model_config = example({"document": "DORDEVIC", "language": "Đorđević", "unknown": []})
    document: str
    language: str | None
    unknown: list[str]
