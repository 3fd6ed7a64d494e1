"""A party's calendar: which days are off, over which span of days it is known, and from when on it is its word.

The binding calendar is a dated, signed record of the party that it belongs to. `proposal` makes a first one from the
published holidays of a country, for that party to correct; holidays whose day is an estimate are named as such.
"""

import csv
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from importlib import resources
from types import MappingProxyType
from typing import Any

import rfc8785

from node.records.clocks.periods import PeriodError

FORMAT = "depesha/calendar/v1"
SATURDAY, SUNDAY = 6, 7  # ISO weekdays
HOLIDAYS = "holidays-2026-2030.csv"
_MOST_DAYS = 366 * 50  # a calendar of a span above that is a mistake


# ISO 3166-1 alpha-3, as records and settings have it, of the countries whose holidays are known by alpha-2.
_ALPHA_2 = {
    "ALB": "AL", "AUT": "AT", "BIH": "BA", "BEL": "BE", "BGR": "BG", "CHE": "CH", "CYP": "CY", "CZE": "CZ",
    "DEU": "DE", "DNK": "DK", "EST": "EE", "ESP": "ES", "FIN": "FI", "FRA": "FR", "GRC": "GR", "HRV": "HR",
    "HUN": "HU", "IRL": "IE", "ITA": "IT", "LTU": "LT", "LUX": "LU", "LVA": "LV", "MNE": "ME", "MKD": "MK",
    "MLT": "MT", "NLD": "NL", "POL": "PL", "PRT": "PT", "ROU": "RO", "SRB": "RS", "SWE": "SE", "SVN": "SI",
    "SVK": "SK", "XKX": "XK",
}  # fmt: skip


class CalendarEnds(Exception):
    """A day was asked for that the calendar does not cover: whose, which day, what to do."""

    def __init__(self, party: str, day: date, first: date, last: date) -> None:
        super().__init__(
            f"the calendar of {party} covers {first} to {last}, not {day}. "
            f"Ask {party} for a calendar of {day.year}; until then this end cannot be computed."
        )
        self.party = party
        self.day = day


@dataclass(frozen=True, slots=True)
class DayOff:
    day: date
    name: str
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days off of `party` from `first` to `last`, both included, as it said at `issued`.

    `weekly` are the ISO weekdays that are off (Saturday 6, Sunday 7), `worked` days that are worked although they fall
    on one of them. `source` says where it is from. Raises PeriodError where these contradict each other.
    """

    party: str
    first: date
    last: date
    issued: datetime
    source: str
    weekly: frozenset[int] = frozenset({SATURDAY, SUNDAY})
    days_off: Mapping[date, DayOff] = field(default_factory=dict)
    worked: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        span = f"{self.first} to {self.last}"
        if self.last < self.first or (self.last - self.first).days > _MOST_DAYS:
            raise PeriodError("calendar", span, "a first day before the last, within 50 years", "Correct the span.")
        if not self.weekly <= set(range(1, 8)) or len(self.weekly) == 7:
            raise PeriodError(
                "calendar, weekly", sorted(self.weekly), "up to six of 1 to 7", "Write 6 for Saturday, 7 for Sunday."
            )
        if self.issued.tzinfo is None:
            raise PeriodError("calendar, issued", self.issued, "a time with its zone", "Write it in UTC.")
        both = self.worked & self.days_off.keys()
        outside = [one for one in (*self.days_off, *self.worked) if not self.covers(one)]
        if both or outside:
            one = min(both or outside)
            raise PeriodError(
                "calendar", f"{one} {'as a day off and as worked' if both else 'outside ' + span}", "each day once", ""
            )
        object.__setattr__(self, "days_off", MappingProxyType(dict(self.days_off)))

    def covers(self, day: date) -> bool:
        return self.first <= day <= self.last

    def works(self, day: date) -> bool:
        """Whether `day` is a working day. Raises CalendarEnds."""
        if not self.covers(day):
            raise CalendarEnds(self.party, day, self.first, self.last)
        if day in self.days_off:
            return False
        return day in self.worked or day.isoweekday() not in self.weekly

    def estimated(self, first: date, last: date) -> tuple[DayOff, ...]:
        """The estimated days off from `first` to `last`, both included, in order."""
        return tuple(one for _, one in sorted(self.days_off.items()) if one.estimated and first <= one.day <= last)

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of the calendar's RFC 8785 form: what a started period keeps."""
        return hashlib.sha256(write_calendar(self)).hexdigest()


def write_calendar(calendar: Calendar) -> bytes:
    """The calendar as RFC 8785 JSON: the same bytes for the same calendar."""
    return rfc8785.dumps(
        {
            "format": FORMAT,
            "party": calendar.party,
            "first": calendar.first.isoformat(),
            "last": calendar.last.isoformat(),
            "issued": calendar.issued.astimezone(UTC).isoformat(),
            "source": calendar.source,
            "weekly": sorted(calendar.weekly),
            "days_off": [
                {"day": day.isoformat(), "name": one.name, "estimated": one.estimated}
                for day, one in sorted(calendar.days_off.items())
            ],
            "worked": [day.isoformat() for day in sorted(calendar.worked)],
        }
    )


def read_calendar(document: Mapping[str, Any]) -> Calendar:
    """The calendar that a parsed JSON document of `write_calendar` holds. Raises PeriodError."""
    try:
        if document["format"] != FORMAT:
            raise PeriodError("format", document["format"], FORMAT, "Ask for a calendar of that form.")
        rows = [DayOff(date.fromisoformat(one["day"]), one["name"], one["estimated"]) for one in document["days_off"]]
        return Calendar(
            party=document["party"],
            first=date.fromisoformat(document["first"]),
            last=date.fromisoformat(document["last"]),
            issued=datetime.fromisoformat(document["issued"]),
            source=document["source"],
            weekly=frozenset(document["weekly"]),
            days_off={one.day: one for one in rows},
            worked=frozenset(map(date.fromisoformat, document["worked"])),
        )
    except PeriodError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise PeriodError(
            "calendar", f"{type(error).__name__} {error}", "all keys of the form, each in its form", "Ask for it anew."
        ) from error


def proposal(country: str, first_year: int, last_year: int, party: str, issued: datetime) -> Calendar:
    """A calendar for `party` from the published holidays of `country` (ISO 3166-1, or XK, XKX). Raises PeriodError.

    It binds nobody: regional holidays, days that a government adds, and bridging days are not in it.
    """
    known = _holidays()
    country = _ALPHA_2.get(country, country)
    years = sorted({day.year for rows in known.values() for day in rows})
    if country not in known:
        raise PeriodError("country", country, f"one of {', '.join(sorted(known))}", "Enter the days off by hand.")
    if not years[0] <= first_year <= last_year <= years[-1]:
        raise PeriodError(
            "years", f"{first_year} to {last_year}", f"years from {years[0]} to {years[-1]}", "Ask for those years."
        )
    days = {day: one for day, one in known[country].items() if first_year <= day.year <= last_year}
    return Calendar(
        party=party,
        first=date(first_year, 1, 1),
        last=date(last_year, 12, 31),
        issued=issued,
        source=f"proposed from {HOLIDAYS}, {country}: to be corrected and signed by {party}",
        days_off=days,
    )


@lru_cache(maxsize=1)
def _holidays() -> Mapping[str, Mapping[date, DayOff]]:
    """Days off by country. Of two holidays on one day both are named, and the day is certain if one of them is."""
    found: dict[str, dict[date, DayOff]] = {}
    text = resources.files("node.records").joinpath("data", HOLIDAYS).read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        day = date.fromisoformat(row["date"])
        days = found.setdefault(row["country"], {})
        estimated = row["estimated"] == "yes"
        if day in days:
            before = days[day]
            days[day] = DayOff(day, f"{before.name}; {row['name']}", before.estimated and estimated)
        else:
            days[day] = DayOff(day, row["name"], estimated)
    return found


def next_working(day: date, calendars: tuple[Calendar, ...], step: int) -> date:
    """`day`, or the next day (`step` 1; -1: the day before) on which all `calendars` work. Raises CalendarEnds."""
    while not all(calendar.works(day) for calendar in calendars):
        day += timedelta(days=step)
    return day
