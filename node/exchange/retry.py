"""When to try a delivery again: exponential backoff with jitter, over hours, as a value (AS4 profile 3.2)."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_

from node.exchange.clock import ALLOWED_DIFFERENCE


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """Pauses of `first`, twice that, and so on up to `longest`, until `span` after the first attempt."""

    first: timedelta
    longest: timedelta
    span: timedelta

    def gives_up_at(self, first_attempt: datetime) -> datetime:
        """The moment from which no further attempt is made (EBMS:0301)."""
        return first_attempt + self.span

    def next_attempt(self, now: datetime, failures: int, jitter: float, retry_after: float | None = None) -> datetime:
        """When to try again after `failures` (at least 1) attempts in a row have failed.

        `jitter` in [0, 1) shortens the pause by up to half, so that messages and nodes do not come back in step.
        `retry_after` seconds, as the peer asked, lengthen it, up to `longest`.
        """
        doubled = self.first.total_seconds() * 2.0 ** min(failures - 1, 32)
        pause = min(doubled, self.longest.total_seconds()) * (1 - jitter / 2)
        if retry_after is not None:
            pause = max(pause, min(retry_after, self.longest.total_seconds()))
        return now + timedelta(seconds=pause)

    def is_due(self, again: ColumnElement[datetime], now: datetime, claim: timedelta) -> ColumnElement[bool]:
        """Whether what is put off, or claimed for `claim`, until `again` is due at `now`: its time has come, or lies
        further ahead than any true clock can have put it."""
        return or_(again <= now, again > now + max(self.longest, claim) + ALLOWED_DIFFERENCE)


def jitter() -> float:
    """A number in [0, 1) that spreads attempts; nothing depends on its being unpredictable."""
    return random.random()  # noqa: S311
