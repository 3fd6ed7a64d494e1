"""How an answer stands to the end of its period, and what holds where there is none.

Both sides settle alike once they hold the same messages; until then a side that cannot know says so.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from node.records.clocks.ends import Ends
from node.records.clocks.periods import Period, Silence
from node.records.clocks.spans import Span


class Standing(StrEnum):
    RUNNING = "running"
    ANSWERED = "answered"
    MAY_HAVE_BEEN_ANSWERED = "may-have-been-answered"
    ACCEPTED = "accepted"
    """Silence counts as consent by the terms."""
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class Judgement:
    """`at` is the instant at which that came to hold: of silence the end of the period, whenever a node learns of it.
    None while it runs, and where the instant is known as a span only."""

    standing: Standing
    at: datetime | None = None
    late: bool = False
    """An answer came, after the end."""


def in_time(answer: Span, end: Ends) -> bool | None:
    """Whether an answer came before the end; None where the two spans overlap, so that nobody can tell."""
    if answer.latest < end.earliest:
        return True
    return False if answer.earliest >= end.latest else None


def standing(
    period: Period, end: Ends, now: datetime, *, answer: Span | None = None, heard_until: datetime | None = None
) -> Judgement:
    """What holds at `now` for a period that ends at `end`.

    `answer` is when the answer counts as made: `span_of_message`, by what the terms say of answers. `heard_until` is
    the instant up to which all that the answering party sent is known here: for that party itself `now`; for the other
    the time of its last message or receipt that says so, None where it has not been heard since the start.
    """
    if answer is not None:
        timely = in_time(answer, end)
        if timely is None:
            return Judgement(Standing.MAY_HAVE_BEEN_ANSWERED)
        if timely:
            return Judgement(Standing.ANSWERED, answer.latest if answer.certain else None)
        return Judgement(_silence(period), end.latest if end.certain else None, late=True)
    if now < end.earliest:
        return Judgement(Standing.RUNNING)
    if now < end.latest or heard_until is None or heard_until < end.latest:
        return Judgement(Standing.MAY_HAVE_BEEN_ANSWERED)
    return Judgement(_silence(period), end.latest if end.certain else None)


def _silence(period: Period) -> Standing:
    return Standing.ACCEPTED if period.silence is Silence.ACCEPTED else Standing.OVERDUE
