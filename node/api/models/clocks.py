"""What is due, figures, and acts on paper."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from node.api.models.values import CASE_ID, Instant, example

_FIGURE: dict[str, Any] = {
    "level": "outcome", "year": 2026, "partner": "SRB-MOI", "procedure": "example", "outcome": "accepted", "cases": 41,
    "median_days": 9.5, "longest_days": 31, "overdue": 6, "deemed": 0,
}  # fmt: skip


_DUE: dict[str, Any] = {
    "case": "2026-0417", "act": "Answer", "awaits": "theirs", "started": "2026-04-17T08:12:32.117Z",
    "end": "2026-04-27T22:00:00.000Z", "latest_end": "2026-04-27T22:00:00.000Z", "may_move": [], "left_seconds": 741600,
    "over": False, "undelivered": False, "first": False, "silence": "accepted", "unit": None, "officer": None,
    "reach": "officer", "own_rule": False,
}  # fmt: skip


class MayMove(BaseModel):
    """A day off, not certain yet, that may move an end; `calendar` says whose."""

    model_config = example({"day": "2026-12-08", "name": "Moon feast", "calendar": "theirs"})
    day: str
    name: str
    calendar: Literal["ours", "theirs"]


class Due(BaseModel):
    """A deadline that runs or is over."""

    model_config = example(_DUE)
    case: str
    act: str
    awaits: str
    started: Instant
    end: Instant
    latest_end: Instant
    may_move: list[MayMove]
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


_STEP: dict[str, Any] = {"person": "p1", "from": "applied", "to": "accepted"}
_MISFIT: dict[str, Any] = {
    "kind": "out-of-step", "persons": ["p2"], "reason": "no such act in the present state",
    "expected": "of the requested party in the state withdrawn: close-request",
    "taken": "nothing: it is kept and shown, and state and times stay as they are",
}  # fmt: skip
_ACT: dict[str, Any] = {
    "id": "380216543210987656", "act": "accept", "persons": ["p1", "p2"], "steps": [_STEP], "misfits": [_MISFIT],
}  # fmt: skip


class PaperStep(BaseModel):
    """What follows from an act for one person; null where the case is not per person."""

    model_config = example(_STEP)
    person: str | None
    source: str = Field(alias="from")
    target: str = Field(alias="to")


class PaperMisfit(BaseModel):
    """What of an act does not fit the case: why, what would have, and what the case takes from it all the same."""

    model_config = example(_MISFIT)
    kind: Literal["out-of-step", "late"]
    persons: list[str]
    reason: str
    expected: str
    taken: str


class PaperAct(BaseModel):
    """One act of what was recorded, and what the case takes from it."""

    model_config = example(_ACT)
    id: str
    act: str
    persons: list[str]
    steps: list[PaperStep]
    misfits: list[PaperMisfit]


class OnPaper(BaseModel):
    """What is recorded on paper in a case; `id` and `act` are those of the first of `acts`."""

    model_config = example(
        {
            "id": "380216543210987656", "case": CASE_ID, "number": "2026-0417", "act": "accept", "channel": "fax",
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
