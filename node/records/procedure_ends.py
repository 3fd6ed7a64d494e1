"""What time alone does in a case: which periods have ended, and when the next one will."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from node.records.procedure_events import PENDING, Event, Span, Terms
from node.records.procedure_view import CaseView


@dataclass(frozen=True, slots=True)
class EndedPeriod:
    """A period that has ended: `effect` is the state that it brought, None where it only shows what is overdue."""

    period: str
    effect: str | None
    at: Span


def ended_periods(seen: CaseView) -> tuple[EndedPeriod, ...]:
    """What has ended by time alone, each once for all its persons, in the order of the ends."""
    found = {EndedPeriod(one.period, one.target, one.at) for one in seen.steps if one.period is not None}
    told = {(one.period, one.at) for one in found}
    found |= {
        EndedPeriod(one.period, None, one.end)
        for one in seen.deadlines
        if one.standing == "ended" and one.act is None and one.end is not None and (one.period, one.end) not in told
    }
    return tuple(sorted(found, key=lambda one: (one.at.earliest, one.period, one.effect or "")))


def next_change(seen: CaseView, events: Sequence[Event], terms: Terms, now: datetime) -> datetime | None:
    """The next instant after `now` at which the case changes without an act; None if it never does."""
    moments = [one.end.latest for one in seen.deadlines if one.end is not None and one.standing != "paused"]
    rule = terms.without_receipt()
    if rule is not None:
        moments += [one.sent + rule[0] for one in events if one.status == PENDING]
    return min((one for one in moments if one is not None and one > now), default=None)
