"""Clocks of cases: periods, when they start and end, calendars of days off, what holds at the end, what is due.

Pure functions on values: `now` is an argument, and two nodes that hold the same terms, calendars and messages compute
the same instants. A period's way: `Period` (from terms) and `Span` (when it starts) → `ends` → `Ends` → `standing`.
"""

from node.records.clocks.calendars import Calendar, CalendarEnds, DayOff, proposal, read_calendar, write_calendar
from node.records.clocks.ends import Ends, Extension, day_of, end_of_day, ends
from node.records.clocks.periods import Counts, Extends, Period, PeriodError, Silence, Unit, WithoutReceipt
from node.records.clocks.spans import Span, span_of, span_of_message
from node.records.clocks.standing import Judgement, Standing, in_time, standing

__all__ = [
    "Calendar",
    "CalendarEnds",
    "Counts",
    "DayOff",
    "Ends",
    "Extends",
    "Extension",
    "Judgement",
    "Period",
    "PeriodError",
    "Silence",
    "Span",
    "Standing",
    "Unit",
    "WithoutReceipt",
    "day_of",
    "end_of_day",
    "ends",
    "in_time",
    "proposal",
    "read_calendar",
    "span_of",
    "span_of_message",
    "standing",
    "write_calendar",
]
