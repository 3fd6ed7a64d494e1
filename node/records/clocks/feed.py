"""What is due as a calendar feed, RFC 5545: case number, act and time, and nothing else of a case.

A feed goes to calendars on telephones: no person, partner, unit or reason stands in it.
"""

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime

from node.records.clocks.due import Due

_OURS = uuid.UUID("6a1f9c9e-2a0b-5b4e-9a34-0d6f2c7f6f10")  # namespace of the events' ids, so that they stay the same
_LONGEST_LINE = 75  # octets, without the line break (section 3.1)


def feed(dues: Iterable[Due], now: datetime) -> str:
    """An iCalendar object with one event for each deadline, at its end (the earlier one where there are two)."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Depesha//What is due//EN", "CALSCALE:GREGORIAN"]
    for one in dues:
        deadline = one.deadline
        name = f"{deadline.case}\0{deadline.act}\0{deadline.started.astimezone(UTC).isoformat()}"
        lines += [
            "BEGIN:VEVENT",
            f"UID:{uuid.uuid5(_OURS, name)}",
            f"DTSTAMP:{_instant(now)}",
            f"DTSTART:{_instant(deadline.ends.earliest)}",
            f"SUMMARY:{_text(f'{deadline.case}: {deadline.told}')}",
            "TRANSP:TRANSPARENT",
            "END:VEVENT",
        ]
    lines.append("END:VCALENDAR")
    return "".join(f"{_folded(line)}\r\n" for line in lines)


def _instant(at: datetime) -> str:
    """Section 3.3.5, form 2: UTC, whole seconds."""
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _text(text: str) -> str:
    """Section 3.3.11; other control characters cannot be written and are left out."""
    for plain, escaped in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\r\n", "\\n"), ("\n", "\\n")):
        text = text.replace(plain, escaped)
    return "".join(letter for letter in text if letter.isprintable() or letter == "\t")


def _folded(line: str) -> str:
    """Section 3.1: no line above 75 octets; what is longer goes on after a line break and a space."""
    parts, part, length = [], "", 0
    for letter in line:
        octets = len(letter.encode())
        if length + octets > _LONGEST_LINE:
            parts.append(part)
            part, length = " ", 1
        part += letter
        length += octets
    return "\r\n".join([*parts, part])
