"""Periods: a length in an agreement, as a value. `ends` works out when one ends.

A period holds all that its end depends on, besides the moment at which it starts and the calendars of the parties: so
two nodes that hold the same terms compute the same instant.
"""

from dataclasses import dataclass
from datetime import time
from enum import StrEnum
from zoneinfo import ZoneInfo

MIDNIGHT = "24:00"
LONGEST = 10_000  # of any unit: more than any agreement grants, and no end of it leaves the calendar of years 1 to 9999
LONGEST_YEARS = 100
LONGEST_WAIT = 24 * 365  # hours without a receipt


class Unit(StrEnum):
    HOURS = "hours"
    CALENDAR_DAYS = "calendar-days"
    WORKING_DAYS = "working-days"
    WEEKS = "weeks"
    MONTHS = "months"
    YEARS = "years"


class Silence(StrEnum):
    """What the end brings where nobody has answered."""

    ACCEPTED = "accepted"
    OVERDUE = "overdue"


class Counts(StrEnum):
    """Which moment of a message counts: when its sender signed it, or when the first receipt says that it came."""

    SENT = "sent"
    RECEIVED = "received"


class Extends(StrEnum):
    """How the length of an extension is meant: on top of the period, or from the start of the period in all."""

    ADDED = "added"
    TOTAL = "total"


class PeriodError(ValueError):
    """A period that cannot be: `field`, what was found, what was expected and what to do."""

    def __init__(self, field: str, found: object, expected: str, remedy: str) -> None:
        super().__init__(f"{field}: found {found}, expected {expected}. {remedy}")
        self.field = field
        self.found = str(found)
        self.expected = expected
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class WithoutReceipt:
    """What holds where no receipt came within `hours` of sending: it counts as received then, or not at all."""

    hours: int
    received: bool

    def __post_init__(self) -> None:
        if not 0 < self.hours <= LONGEST_WAIT:
            raise PeriodError("without_receipt", f"{self.hours} hours", f"1 to {LONGEST_WAIT}", "Write whole hours.")


@dataclass(frozen=True, slots=True)
class Period:
    """A length of time as terms give it.

    `day_ends` is the wall time at which a day ends in `zone`; None is midnight. What comes at or after it belongs to
    the next day, at the start of a period as at its end.
    `first_day`: the day on which the period starts is its first day; otherwise the next one is.
    `rolls`: an end on a day off moves to the next working day (to the one before, of a period that counts backwards).
    `calendars` name the parties whose days off count: a day is off if it is off for any of them.
    `before`: it counts backwards from an event; its end is the last moment to act.
    `extends`: it is an extension of another period.
    Raises PeriodError where these do not go together.
    """

    number: int
    unit: Unit
    zone: str
    day_ends: time | None = None
    first_day: bool = False
    rolls: bool = False
    calendars: tuple[str, ...] = ()
    silence: Silence = Silence.OVERDUE
    starts: Counts = Counts.RECEIVED
    before: bool = False
    extends: Extends | None = None

    def __post_init__(self) -> None:
        longest = LONGEST_YEARS if self.unit is Unit.YEARS else LONGEST
        if not 0 < self.number <= longest:
            raise PeriodError("number", self.number, f"a whole number from 1 to {longest}", "Write that number.")
        time_zone(self.zone)
        if self.unit is Unit.HOURS and (self.first_day or self.rolls):
            raise PeriodError(
                "unit",
                "hours with first_day or rolls",
                "hours alone",
                "Hours run from the moment of the start; leave both out.",
            )
        if self.extends is not None and (self.before or (self.extends is Extends.ADDED and self.first_day)):
            raise PeriodError(
                "extends",
                "before, or added with first_day",
                "an extension that counts on from the end",
                "Leave both out: the last day of the period is not counted again.",
            )
        if (self.unit is Unit.WORKING_DAYS or self.rolls) and not self.calendars:
            raise PeriodError("calendars", "none", "a party", "Name the party whose days off count.")
        if self.day_ends == time(0) or (self.day_ends is not None and self.day_ends.tzinfo is not None):
            raise PeriodError("day_ends", self.day_ends, "a wall time after 00:00", f"Write {MIDNIGHT} for midnight.")


def time_zone(name: str) -> ZoneInfo:
    """The zone of that name in the IANA database. Raises PeriodError."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise PeriodError(
            "zone", name, "a name of the IANA time zone database", "Write it as Europe/Belgrade."
        ) from error


def read_day_end(text: str) -> time | None:
    """The wall time `HH:MM`; None for 24:00. Raises PeriodError."""
    if text == MIDNIGHT:
        return None
    hours, colon, minutes = text.partition(":")
    if colon and len(hours) == len(minutes) == 2 and (hours + minutes).isascii() and (hours + minutes).isdigit():
        try:
            found = time(int(hours), int(minutes))
        except ValueError:
            found = time(0)
        if found != time(0):
            return found
    raise PeriodError("day_ends", text, "a wall time from 00:01 to 24:00", "Write it as 16:00 or 24:00.")


def write_day_end(day_ends: time | None) -> str:
    """The opposite of `read_day_end`."""
    return MIDNIGHT if day_ends is None else day_ends.strftime("%H:%M")
