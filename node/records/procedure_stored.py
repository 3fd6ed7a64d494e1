"""An event of a case as JSON, and back: what a node stores, so that the case can be computed anew at any time."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from node.records.procedure_events import Event, Span

_INSTANTS = ("occurred", "recorded")


def write_event(event: Event) -> dict[str, Any]:
    """The event as a JSON object; what is not known is left out. Instants are RFC 3339 in UTC."""
    row: dict[str, Any] = {
        "id": event.id,
        "act": event.act,
        "actor": event.actor,
        "sent": _instant(event.sent),
        "index": event.index,
        "persons": sorted(event.persons),
        "status": event.status,
        "channel": event.channel,
        "disputed": event.disputed,
        "sequence": event.sequence,
        "seen": event.seen,
        "concerning": event.concerning,
        "until": event.until.isoformat() if event.until else None,
        "day": event.day,
        "hindered": event.hindered,
        "new": event.new,
        "party": event.party,
        "instead_of": event.instead_of,
        "stated_by": event.stated_by,
        "by_hand": event.by_hand or None,
        "occurred": _instant(event.occurred) if event.occurred else None,
        "recorded": _instant(event.recorded) if event.recorded else None,
    }
    if event.received is not None:
        latest = event.received.latest
        row["received"] = [_instant(event.received.earliest), _instant(latest) if latest else None]
    return {key: value for key, value in row.items() if value is not None}


def read_event(row: Mapping[str, Any]) -> Event:
    """The opposite of `write_event`. Raises KeyError, TypeError or ValueError where `row` is no such object."""
    facts = dict(row)
    facts["persons"] = frozenset(facts["persons"])
    facts["sent"] = datetime.fromisoformat(facts["sent"])
    for key in _INSTANTS:
        if key in facts:
            facts[key] = datetime.fromisoformat(facts[key])
    if "until" in facts:
        facts["until"] = date.fromisoformat(facts["until"])
    if "received" in facts:
        earliest, latest = facts["received"]
        facts["received"] = Span(
            datetime.fromisoformat(earliest), None if latest is None else datetime.fromisoformat(latest)
        )
    return Event(**facts)


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
