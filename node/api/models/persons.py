"""Persons who are looked for, and the links between them."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from node.api.models.cases import PersonLink
from node.api.models.values import MESSAGE_ID, Text, example

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
