"""What goes in and out, by the keys of the commands' `--json`; from these the OpenAPI description is made."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
Text = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=PRINTABLE)]
Note = Annotated[
    str,
    StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"),
    Field(description="What was found, or how we know; name no person.", examples=["Told by telephone at 14:05"]),
]
State = Literal[
    "queued", "sending", "delivered", "unconfirmed", "refused", "stale", "given-up", "received", "rejected"
]  # fmt: skip
Instant = Annotated[str, Field(description="RFC 3339, UTC", examples=["2026-04-17T08:12:31.000Z"])]

Moment = Annotated[
    str,
    StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)$"),
    Field(description="RFC 3339, with its zone", examples=["2026-04-17T09:00:00+02:00"]),
]

MESSAGE_ID = "0f2c6f4e-95b1-4d2a-9d1c-2f1f2f1a7c55@depesha"
CASE_ID = "7b9a3c1e-0a55-4f1a-8f0e-6a4c1f1d2b3c"
_PART = {"name": "application.xml", "media_type": "application/xml", "size": 2143, "sha256": "9f" * 32, "scan": None}
_MESSAGE: dict[str, Any] = {
    "id": MESSAGE_ID, "direction": "out", "state": "delivered", "peer": "FRA-MOI", "service": "urn:depesha:example:1",
    "action": "Application", "agreement": None, "case": CASE_ID, "time": "2026-04-17T08:12:31.000Z",
    "receipt_time": "2026-04-17T08:12:32.117Z", "attempts": 1, "log_index": 41, "error": None, "parts": [_PART],
}  # fmt: skip
_CASE: dict[str, Any] = {
    "id": CASE_ID, "number": "2026-0417", "opener": "SRB-MOI", "members": ["FRA-MOI", "SRB-MOI"], "domain": "example",
    "version": "1", "unit": None, "created": "2026-04-17T08:12:31.000Z", "changed": "2026-04-17T08:12:31.000Z",
    "message_count": 1,
}  # fmt: skip
_FOUND: dict[str, Any] = {
    "case": "2026-0417", "person": "p1", "name": "HOXHA, ARBEN", "native": None, "also": [], "born": ["1985-04-17"],
    "numbers": ["BX1234567"], "by": "name", "peer": "SRB-MOI", "message": MESSAGE_ID,
    "links": [{"as": "twin", "with": "2026-0502/p2", "since": "2026-05-02T09:00:00.000Z"}],
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
_FIGURE: dict[str, Any] = {
    "level": "outcome", "year": 2026, "partner": "SRB-MOI", "procedure": "example", "outcome": "accepted", "cases": 41,
    "median_days": 9.5, "longest_days": 31, "overdue": 6, "deemed": 0,
}  # fmt: skip
_DUE: dict[str, Any] = {
    "case": "2026-0417", "act": "Answer", "awaits": "theirs", "started": "2026-04-17T08:12:32.117Z",
    "end": "2026-04-27T22:00:00.000Z", "latest_end": "2026-04-27T22:00:00.000Z", "left_seconds": 741600, "over": False,
    "undelivered": False, "first": False, "silence": "accepted", "unit": None, "officer": None, "reach": "officer",
}  # fmt: skip
_PEER: dict[str, Any] = {
    "party": "FRA-MOI", "party_type": None, "name": "Ministry of the Interior · France", "country": "FRA",
    "kind": "card", "state": "confirmed", "url": "https://depesha.interior.example/as4", "suite": "eddsa-x25519",
    "card_serial": 1,
}  # fmt: skip
_PAIR = {"service": "urn:depesha:example:1", "service_type": None, "action": "Application"}
_AGREEMENT: dict[str, Any] = {
    "id": "380216543210987654", "ref": None, "peer": "FRA-MOI", "kind": "unilateral", "state": "in force",
    "pairs": [_PAIR],
}  # fmt: skip
_ALARM: dict[str, Any] = {
    "id": "380216543210987655", "time": "2026-04-19T08:12:31.000Z", "kind": "given-up", "peer": "FRA-MOI",
    "message": MESSAGE_ID, "detail": "no receipt within 48 hours", "settled": None, "note": None,
}  # fmt: skip


def _example(value: dict[str, Any], strict: bool = False) -> ConfigDict:
    return ConfigDict(extra="forbid" if strict else "ignore", json_schema_extra={"examples": [value]})


class ErrorSignal(BaseModel):
    """Why a message was not delivered, or not taken in."""

    code: str
    detail: str | None


class Scan(BaseModel):
    """What a virus scanner said of a part; `found` is what an infected one has in it, or why there is no verdict."""

    model_config = _example({"verdict": "clean", "found": None, "at": "2026-04-17T08:12:35.000Z"})
    verdict: Literal["clean", "infected", "failed"]
    found: str | None
    at: Instant


class Part(BaseModel):
    """A part; size and digest are of its content. A name is given only to those who may read records."""

    model_config = _example(_PART)
    name: str | None
    media_type: str | None
    size: int
    sha256: str
    scan: Scan | None = Field(description="null where it was not scanned (yet)")


class Message(BaseModel):
    """A message sent or received."""

    model_config = _example(_MESSAGE)
    id: str
    direction: Literal["out", "in"]
    state: State
    peer: str
    service: str
    action: str
    agreement: str | None
    case: str
    time: Instant
    receipt_time: Instant | None
    attempts: int
    log_index: int | None
    error: ErrorSignal | None
    parts: list[Part]


class Sent(BaseModel):
    """A message that is durably queued."""

    model_config = _example({"id": MESSAGE_ID, "case": CASE_ID, "state": "queued"})
    id: str
    case: str
    state: State


class Resent(BaseModel):
    """A message that is queued again; of a stale one another was made, which replaces it."""

    model_config = _example({"id": MESSAGE_ID, "replaces": None, "state": "queued"})
    id: str
    replaces: str | None
    state: State


class Decided(BaseModel):
    """A message that a person has decided about."""

    model_config = _example({"id": MESSAGE_ID, "state": "refused"})
    id: str
    state: State


class Noted(BaseModel):
    """A person's note, which stays in this node, sealed."""

    model_config = _example({"note": "Told by telephone at 14:05"}, strict=True)
    note: Note


class RecallAsked(BaseModel):
    """Why a message is recalled, kept here, sealed; and since when it is known, without it since now."""

    model_config = _example({"reason": "Meant for the other ministry.", "aware": "2026-04-17T09:00:00Z"}, strict=True)
    reason: Note
    aware: Moment | None = None


class Recalled(BaseModel):
    """A message that was recalled, the message that asks for its erasure, and the breach that was opened."""

    model_config = _example(
        {
            "id": MESSAGE_ID, "request": MESSAGE_ID, "case": CASE_ID, "number": "2026-0417", "breach": "123",
            "end": "2026-04-20T09:00:00.000Z",
        }
    )  # fmt: skip
    id: str
    request: str
    case: str
    number: str
    breach: str
    end: Instant


class RecallAnswer(BaseModel):
    """Where and by which office the confirmation is signed; with `kept` it is not erased, on that ground."""

    model_config = _example({"place": "Belgrade", "office": "Readmission department"}, strict=True)
    place: Text
    office: Text
    kept: Note | None = None


class AnsweredRecall(BaseModel):
    """A message that was erased, or kept on a ground, and the message that says so."""

    model_config = _example(
        {
            "id": MESSAGE_ID, "request": MESSAGE_ID, "confirmation": MESSAGE_ID, "case": CASE_ID,
            "number": "2026-0417", "outcome": "erased",
        }
    )  # fmt: skip
    id: str
    request: str
    confirmation: str
    case: str
    number: str
    outcome: str


class Recall(BaseModel):
    """A message whose sender asked for its erasure; `direction` is that of the message."""

    model_config = _example(
        {
            "message": MESSAGE_ID, "request": MESSAGE_ID, "confirmation": None, "direction": "in", "peer": "mup.srb",
            "case": CASE_ID, "number": "2026-0417", "unit": None, "asked": "2026-04-17T09:00:00.000Z",
            "end": "2026-04-20T09:00:00.000Z", "answered": None, "outcome": None,
        }
    )  # fmt: skip
    message: str
    request: str
    confirmation: str | None
    direction: Literal["out", "in"]
    peer: str
    case: str
    number: str
    unit: str | None
    asked: Instant
    end: Instant
    answered: Instant | None
    outcome: str | None


class Breach(BaseModel):
    """A breach of personal data, and until when the supervisory authority is to be told."""

    model_config = _example(
        {
            "id": "123", "message": MESSAGE_ID, "request": MESSAGE_ID, "peer": "mup.srb", "case": CASE_ID,
            "number": "2026-0417", "unit": None, "aware": "2026-04-17T09:00:00.000Z",
            "end": "2026-04-20T09:00:00.000Z", "over": False, "opened": "2026-04-17T09:05:00.000Z",
            "opened_by": "7c1f", "reason": "Meant for the other ministry.", "recall_answered": None,
            "recall_outcome": None, "closed": None, "closed_by": None, "outcome": None, "notified": None, "done": None,
        }
    )  # fmt: skip
    id: str
    message: str
    request: str
    peer: str
    case: str
    number: str
    unit: str | None
    aware: Instant
    end: Instant
    over: bool
    opened: Instant
    opened_by: str
    reason: str | None
    recall_answered: Instant | None
    recall_outcome: str | None
    closed: Instant | None
    closed_by: str | None
    outcome: Literal["notified", "not-needed"] | None
    notified: Instant | None
    done: str | None


class BreachClosing(BaseModel):
    """When the supervisory authority was told, and which under what number; without it, why it need not be."""

    model_config = _example({"words": "Told under number 17.", "notified": "2026-04-18T09:00:00Z"}, strict=True)
    words: Note
    notified: Moment | None = None


class Case(BaseModel):
    """A case."""

    model_config = _example(_CASE)
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

    model_config = _example(_CASE | {"state": "requested", "next_deadline": "2026-04-27T22:00:00.000Z"})
    state: str | None
    next_deadline: Instant | None


class SecondLook(BaseModel):
    """What a person should look at again in a record: it contradicts itself, or does not count."""

    model_config = _example(_LOOK)
    message: str
    field: str
    rule: str
    found: str
    expected: str
    remedy: str


class WeighedEvidence(BaseModel):
    """How a piece of evidence counts by the terms in use: null for what it does not count as, or about."""

    model_config = _example(_EVIDENCE)
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

    model_config = _example({"as": "twin", "with": "2026-0502/p2", "since": "2026-05-02T09:00:00.000Z"})
    kind: Literal["same", "another", "twin"] = Field(alias="as")
    with_: str = Field(alias="with")
    since: Instant


class CaseLink(PersonLink):
    """What was said of a person (its id within the case) and another one."""

    model_config = _example({"person": "p1", "as": "twin", "with": "2026-0502/p2", "since": "2026-05-02T09:00:00.000Z"})
    person: str


class CaseWithMessages(Case):
    """A case with its messages in order, and how it stands by its procedure: null where it runs by none, and for
    programs that may not read who it is about. What its records say of persons and their evidence, looked at again:
    null for programs that may not read records."""

    model_config = _example(
        _CASE
        | {"messages": [_MESSAGE], "procedure": None, "second_look": [_LOOK], "evidence": [_EVIDENCE], "links": []}
    )
    messages: list[Message]
    procedure: dict[str, Any] | None
    second_look: list[SecondLook] | None
    evidence: list[WeighedEvidence] | None
    links: list[CaseLink] | None


class CaseGiven(BaseModel):
    """Whose a case is to be: an officer or head by the name that the log has for the account; null for nobody."""

    model_config = _example({"officer": "account-0f2c6f4e95b14d2a"}, strict=True)
    officer: Text | None


class AssignedCase(BaseModel):
    """Whose a case is."""

    model_config = _example({"case": CASE_ID, "number": "2026-0417", "officer": "account-0f2c6f4e95b14d2a"})
    case: str
    number: str
    officer: str | None


class FoundPerson(BaseModel):
    """A person who was found, as the newest record of its case describes it."""

    model_config = _example(_FOUND)
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

    model_config = _example({"found": [_FOUND], "more": False, "not_indexed": 0})
    found: list[FoundPerson]
    more: bool
    not_indexed: int


class PersonsAsked(BaseModel):
    """Who is looked for: three letters or more of a name, a number, a date, or a name and a date."""

    model_config = _example({"text": "Hoxha 1985"}, strict=True)
    text: Text


class PersonsLinked(BaseModel):
    """Two persons, each a case and a person of it, and what they are."""

    model_config = _example({"one": "2026-0417/p1", "other": "2026-0502/p2", "as": "twin"}, strict=True)
    one: Text
    other: Text
    kind: Literal["same", "another", "twin"] = Field(alias="as")


class LinkedPersons(BaseModel):
    """What is remembered of two persons, and what was before."""

    model_config = _example({"one": "2026-0417/p1", "other": "2026-0502/p2", "as": "twin", "before": None})
    one: str
    other: str
    kind: Literal["same", "another", "twin"] = Field(alias="as")
    before: Literal["same", "another", "twin"] | None


class Due(BaseModel):
    """A deadline that runs or is over."""

    model_config = _example(_DUE)
    case: str
    act: str
    awaits: str
    started: Instant
    end: Instant
    latest_end: Instant
    left_seconds: int
    over: bool
    undelivered: bool
    first: bool
    silence: str
    unit: str | None
    officer: str | None
    reach: str


class Figure(BaseModel):
    """A line of the figures; null for a number that is hidden, and for what a total is not by."""

    model_config = _example(_FIGURE)
    level: Literal["all", "year", "partner", "procedure", "outcome"]
    year: int | None
    partner: str | None
    procedure: str | None
    outcome: str | None
    cases: int | None
    median_days: float | None
    longest_days: int | None
    overdue: int | None
    deemed: int | None


class OnPaper(BaseModel):
    """An act on paper that is recorded in a case."""

    model_config = _example(
        {
            "id": "380216543210987656", "case": CASE_ID, "number": "2026-0417", "act": "reply", "channel": "fax",
            "done": "2026-04-17T08:30:00.000Z", "received": None, "scans": 1,
        }
    )  # fmt: skip
    id: str
    case: str
    number: str
    act: str
    channel: str
    done: Instant
    received: Instant | None
    scans: int


class Finding(BaseModel):
    """Something that is wrong with a record."""

    model_config = _example(
        {
            "file": "application.xml", "line": 12, "field": "Person/DateOfBirth", "found": "1974-13-12",
            "expected": "a date", "remedy": "Write it as YYYY-MM-DD.",
        }
    )  # fmt: skip
    file: str
    line: int
    field: str
    found: str
    expected: str
    remedy: str


class Domain(BaseModel):
    """A domain that this node has, with the records that can be exchanged in it."""

    model_config = _example(
        {
            "name": "example", "version": "1", "service": "urn:depesha:example:1", "title": "An example",
            "digest": "9f" * 32, "records": ["Application", "Answer"],
        }
    )  # fmt: skip
    name: str
    version: str
    service: str
    title: str
    digest: str
    records: list[str]


class NewRecord(BaseModel):
    """An empty record to fill, as XML."""

    model_config = _example({"domain": "example", "record": "Answer", "content": '<?xml version="1.0" …'})
    domain: str
    record: str
    content: str


class Partner(BaseModel):
    """A partner: a peer of this node, or one on paper."""

    model_config = _example(_PEER)
    party: str
    party_type: str | None
    name: str
    country: str | None
    kind: str
    state: str
    url: str | None
    suite: str | None
    card_serial: int | None


class Certificate(BaseModel):
    """A certificate that is held of a partner."""

    use: str
    subject: str
    sha256: str
    not_before: Instant
    not_after: Instant
    revoked: Instant | None


class PartnerWithTrust(Partner):
    """A partner with its words, certificates, and the numbers of its messages that are missing."""

    model_config = _example(_PEER | {"words": ["anchor"] * 8, "certificates": [], "missing": []})
    words: list[str]
    certificates: list[Certificate]
    missing: list[str]


class Card(BaseModel):
    """A partner's card, with its eight words if they were heard by telephone already."""

    model_config = _example({"card": "eyJhbGciOiJFZERTQSJ9.…", "words": None}, strict=True)
    card: Annotated[str, StringConstraints(min_length=1, max_length=200_000)]
    words: Text | None = None


class Words(BaseModel):
    """The eight words of a partner, or their numbers, as heard by telephone."""

    model_config = _example({"words": "anchor basin cable dune ember flint grove hazel"}, strict=True)
    words: Text


class Removed(BaseModel):
    """A partner from which nothing more is taken."""

    model_config = _example({"party": "FRA-MOI", "state": "removed"})
    party: str
    state: str


class Ping(BaseModel):
    """What came of a test message."""

    model_config = _example(
        {
            "party": "FRA-MOI",
            "id": MESSAGE_ID,
            "receipt": True,
            "receipt_time": "2026-04-17T08:12:32.117Z",
            "error": None,
        }
    )
    party: str
    id: str
    receipt: bool
    receipt_time: Instant | None
    error: ErrorSignal | None


class Pair(BaseModel):
    """A service and action that an agreement opens."""

    model_config = _example(_PAIR)
    service: str
    service_type: str | None
    action: str


class Agreement(BaseModel):
    """An agreement with a partner."""

    model_config = _example(_AGREEMENT)
    id: str
    ref: str | None
    peer: str
    kind: str
    state: str
    pairs: list[Pair]


class NewPair(BaseModel):
    """A pair of service and action to be opened by our own word."""

    model_config = _example({"peer": "FRA-MOI", "ref": None, **_PAIR}, strict=True)
    peer: Text
    ref: Text | None = None
    service: Text
    service_type: Text | None = None
    action: Text


class Ended(BaseModel):
    """An agreement that has ended, and how many messages that waited under it will not be sent."""

    model_config = _example({"id": "380216543210987654", "state": "ended", "refused": 0})
    id: str
    state: str
    refused: int


class Alarm(BaseModel):
    """Something that waits, or waited, for a person."""

    model_config = _example(_ALARM)
    id: str
    time: Instant
    kind: str
    peer: str | None
    message: str | None
    detail: str
    settled: Instant | None
    note: str | None


class Check(BaseModel):
    """A check of the node."""

    model_config = _example({"check": "database", "ok": True, "found": "it can be written", "remedy": None})
    check: str
    ok: bool
    found: str
    remedy: str | None


class Version(BaseModel):
    """The version of the program, and of this interface."""

    model_config = _example({"version": "0.1.0"})
    version: str


class ProblemError(BaseModel):
    """What is wrong where; for records with file, line and rule, and the code that confirms a question."""

    field: str
    found: str
    expected: str
    remedy: str
    file: str | None = None
    line: int | None = None
    rule: str | None = None
    code: str | None = None


class Problem(BaseModel):
    """A refusal (RFC 9457)."""

    model_config = _example(
        {
            "type": "urn:depesha:problem:invalid-request", "title": "Something in the request is wrong", "status": 422,
            "detail": "limit: expected a number from 1 to 1000.",
            "errors": [
                {
                    "field": "limit", "found": "0", "expected": "a number from 1 to 1000",
                    "remedy": "Correct it and ask again.",
                }
            ],
        }
    )  # fmt: skip
    type: str
    title: str
    status: int
    detail: str
    reference: str | None = None
    errors: list[ProblemError] | None = None
