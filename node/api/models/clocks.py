"""What is due, figures, and acts on paper."""

from typing import Any, Literal

from pydantic import BaseModel

from node.api.models.values import CASE_ID, Instant, example

_FIGURE: dict[str, Any] = {
    "level": "outcome", "year": 2026, "partner": "SRB-MOI", "procedure": "example", "outcome": "accepted", "cases": 41,
    "median_days": 9.5, "longest_days": 31, "overdue": 6, "deemed": 0,
}  # fmt: skip


_DUE: dict[str, Any] = {
    "case": "2026-0417", "act": "Answer", "awaits": "theirs", "started": "2026-04-17T08:12:32.117Z",
    "end": "2026-04-27T22:00:00.000Z", "latest_end": "2026-04-27T22:00:00.000Z", "left_seconds": 741600, "over": False,
    "undelivered": False, "first": False, "silence": "accepted", "unit": None, "officer": None, "reach": "officer",
    "own_rule": False,
}  # fmt: skip


class Due(BaseModel):
    """A deadline that runs or is over."""

    model_config = example(_DUE)
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
    own_rule: bool


class Figure(BaseModel):
    """A line of the figures; null for a number that is hidden, and for what a total is not by."""

    model_config = example(_FIGURE)
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


_ACT: dict[str, Any] = {"id": "380216543210987656", "act": "reply", "persons": ["p1"]}


class PaperAct(BaseModel):
    """One act of what was recorded."""

    model_config = example(_ACT)
    id: str
    act: str
    persons: list[str]


class OnPaper(BaseModel):
    """What is recorded on paper in a case; `id` and `act` are those of the first of `acts`."""

    model_config = example(
        {
            "id": "380216543210987656", "case": CASE_ID, "number": "2026-0417", "act": "reply", "channel": "fax",
            "done": "2026-04-17T08:30:00.000Z", "received": None, "scans": 1,
            "acts": [_ACT],
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
    acts: list[PaperAct]
