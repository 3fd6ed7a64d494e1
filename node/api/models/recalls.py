"""What was sent to the wrong party: recalls, erasures, breaches."""

from typing import Literal

from pydantic import BaseModel

from node.api.models.values import CASE_ID, MESSAGE_ID, Instant, Moment, Note, Text, example


class RecallAsked(BaseModel):
    """Why a message is recalled, kept here, sealed; and since when it is known, without it since now."""

    model_config = example({"reason": "Meant for the other ministry.", "aware": "2026-04-17T09:00:00Z"}, strict=True)
    reason: Note
    aware: Moment | None = None


class Recalled(BaseModel):
    """A message that was recalled, the message that asks for its erasure, and the breach that was opened."""

    model_config = example(
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

    model_config = example({"place": "Belgrade", "office": "Readmission department"}, strict=True)
    place: Text
    office: Text
    kept: Note | None = None


class AnsweredRecall(BaseModel):
    """A message that was erased, or kept on a ground, and the message that says so."""

    model_config = example(
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

    model_config = example(
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

    model_config = example(
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

    model_config = example({"words": "Told under number 17.", "notified": "2026-04-18T09:00:00Z"}, strict=True)
    words: Note
    notified: Moment | None = None
