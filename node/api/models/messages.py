"""Messages, their parts, and what a person decides of one."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from node.api.models.values import CASE_ID, MESSAGE_ID, Instant, Note, State, example

PART = {"name": "application.xml", "media_type": "application/xml", "size": 2143, "sha256": "9f" * 32, "scan": None}


MESSAGE: dict[str, Any] = {
    "id": MESSAGE_ID, "direction": "out", "state": "delivered", "peer": "FRA-MOI", "service": "urn:depesha:example:1",
    "action": "Application", "agreement": None, "case": CASE_ID, "time": "2026-04-17T08:12:31.000Z",
    "receipt_time": "2026-04-17T08:12:32.117Z", "attempts": 1, "log_index": 41, "error": None, "parts": [PART],
}  # fmt: skip


class ErrorSignal(BaseModel):
    """Why a message was not delivered, or not taken in."""

    code: str
    detail: str | None


class Scan(BaseModel):
    """What a virus scanner said of a part; `found` is what an infected one has in it, or why there is no verdict."""

    model_config = example({"verdict": "clean", "found": None, "at": "2026-04-17T08:12:35.000Z"})
    verdict: Literal["clean", "infected", "failed"]
    found: str | None
    at: Instant


class Part(BaseModel):
    """A part; size and digest are of its content. A name is given only to those who may read records."""

    model_config = example(PART)
    name: str | None
    media_type: str | None
    size: int
    sha256: str
    scan: Scan | None = Field(description="null where it was not scanned (yet)")


class Message(BaseModel):
    """A message sent or received."""

    model_config = example(MESSAGE)
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

    model_config = example({"id": MESSAGE_ID, "case": CASE_ID, "state": "queued"})
    id: str
    case: str
    state: State


class Resent(BaseModel):
    """A message that is queued again; of a stale one another was made, which replaces it."""

    model_config = example({"id": MESSAGE_ID, "replaces": None, "state": "queued"})
    id: str
    replaces: str | None
    state: State


class Decided(BaseModel):
    """A message that a person has decided about."""

    model_config = example({"id": MESSAGE_ID, "state": "refused"})
    id: str
    state: State


class Noted(BaseModel):
    """A person's note, which stays in this node, sealed."""

    model_config = example({"note": "Told by telephone at 14:05"}, strict=True)
    note: Note
