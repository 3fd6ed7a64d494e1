"""Clocks of cases: periods, when they start and end, calendars of days off, terms, what holds at the end, what is due.

Pure functions on values: `now` is an argument, and two nodes that hold the same terms, calendars and messages compute
the same instants. A period's way: `Period` (from terms) and `Span` (when it starts) → `ends` → `Ends` → `standing`.
Terms' way: `Template` (from a domain folder) → `Draft`, which a person confirms → `Terms` → `CaseTerms`.
"""

from node.records.clocks.calendar_records import NoCalendar, make_calendar_record, read_calendar_record
from node.records.clocks.calendars import Calendar, CalendarEnds, DayOff, proposal, read_calendar, write_calendar
from node.records.clocks.case_terms import CaseTerms
from node.records.clocks.drafts import Confirmation, Draft, Unconfirmed, confirm, terms_of, unconfirmed
from node.records.clocks.due import OWN_RULE, Deadline, Due, Reach, due, next_change, said_of_own_rule, seen_by
from node.records.clocks.ends import Ends, Extension, MayMove, day_of, end_of_day, ends
from node.records.clocks.feed import feed
from node.records.clocks.periods import Counts, Extends, Period, PeriodError, Silence, Unit, WithoutReceipt
from node.records.clocks.spans import Span, span_of, span_of_message
from node.records.clocks.standing import Judgement, Standing, in_time, standing
from node.records.clocks.templates import Confirmed, Counting, Figure, Template, TemplateError, read_templates
from node.records.clocks.terms import Ground, Place, Terms, TermsPeriod, read_terms, write_terms

__all__ = [
    "OWN_RULE",
    "Calendar",
    "CalendarEnds",
    "CaseTerms",
    "Confirmation",
    "Confirmed",
    "Counting",
    "Counts",
    "DayOff",
    "Deadline",
    "Draft",
    "Due",
    "Ends",
    "Extends",
    "Extension",
    "Figure",
    "Ground",
    "Judgement",
    "MayMove",
    "NoCalendar",
    "Period",
    "PeriodError",
    "Place",
    "Reach",
    "Silence",
    "Span",
    "Standing",
    "Template",
    "TemplateError",
    "Terms",
    "TermsPeriod",
    "Unconfirmed",
    "Unit",
    "WithoutReceipt",
    "confirm",
    "day_of",
    "due",
    "end_of_day",
    "ends",
    "feed",
    "in_time",
    "make_calendar_record",
    "next_change",
    "proposal",
    "read_calendar",
    "read_calendar_record",
    "read_templates",
    "read_terms",
    "said_of_own_rule",
    "seen_by",
    "span_of",
    "span_of_message",
    "standing",
    "terms_of",
    "unconfirmed",
    "write_calendar",
    "write_terms",
]
