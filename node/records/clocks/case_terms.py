"""The terms of one case: its parties put in for roles, and their calendars. The procedure asks it; it knows no states.

The end of a period is the first instant that is too late.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from node.records.clocks.calendars import Calendar
from node.records.clocks.ends import Ends, Extension, MayMove, Pause, end_of_day, ends, estimated_near, span_of_day
from node.records.clocks.periods import Counts, Period, PeriodError, Silence, Unit
from node.records.clocks.spans import Span
from node.records.clocks.terms import Terms, TermsPeriod


@dataclass(frozen=True, slots=True)
class CaseTerms:
    """`parties` are the parties of the case by role, `calendars` their calendars by party, as far as there are any."""

    terms: Terms
    parties: Mapping[str, str]
    calendars: Mapping[str, Calendar]

    def answered(self) -> str:
        """`sent` or `received`: which of its two instants decides whether an act came in time."""
        return self.terms.answer.value

    def begins(self, name: str) -> str:
        """`sent` or `received`: with which instant of the act that starts it the period begins."""
        found = self.terms.periods.get(name)
        return (Counts.RECEIVED if found is None else found.starts).value

    def without_receipt(self) -> tuple[timedelta, bool] | None:
        """So long after it was sent an act without a receipt counts as received (True) or as not made (False)."""
        wait = self.terms.without_receipt
        return None if wait is None else (timedelta(hours=wait.hours), wait.received)

    def period(self, name: str) -> Period:
        """The period of that name between the parties of this case. Raises PeriodError."""
        return self._named(name).of(self.parties, self.terms.places)

    def ends(
        self,
        name: str,
        start: Span,
        *,
        extended: bool = False,
        until: date | None = None,
        pauses: tuple[Pause, ...] = (),
    ) -> Ends | None:
        """When the period ends that began at `start`, with what is to be said of it; None while a pause lasts.

        `extended`: by what the terms grant, no further than to the end of the day `until`. Raises PeriodError where
        they grant nothing, and CalendarEnds.
        """
        found = self._named(name)
        extension = None
        if extended:
            if found.extension is None:
                raise PeriodError("extension", "none in the terms", "an extension", "The period cannot be extended.")
            extension = Extension(found.extension.of(self.parties, self.terms.places), until)
        period = found.of(self.parties, self.terms.places)
        return ends(period, start, self.calendars, extension=extension, pauses=pauses)

    def may_move(self, name: str, start: Span, end: Span) -> tuple[MayMove, ...]:
        """The estimated days off that may move the period's `end`, or lie about it; none of a period without a length.

        With an extension the days off of its own calendars count as well.
        """
        named = self.terms.periods.get(name)
        if named is None:
            return ()
        parts = [one for one in (named, named.extension) if one is not None]
        found = {
            one
            for part in parts
            for one in estimated_near(part.of(self.parties, self.terms.places), start, end, self.calendars)
        }
        return tuple(sorted(found, key=lambda one: (one.day, one.party)))

    def end_of_day(self, name: str, day: date) -> datetime:
        """When the day `day` ends for a period whose end a record gives: where the period's days count, if the terms
        name it. Raises PeriodError."""
        found = self.terms.periods.get(name) or TermsPeriod(1, Unit.CALENDAR_DAYS, self.terms.days_of)
        return end_of_day(day, found.of(self.parties, self.terms.places))

    def on_day(self, name: str, written: str) -> Span | None:
        """When the day or time was that a record states, as the period `name` counts; None where it is unknown. A whole
        day is that day of the period, whatever the hour at which its days end. Raises PeriodError."""
        return span_of_day(written, self.period(name))

    def silence_accepts(self, name: str) -> bool:
        """Whether silence to the end of the period counts as consent."""
        found = self.terms.periods.get(name)
        return found is not None and found.silence is Silence.ACCEPTED

    def party(self, name: str) -> str | None:
        """The role of the party that the terms name for `name`; None where they name none."""
        return self.terms.named.get(name)

    def _named(self, name: str) -> TermsPeriod:
        if name not in self.terms.periods:
            raise PeriodError(
                f"period {name}",
                "none in the terms",
                f"one of {', '.join(sorted(self.terms.periods))}",
                "Add it to the terms; until then it has no end.",
            )
        return self.terms.periods[name]
