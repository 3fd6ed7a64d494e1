"""The terms of a case as the engine of procedures asks them: clocks answer, and what has no end says why in words."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from node.records.clocks import CalendarEnds, CaseTerms, MayMove, PeriodError, Span
from node.records.procedure_events import NoEnd, Pause
from node.records.procedure_events import Span as EventSpan

_BEYOND = "the record states a day that no calendar reaches"


@dataclass(frozen=True, slots=True)
class ClockTerms:
    """`procedure_events.Terms`, answered by the terms and calendars of one case."""

    case: CaseTerms

    def answered(self) -> str:
        """`sent` or `received`."""
        return self.case.answered()

    def has(self, period: str) -> bool:
        """Whether the terms give the period."""
        return period in self.case.terms.periods

    def begins(self, period: str) -> str:
        """`sent` or `received`."""
        return self.case.begins(period)

    def without_receipt(self) -> tuple[timedelta, bool] | None:
        """So long after it was sent an act without a receipt counts as received (True) or as not made (False)."""
        return self.case.without_receipt()

    def end(
        self, period: str, start: datetime, *, extended: bool, until: date | None, pauses: tuple[Pause, ...]
    ) -> datetime | NoEnd:
        """When the period ends that begins at `start`; why not, where terms or calendars give no end."""
        try:
            found = self.case.ends(period, Span.at(start), extended=extended, until=until, pauses=pauses)
        except (PeriodError, CalendarEnds) as error:
            return NoEnd(str(error))
        except OverflowError:
            return NoEnd(_BEYOND)
        return NoEnd("an obstacle lasts") if found is None else found.latest

    def may_move(self, period: str, start: EventSpan, end: EventSpan) -> tuple[MayMove, ...]:
        """The estimated days off that may move the period's `end`, or lie about it."""
        spans = (Span(one.earliest, one.latest or one.earliest) for one in (start, end))
        try:
            return self.case.may_move(period, *spans)
        except PeriodError:
            return ()  # without its length the period has no end that could move, which is told beside it

    def end_of_day(self, period: str, day: date) -> datetime | NoEnd:
        """When the day `day` ends; why not, for a day that a record gives beyond what can be computed."""
        try:
            return self.case.end_of_day(period, day)
        except PeriodError as error:
            return NoEnd(str(error))

    def on_day(self, period: str, written: str) -> EventSpan | NoEnd:
        """When the day or time was that a record states; why not, where it cannot be told."""
        try:
            found = self.case.on_day(period, written)
        except PeriodError as error:
            return NoEnd(str(error))
        except OverflowError:
            return NoEnd(_BEYOND)
        return NoEnd("the record does not know the day") if found is None else EventSpan(found.earliest, found.latest)

    def silence_accepts(self, period: str) -> bool:
        """Whether silence to the end of the period counts as consent."""
        return self.case.silence_accepts(period)

    def party(self, name: str) -> str | None:
        """The role of the party that the terms name for `name`."""
        return self.case.party(name)
