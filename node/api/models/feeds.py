"""Addresses for calendar programs."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from node.access.feeds import DEFAULT_DAYS, LONGEST_DAYS
from node.api.models.values import Instant, Text, example

_FEED: dict[str, Any] = {
    "id": "feed-0f2c6f4e95b14d2a", "officer": "account-0f2c6f4e95b14d2a", "unit": None,
    "created": "2026-11-25T12:00:00.000Z", "expires": "2027-11-25T12:00:00.000Z", "removed": None,
}  # fmt: skip


class Feed(BaseModel):
    """An address at which calendar programs read what one officer, or one unit, has to do."""

    model_config = example(_FEED)
    id: str
    officer: str | None
    unit: str | None
    created: Instant
    expires: Instant
    removed: Instant | None


class MadeFeed(Feed):
    """The same with the address, whose last step is the secret; null where a key brings the answer again."""

    model_config = example(_FEED | {"address": "https://depesha.example/feeds/mZ0y…wQ4.ics"})
    address: str | None


class NewFeed(BaseModel):
    """An address of one officer, by handle, or of one unit; it is read for so many days."""

    model_config = example({"officer": "account-0f2c6f4e95b14d2a", "unit": None, "days": DEFAULT_DAYS}, strict=True)
    officer: Text | None = None
    unit: Text | None = None
    days: Annotated[int, Field(ge=1, le=LONGEST_DAYS, strict=True)] = DEFAULT_DAYS
