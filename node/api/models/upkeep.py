"""Alarms, checks and the version."""

from typing import Any

from pydantic import BaseModel

from node.api.models.values import MESSAGE_ID, Instant, example

_ALARM: dict[str, Any] = {
    "id": "380216543210987655", "time": "2026-04-19T08:12:31.000Z", "kind": "given-up", "peer": "FRA-MOI",
    "message": MESSAGE_ID, "detail": "no receipt within 48 hours", "settled": None, "note": None,
}  # fmt: skip


class Alarm(BaseModel):
    """Something that waits, or waited, for a person."""

    model_config = example(_ALARM)
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

    model_config = example({"check": "database", "ok": True, "found": "it can be written", "remedy": None})
    check: str
    ok: bool
    found: str
    remedy: str | None


class Version(BaseModel):
    """The version of the program, and of this interface."""

    model_config = example({"version": "0.1.0"})
    version: str
