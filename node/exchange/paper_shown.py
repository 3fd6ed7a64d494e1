"""The acts on paper of a case as they are shown: each statement once, and whether the other side was told of ours."""

from collections.abc import Iterator
from typing import Any

from node.exchange.case_events import CaseEvents
from node.exchange.listing import instant_text
from node.records.procedure_events import PENDING, SETTLED, Event
from node.records.procedure_paper import is_told_by

TOLD, WAITS, FAILED, UNTOLD = "yes", "waits", "failed", "no"
"""Whether the message that tells of a statement arrived, waits for its receipt, was refused or given up, or is none."""


def statements(case: CaseEvents) -> Iterator[tuple[Event, str, str | None]]:
    """Each statement of an act on paper, whether it was told, and the message that tells of it.

    What was recorded by hand here stands for the messages that tell of it, the one that has come farthest first.
    """
    messages = [one for one in case.events if one.on_paper and not one.by_hand]
    for one in case.by_hand:
        telling = [other for other in messages if is_told_by(one, other)]
        ranked = sorted(telling, key=lambda other: (SETTLED, PENDING).index(other.status) if _lasts(other) else 2)
        yield one, _told(ranked[0]) if ranked else UNTOLD, ranked[0].id if ranked else None
        messages = [other for other in messages if other not in telling]
    for one in messages:
        yield one, _told(one), one.id


def _lasts(event: Event) -> bool:
    return event.status in (SETTLED, PENDING)


def _told(event: Event) -> str:
    return {SETTLED: TOLD, PENDING: WAITS}.get(event.status, FAILED)


def describe_paper(case: CaseEvents, ours: str, theirs: str) -> list[dict[str, Any]]:
    """What `case show` prints of them under `on_paper`, in the order in which they were done; the two words name whose
    act and whose statement it is."""
    found = sorted(statements(case), key=lambda one: (one[0].sent, one[0].key))
    return [
        {
            "id": one.id,
            "act": one.act,
            "by": ours if one.actor == case.own else theirs,
            "stated_by": ours if one.stated_by == case.own else theirs,
            "channel": one.channel,
            "done": instant_text(one.sent),
            "received": None
            if one.received is None
            else {"earliest": instant_text(one.received.earliest), "latest": instant_text(one.received.latest)},
            "persons": sorted(one.persons),
            "told": told,
            "message": message,
        }
        for one, told, message in found
    ]
