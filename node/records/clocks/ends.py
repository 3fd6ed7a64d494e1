"""When a period ends: from (period, start, calendars) to an instant in UTC, the same on every node.

Days are those of the period's zone. A period in days, weeks, months or years ends with its last day: what is done at
that instant is too late, what is done a microsecond before it is not. Hours run by the clock of the world, whatever the
clock on the wall does. Where the start is known as a span only, there are two ends.
"""

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from node.records.clocks.calendars import Calendar, next_working
from node.records.clocks.periods import Extends, Period, PeriodError, Unit, time_zone
from node.records.clocks.spans import Span, span_of

NEAR = timedelta(days=2)  # a holiday by the moon may be announced up to so much earlier or later than estimated
Pause = tuple[datetime, datetime | None]
"""From when to when time does not count; without the second, it lasts."""
_DAY = timedelta(days=1)
_MOMENT = timedelta(microseconds=1)
_MONTHS = {Unit.MONTHS: 1, Unit.YEARS: 12}


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension as it was made: the period that terms grant for it, and the day up to which it was asked, if any."""

    period: Period
    until: date | None = None


@dataclass(frozen=True, slots=True)
class MayMove:
    """A day off that is an estimate, of the calendar of `party`: where it falls otherwise, an end may move."""

    day: date
    name: str
    party: str


@dataclass(frozen=True, slots=True)
class Ends:
    """The end of a period: `earliest` and `latest` are one instant (UTC) where the start is known.

    `last_day` is the day in `zone` that ends at `latest` (in hours: the day on which it lies). `near` are estimated
    days off that may move the end, or lie beside it. `disputed`: the start is.
    """

    earliest: datetime
    latest: datetime
    last_day: date
    zone: str
    disputed: bool = False
    near: tuple[MayMove, ...] = ()

    @classmethod
    def at(cls, instant: datetime) -> "Ends":
        """The end of a time in hours that is known to the instant, on its day in UTC."""
        return cls(instant, instant, instant.astimezone(UTC).date(), "UTC")

    @property
    def certain(self) -> bool:
        return self.earliest == self.latest


def ends(
    period: Period,
    start: Span,
    calendars: Mapping[str, Calendar],
    *,
    extension: Extension | None = None,
    pauses: Sequence[Pause] = (),
) -> Ends | None:
    """When `period` ends that started at `start`; None while a pause lasts that has no end yet.

    `calendars` are those of the parties that the period names, by party. `pauses` are the times, from begin to end
    (None: it lasts), that do not count: of a period in days, every day that a pause touches. An extension ends on the
    day up to which it was asked, within what the terms grant, and never before the period itself.
    Raises CalendarEnds, PeriodError.
    """
    own = _calendars(period, calendars)
    stops = sorted(pauses, key=lambda pause: pause[0])
    found: list[tuple[datetime, date]] = []
    for instant in (start.earliest, start.latest):
        if period.unit is Unit.HOURS:
            end = _hours_end(period, instant, stops)
            last = day_of(end, period) if end else None
        else:
            last = _last_day(period, day_of(instant, period), own, stops)
            end = None if last is None else end_of_day(last, period)
        if end is None or last is None:
            return None
        if extension is not None:
            end, last = _extended(end, last, instant, extension, calendars)
        found.append((end, last))
    (earliest, _), (latest, last) = sorted(found)
    near = estimated_near(period, start, Span(earliest, latest), calendars)
    return Ends(earliest, latest, last, period.zone, start.disputed, near)


def estimated_near(period: Period, start: Span, end: Span, calendars: Mapping[str, Calendar]) -> tuple[MayMove, ...]:
    """The estimated days off, by `calendars`, that may move `end`, or lie about it. Raises PeriodError.

    Of working days any on the way from `start` may; else those within two days of the end are named.
    """
    way = [day_of(one - _MOMENT, period) for one in (end.earliest, end.latest)]
    if period.unit is Unit.WORKING_DAYS:
        way += [day_of(one, period) for one in (start.earliest, start.latest)]
    first, until = min(way), max(way)
    found = {
        MayMove(one.day, one.name, party)
        for party in period.calendars
        if party in calendars
        for one in calendars[party].estimated(calendars[party].first, calendars[party].last)
        if first - one.day <= NEAR and one.day - until <= NEAR
    }
    return tuple(sorted(found, key=lambda one: (one.day, one.party)))


def day_of(instant: datetime, period: Period) -> date:
    """The day, in the period's zone and by its end of day, that an instant belongs to."""
    wall = instant.astimezone(time_zone(period.zone))
    late = period.day_ends is not None and wall.time().replace(tzinfo=None) >= period.day_ends
    return wall.date() + _DAY if late else wall.date()


def end_of_day(day: date, period: Period) -> datetime:
    """The instant (UTC) at which `day` ends. A wall time that occurs twice is meant the second time; one that is left
    out when clocks are put forward is read by the clock before. Raises PeriodError beyond the year 9999."""
    try:
        if period.day_ends is None:
            wall = datetime.combine(day + _DAY, time(0))
        else:
            wall = datetime.combine(day, period.day_ends)
        zone = time_zone(period.zone)
        return max(wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    except OverflowError as error:
        raise _beyond(period) from error


def span_of_day(written: str, period: Period) -> Span | None:
    """When something was that a record gives as an instant, a day, a month or a year, as `period` counts its days; None
    where it is `unknown`. Of a period in days a whole day is one moment, its last: it cannot belong to the next day.
    Raises PeriodError."""
    if "T" in written or period.unit is Unit.HOURS:
        return span_of(written, period.zone)
    found = span_of(written, "UTC")
    if found is None:
        return None
    first, last = (end_of_day(one.date(), period) - _MOMENT for one in (found.earliest, found.latest))
    return Span(first, last)


def _calendars(period: Period, calendars: Mapping[str, Calendar]) -> tuple[Calendar, ...]:
    needed = period.unit is Unit.WORKING_DAYS or period.rolls
    missing = [party for party in period.calendars if party not in calendars]
    if needed and missing:
        raise PeriodError(
            "calendars",
            f"none of {', '.join(missing)}",
            f"the calendar of {', '.join(period.calendars)}",
            "Ask that party for its calendar; until then this end cannot be computed.",
        )
    return tuple(calendars[party] for party in period.calendars if party in calendars)


def _hours_end(period: Period, instant: datetime, stops: Sequence[Pause]) -> datetime | None:
    length = timedelta(hours=period.number)
    try:
        if period.before:
            return instant.astimezone(UTC) - length
        end, counted = instant.astimezone(UTC) + length, instant
        for begin, until in stops:
            if begin >= end:
                break
            if until is None:
                return None
            begin = max(begin, counted)
            if until > begin:
                end, counted = end + (until - begin), until
        return end
    except OverflowError as error:
        raise _beyond(period) from error


def _last_day(period: Period, day: date, own: tuple[Calendar, ...], stops: Sequence[Pause]) -> date | None:
    step = -1 if period.before else 1
    try:
        last = _counted(period, day, period.number, own)
        more = 0
        first = day if period.first_day else day + _DAY
        for begin, until in stops if not period.before else ():
            begins = max(day_of(begin, period), first)
            rolled = next_working(last, own, 1) if period.rolls else last
            if begins > rolled:
                break
            if until is None:
                return None
            if begins > last:
                # The day to which the end rolled is still to be had.
                more += (rolled - last).days
            stopped = [begins + _DAY * one for one in range((day_of(until, period) - begins).days + 1)]
            first = max([first, *(one + _DAY for one in stopped[-1:])])
            if period.unit is Unit.WORKING_DAYS:
                stopped = [one for one in stopped if all(calendar.works(one) for calendar in own)]
            more += len(stopped)
            last = _longer(period, day, more, own)
        return next_working(last, own, step) if period.rolls else last
    except (OverflowError, ValueError) as error:
        raise _beyond(period) from error


def _longer(period: Period, day: date, more: int, own: tuple[Calendar, ...]) -> date:
    if period.unit is Unit.WORKING_DAYS:
        return _counted(period, day, period.number + more, own)
    return _counted(period, day, period.number, own) + _DAY * more


def _counted(period: Period, day: date, number: int, own: tuple[Calendar, ...]) -> date:
    """The last of `number` days, weeks, months or years, forwards or backwards."""
    step = -1 if period.before else 1
    first = 1 if period.first_day else 0
    match period.unit:
        case Unit.WORKING_DAYS:
            day -= _DAY * step * first
            for _ in range(number):
                day = next_working(day + _DAY * step, own, step)
            return day
        case Unit.CALENDAR_DAYS:
            return day + _DAY * step * (number - first)
        case Unit.WEEKS:
            return day + _DAY * step * (7 * number - first)
        case _:
            return _months_on(day, step * number * _MONTHS[period.unit], first * step)


def _months_on(day: date, months: int, first: int) -> date:
    """The day of the same number so many months on, less `first` day; the month's last day where it has no such."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    length = calendar.monthrange(year, month + 1)[1]
    if day.day > length:
        return date(year, month + 1, length)
    return date(year, month + 1, day.day) - _DAY * first


def _extended(
    end: datetime, last: date, start: datetime, extension: Extension, calendars: Mapping[str, Calendar]
) -> tuple[datetime, date]:
    """The end with the extension. One that is added counts from the end of the period as it stood, whose last day is
    not counted again; a total one counts from the period's own start."""
    granted = extension.period
    if granted.extends is None:
        raise PeriodError("extends", "no extension", "added or total", "Say in the terms how the extension is meant.")
    own = _calendars(granted, calendars)
    added = granted.extends is Extends.ADDED
    if granted.unit is Unit.HOURS:
        longest = _hours_end(granted, end if added else start, ())
        assert longest is not None  # without a pause there is no open end
        longest_day = day_of(longest, granted)
    else:
        counted = _last_day(granted, last if added else day_of(start, granted), own, ())
        assert counted is not None
        longest_day, longest = counted, end_of_day(counted, granted)
    # The other side's record names the day: one beyond what is granted, or before the end, must not bring in its own
    # trouble of being no day that can be computed.
    if extension.until is not None and extension.until < last:
        return end, last
    if extension.until is not None and extension.until < longest_day:
        longest_day, longest = extension.until, end_of_day(extension.until, granted)
    return (longest, longest_day) if longest > end else (end, last)


def _beyond(period: Period) -> PeriodError:
    return PeriodError(
        "number", f"{period.number} {period.unit}", "an end before the year 9999", "Correct start or number."
    )
