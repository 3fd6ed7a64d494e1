"""Calendars as records: what a party sends as its own word on its days off, signed by the message that carries it.

The domain is the one with `purpose = "binding-calendars"`; its record and fields are known by their marks. A calendar
of one party that another sends is not binding and is refused.
"""

import os
from collections.abc import Callable
from datetime import UTC, date, datetime

from lxml import etree

from node.records.check import CheckedRecord, check
from node.records.clocks.calendars import Calendar, DayOff
from node.records.clocks.periods import PeriodError
from node.records.domains import Domain, Domains
from node.records.example import new_nonce
from node.records.explain import plain_path
from node.records.shape import Shape

PURPOSE = "binding-calendars"


class NoCalendar(Exception):
    """The record is no binding calendar of that party, or no domain serves for calendars; the text says why."""


def make_calendar_record(
    domains: Domains, calendar: Calendar, decided: datetime, random: Callable[[int], bytes] = os.urandom
) -> tuple[str, str, bytes]:
    """(service, action, record) that its own party sends; recorded at the calendar's `issued`, decided at `decided`.

    Raises NoCalendar where no domain serves for it, ValueError where the record would not be valid.
    """
    shape = _shape(domains.with_purpose(PURPOSE))
    root = etree.Element(f"{{{shape.namespace}}}{shape.name}", nsmap={None: shape.namespace})  # type: ignore[dict-item]
    own = {"nonce": new_nonce(random), "occurred": _instant(decided), "recorded": _instant(calendar.issued)}
    for attribute in shape.root.attributes:
        root.set(attribute.name, own[next(kind for kind in own if attribute.marks.has(kind))])
    values: dict[str, list[str]] = {
        "calendar-party": [calendar.party],
        "calendar-first": [calendar.first.isoformat()],
        "calendar-last": [calendar.last.isoformat()],
        "calendar-source": [calendar.source],
        "weekly-day-off": [str(one) for one in sorted(calendar.weekly)],
        "worked-day": [one.isoformat() for one in sorted(calendar.worked)],
    }
    for field in shape.root.children:
        if field.marks.has("day-off"):
            for _, one in sorted(calendar.days_off.items()):
                group = etree.SubElement(root, f"{{{shape.namespace}}}{field.name}")
                of_day = {
                    "day-off-date": one.day.isoformat(),
                    "day-off-name": one.name,
                    "day-off-estimated": "true" if one.estimated else "false",
                }
                for child in field.children:
                    written = etree.SubElement(group, f"{{{shape.namespace}}}{child.name}")
                    written.text = of_day[next(kind for kind in of_day if child.marks.has(kind))]
        for text in values[next(kind for kind in values if field.marks.has(kind))] if not field.children else ():
            etree.SubElement(root, f"{{{shape.namespace}}}{field.name}").text = text
    content = etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)  # a person corrects it
    result = check(content, domains)
    if isinstance(result, list):
        raise ValueError("; ".join(str(problem.for_peer()) for problem in result))
    return shape.namespace, shape.name, content


def read_calendar_record(content: bytes | CheckedRecord, domains: Domains, sender: str) -> Calendar:
    """The calendar that the party `sender` sent; `content` its bytes, or the record as checked already.

    Raises NoCalendar.
    """
    checked = content if isinstance(content, CheckedRecord) else check(content, domains)
    if isinstance(checked, list):
        raise NoCalendar("; ".join(str(problem.for_peer()) for problem in checked))
    if checked.domain.purpose != PURPOSE or checked.action != _shape(checked.domain).name:
        raise NoCalendar(f"{checked.action} is no calendar of days off")
    shape, root = checked.shape, checked.root

    def texts(kind: str, node: etree._Element = root) -> list[str]:
        return [(one.text or "").strip() for one in node.iter("{*}*") if _has(one, shape, kind)]

    (party,) = texts("calendar-party")
    if party != sender:
        raise NoCalendar(
            f"it is the calendar of {party}, sent by {sender}. Ask {party} itself: nobody else's word binds."
        )
    recorded = next(root.get(one.name, "") for one in shape.root.attributes if one.marks.has("recorded"))
    days = [
        DayOff(
            date.fromisoformat(texts("day-off-date", node)[0]),
            texts("day-off-name", node)[0],
            texts("day-off-estimated", node)[0] == "true",
        )
        for node in root.iter("{*}*")
        if _has(node, shape, "day-off")
    ]
    try:
        return Calendar(
            party=party,
            first=date.fromisoformat(texts("calendar-first")[0]),
            last=date.fromisoformat(texts("calendar-last")[0]),
            issued=datetime.fromisoformat(recorded),
            source=texts("calendar-source")[0],
            weekly=frozenset(map(int, texts("weekly-day-off"))),
            days_off={one.day: one for one in days},
            worked=frozenset(map(date.fromisoformat, texts("worked-day"))),
        )
    except PeriodError as error:
        raise NoCalendar(str(error)) from error


def _shape(domain: Domain | None) -> Shape:
    """The record of the domain that is a calendar."""
    for shape in domain.records.values() if domain is not None else ():
        if any(field.marks.has("calendar-party") for field in shape.root.children):
            return shape
    raise NoCalendar(
        f"no domain folder has purpose = '{PURPOSE}' in its domain.toml, with a record marked calendar-party"
    )


def _has(node: etree._Element, shape: Shape, kind: str) -> bool:
    found = shape.fields.get(plain_path(node))
    return found is not None and found.marks.has(kind)


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
