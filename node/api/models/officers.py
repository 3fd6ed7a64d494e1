"""Who looks after cases."""

from typing import Annotated, Any

from pydantic import BaseModel, Field, StringConstraints

from node.api.models.values import Instant, example

Day = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\d$"), Field(examples=["2026-08-03"])]
_OFFICER: dict[str, Any] = {
    "handle": "account-0f2c6f4e95b14d2a", "name": "Ana Kostić", "role": "officer", "unit": None, "away_from": None,
    "away_until": None,
}  # fmt: skip


class Officer(BaseModel):
    """Somebody who may have a case; the log has the handle only."""

    model_config = example(_OFFICER)
    handle: str
    name: str
    role: str
    unit: str | None
    away_from: Instant | None
    away_until: Instant | None


class Absence(BaseModel):
    """From the first day to the last, by the setting `zone`; without the first from now, without the last until told
    otherwise. `back`: there again."""

    model_config = example({"first": "2026-08-03", "last": "2026-08-14", "back": False}, strict=True)
    first: Day | None = None
    last: Day | None = None
    back: bool = Field(False, strict=True)
