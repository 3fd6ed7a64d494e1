"""Terms: the periods that two parties agreed on for one domain, and how they count, as a value with a digest.

A period stands in terms by role (`requesting`, `requested`): whose zone and days off count depends on who applied to
whom. `case_terms` puts the parties of a case in. Terms come from a draft that a person has confirmed (`drafts`).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import Any

import rfc8785

from node.records.clocks.periods import (
    Counts,
    Extends,
    Period,
    PeriodError,
    Silence,
    Unit,
    WithoutReceipt,
    read_day_end,
    time_zone,
    write_day_end,
)

FORMAT = "depesha/terms/v1"
_OWN = ("title", "grounds")
"""Keys of the form that say where the figures are from, and who confirmed them on this side."""


@dataclass(frozen=True, slots=True)
class TermsPeriod:
    """A period as terms give it, with roles in place of parties.

    `days_of` is the role whose zone and end of day count, `calendars` the roles whose days off count. `extension` is
    what it may be extended by, once. The rest is as in Period.
    """

    number: int
    unit: Unit
    days_of: str
    calendars: tuple[str, ...] = ()
    first_day: bool = False
    rolls: bool = False
    silence: Silence = Silence.OVERDUE
    starts: Counts = Counts.RECEIVED
    before: bool = False
    extends: Extends | None = None
    extension: "TermsPeriod | None" = None

    def __post_init__(self) -> None:
        # What does not go together is refused when the terms are made, not in the middle of a case.
        self._as_period("UTC", None, self.calendars)
        if self.extension is not None and (self.extension.extends is None or self.extends is not None):
            raise PeriodError("extension", "no extension", "added or total", "Say how the extension is meant.")

    def of(self, parties: Mapping[str, str], places: Mapping[str, "Place"]) -> Period:
        """The period between the `parties` (by role) with their `places` (by party). Raises PeriodError."""
        for role in (self.days_of, *self.calendars):
            if parties.get(role) not in places:
                raise PeriodError(
                    "days_of",
                    role,
                    f"one of {', '.join(sorted(parties))}",
                    "Name a role of the procedure in the terms.",
                )
        place = places[parties[self.days_of]]
        return self._as_period(place.zone, place.day_ends, tuple(parties[role] for role in self.calendars))

    def _as_period(self, zone: str, day_ends: time | None, calendars: tuple[str, ...]) -> Period:
        return Period(
            number=self.number,
            unit=self.unit,
            zone=zone,
            day_ends=None if self.unit is Unit.HOURS else day_ends,
            first_day=self.first_day,
            rolls=self.rolls,
            calendars=calendars,
            silence=self.silence,
            starts=self.starts,
            before=self.before,
            extends=self.extends,
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a party's days are counted: its zone, and the wall time at which its day ends (None: midnight)."""

    zone: str
    day_ends: time | None = None

    def __post_init__(self) -> None:
        time_zone(self.zone)


@dataclass(frozen=True, slots=True)
class Ground:
    """What a figure rests on: article and source, and who confirmed or changed it, and when, where somebody did."""

    article: str
    source: str
    confirmed_by: str | None = None
    confirmed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What two parties hold each other to in the domain `service`, by period names of its procedure.

    `places` are those of the two parties, by party. `days_of` is the role whose days count where no period
    says so; `answer` whether acts count when sent or received. `named`
    gives the role that does what the procedure leaves to the terms (`terms:NAME`). `evidence` are the lists by which
    evidence is weighed, `sides` what those lists call each party; `crossing_points` the lists of places for transfers.
    """

    title: str
    service: str
    places: Mapping[str, Place]
    periods: Mapping[str, TermsPeriod]
    days_of: str
    answer: Counts = Counts.RECEIVED
    without_receipt: WithoutReceipt | None = None
    named: Mapping[str, str] = field(default_factory=dict)
    evidence: tuple[str, ...] = ()
    sides: Mapping[str, str] = field(default_factory=dict)
    grounds: Mapping[str, Ground] = field(default_factory=dict)
    crossing_points: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.places) != 2:
            raise PeriodError("places", len(self.places), "the two parties", "Name both parties with their zones.")

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of the terms' RFC 8785 form: what a started period keeps."""
        return hashlib.sha256(write_terms(self)).hexdigest()

    @property
    def common_digest(self) -> str:
        """The same without title and grounds: alike on both sides where every period counts alike."""
        document = json.loads(write_terms(self))
        return hashlib.sha256(rfc8785.dumps({key: document[key] for key in document if key not in _OWN})).hexdigest()


def write_terms(terms: Terms) -> bytes:
    """The terms as RFC 8785 JSON: the same bytes for the same terms."""
    points = {"crossing_points": list(terms.crossing_points)} if terms.crossing_points else {}
    return rfc8785.dumps(
        {
            **points,
            "format": FORMAT,
            "title": terms.title,
            "service": terms.service,
            "places": {
                party: {"zone": place.zone, "day_ends": write_day_end(place.day_ends)}
                for party, place in terms.places.items()
            },
            "periods": {name: write_period(period) for name, period in terms.periods.items()},
            "days_of": terms.days_of,
            "answer": terms.answer.value,
            "without_receipt": write_wait(terms.without_receipt),
            "named": dict(terms.named),
            "evidence": list(terms.evidence),
            "sides": dict(terms.sides),
            "grounds": {
                name: {
                    "article": ground.article,
                    "source": ground.source,
                    "confirmed_by": ground.confirmed_by,
                    "confirmed_at": _in_utc(ground.confirmed_at),
                }
                for name, ground in terms.grounds.items()
            },
        }
    )


def read_terms(document: Mapping[str, Any]) -> Terms:
    """The terms that a parsed JSON document of `write_terms` holds. Raises PeriodError."""
    try:
        if document["format"] != FORMAT:
            raise PeriodError("format", document["format"], FORMAT, "Ask for terms of that form.")
        return Terms(
            title=document["title"],
            service=document["service"],
            places={
                party: Place(place["zone"], read_day_end(place["day_ends"]))
                for party, place in document["places"].items()
            },
            periods={name: read_period(period) for name, period in document["periods"].items()},
            days_of=document["days_of"],
            answer=Counts(document["answer"]),
            without_receipt=read_wait(document["without_receipt"]),
            named=dict(document["named"]),
            evidence=tuple(document["evidence"]),
            sides=dict(document["sides"]),
            grounds={
                name: Ground(
                    ground["article"],
                    ground["source"],
                    ground["confirmed_by"],
                    ground["confirmed_at"] and datetime.fromisoformat(ground["confirmed_at"]),
                )
                for name, ground in document["grounds"].items()
            },
            crossing_points=tuple(document.get("crossing_points", ())),
        )
    except PeriodError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        found = f"{type(error).__name__} {error}"
        raise PeriodError("terms", found, "all keys of the form, each in its form", "Ask for them anew.") from error


def write_period(period: TermsPeriod) -> dict[str, Any]:
    """The period as a JSON object; what is not so is left out."""
    made: dict[str, Any] = {
        "number": period.number,
        "unit": period.unit.value,
        "days_of": period.days_of,
        "calendars": list(period.calendars),
        "silence": period.silence.value,
        "starts": period.starts.value,
    }
    made |= {key: True for key in ("first_day", "rolls", "before") if getattr(period, key)}
    if period.extends is not None:
        made["extends"] = period.extends.value
    if period.extension is not None:
        made["extension"] = write_period(period.extension)
    return made


def read_period(found: Mapping[str, Any]) -> TermsPeriod:
    """The opposite of `write_period`. Raises KeyError, ValueError or TypeError where it is none, and PeriodError."""
    known = {
        "number", "unit", "days_of", "calendars", "silence", "starts", "first_day", "rolls", "before", "extends",
        "extension",
    }  # fmt: skip
    if unknown := sorted(set(found) - known):
        raise PeriodError("period", ", ".join(unknown), "no other keys", "Leave them out.")
    if not isinstance(found["number"], int) or isinstance(found["number"], bool):
        raise PeriodError("number", found["number"], "a whole number", "Write it without quotes.")
    return TermsPeriod(
        number=found["number"],
        unit=Unit(found["unit"]),
        days_of=found["days_of"],
        calendars=tuple(found["calendars"]),
        first_day=found.get("first_day", False) is True,
        rolls=found.get("rolls", False) is True,
        silence=Silence(found["silence"]),
        starts=Counts(found["starts"]),
        before=found.get("before", False) is True,
        extends=Extends(found["extends"]) if "extends" in found else None,
        extension=read_period(found["extension"]) if "extension" in found else None,
    )


def write_wait(wait: WithoutReceipt | None) -> dict[str, Any] | None:
    return None if wait is None else {"hours": wait.hours, "received": wait.received}


def read_wait(found: Mapping[str, Any] | None) -> WithoutReceipt | None:
    return None if found is None else WithoutReceipt(int(found["hours"]), found["received"] is True)


def _in_utc(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()
