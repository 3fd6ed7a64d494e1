"""Cases, and what a second look at their records finds."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from node.api.models.messages import MESSAGE, Message
from node.api.models.values import CASE_ID, MESSAGE_ID, Instant, Text, example

_CASE: dict[str, Any] = {
    "id": CASE_ID, "number": "2026-0417", "opener": "SRB-MOI", "members": ["FRA-MOI", "SRB-MOI"], "domain": "example",
    "version": "1", "unit": None, "created": "2026-04-17T08:12:31.000Z", "changed": "2026-04-17T08:12:31.000Z",
    "message_count": 1,
}  # fmt: skip


_LOOK: dict[str, Any] = {
    "message": MESSAGE_ID, "field": "Evidence/Document/Line[2]", "rule": "mrz-other-number", "found": "A0123456",
    "expected": "the document's number A0123457",
    "remedy": "Compare the record with the document: one of the two is wrong.",
}  # fmt: skip


_EVIDENCE: dict[str, Any] = {
    "message": MESSAGE_ID, "persons": ["p1"], "code": "passport", "issued": "2019-04-16", "about": "nationality",
    "strength": "proof", "at_best": "proof", "doubts": [], "by": ["EC-Example annex 1"], "terms": "EC–Example",
}  # fmt: skip


class Case(BaseModel):
    """A case."""

    model_config = example(_CASE)
    id: str
    number: str
    opener: str
    members: list[str]
    domain: str | None
    version: str | None
    unit: str | None
    created: Instant
    changed: Instant
    message_count: int


class ListedCase(Case):
    """A case with its state and next deadline by its procedure; null where it runs by none."""

    model_config = example(_CASE | {"state": "requested", "next_deadline": "2026-04-27T22:00:00.000Z"})
    state: str | None
    next_deadline: Instant | None


class SecondLook(BaseModel):
    """What a person should look at again in a record: it contradicts itself, or does not count."""

    model_config = example(_LOOK)
    message: str
    field: str
    rule: str
    found: str
    expected: str
    remedy: str


class WeighedEvidence(BaseModel):
    """How a piece of evidence counts by the terms in use: null for what it does not count as, or about."""

    model_config = example(_EVIDENCE)
    message: str
    persons: list[str]
    code: str
    issued: str | None
    about: str | None
    strength: str | None
    at_best: str | None
    doubts: list[str]
    by: list[str]
    terms: str


class PersonLink(BaseModel):
    """What was said of a person of this case and another one."""

    model_config = example({"as": "twin", "with": "2026-0502/p2", "since": "2026-05-02T09:00:00.000Z"})
    kind: Literal["same", "another", "twin"] = Field(alias="as")
    with_: str = Field(alias="with")
    since: Instant


class CaseLink(PersonLink):
    """What was said of a person (its id within the case) and another one."""

    model_config = example({"person": "p1", "as": "twin", "with": "2026-0502/p2", "since": "2026-05-02T09:00:00.000Z"})
    person: str


class CaseWithMessages(Case):
    """A case with its messages in order, and how it stands by its procedure: null where it runs by none, and for
    programs that may not read who it is about. What its records say of persons and their evidence, looked at again:
    null for programs that may not read records."""

    model_config = example(
        _CASE | {"messages": [MESSAGE], "procedure": None, "second_look": [_LOOK], "evidence": [_EVIDENCE], "links": []}
    )
    messages: list[Message]
    procedure: dict[str, Any] | None
    second_look: list[SecondLook] | None
    evidence: list[WeighedEvidence] | None
    links: list[CaseLink] | None


class CaseGiven(BaseModel):
    """Whose a case is to be: an officer or head by the name that the log has for the account; null for nobody."""

    model_config = example({"officer": "account-0f2c6f4e95b14d2a"}, strict=True)
    officer: Text | None


class AssignedCase(BaseModel):
    """Whose a case is."""

    model_config = example({"case": CASE_ID, "number": "2026-0417", "officer": "account-0f2c6f4e95b14d2a"})
    case: str
    number: str
    officer: str | None
