"""What travel documents say: machine-readable lines, and names in Latin letters."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from node.api.models.values import PRINTABLE, Text, example

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
