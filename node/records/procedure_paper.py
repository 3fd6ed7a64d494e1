"""Acts that were not done on the wire: which statements are of the same act, and which of them count."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from node.records.procedure_events import PENDING, SETTLED, Event, Span

SAME_ACT = timedelta(days=1)
"""Two statements of an act on paper are of the same one if they differ by no more."""


def join_statements(events: Sequence[Event]) -> list[Event]:
    """Acts on paper that both sides have stated become one each, which nobody states alone (`stated_by` None).

    One that a side knows only by its own hand stays marked so: the other side cannot know that both state it.
    """
    joined: list[Event] = [one for one in events if not one.on_paper]
    paper = sorted((one for one in events if one.on_paper), key=lambda one: (one.sent, one.key))
    while paper:
        first = paper.pop(0)
        same = next((other for other in paper if same_act(first, other)), None)
        if same is None:
            joined.append(first)
            continue
        paper.remove(same)
        own = first if first.stated_by == first.actor else same
        received = [one.received for one in (first, same) if one.received is not None]
        both = received[0] if received else Span(first.sent, same.sent)
        for other in received[1:]:
            both = both.over(other)
        by_hand = first.by_hand or same.by_hand
        joined.append(
            replace(own, sent=first.sent, received=both, stated_by=None, sequence=None, seen=None, by_hand=by_hand)
        )
    return joined


def same_act(one: Event, other: Event) -> bool:
    """Whether the two sides' statements are of one act."""
    return (
        one.stated_by != other.stated_by
        and (one.act, one.actor, one.persons, one.until) == (other.act, other.actor, other.persons, other.until)
        and abs(other.sent - one.sent) <= SAME_ACT
    )


def told_besides(events: Sequence[Event]) -> list[Event]:
    """Statements that wait for their receipts, of acts which their party has recorded already: they add nothing yet."""
    stated = [one for one in events if one.on_paper and one.status == SETTLED]
    return [
        one
        for one in events
        if one.on_paper and one.status == PENDING and any(is_told_by(one, other) for other in stated)
    ]


def without_told(by_hand: Sequence[Event], told: Sequence[Event]) -> list[Event]:
    """What was recorded by hand, without what the same party has told the other of: then that counts, once.

    A statement that waits for its receipt, was refused or given up leaves what was recorded as it was.
    """
    arrived = [one for one in told if one.on_paper and one.status == SETTLED]
    return [one for one in by_hand if not any(is_told_by(one, other) for other in arrived)]


def is_told_by(one: Event, other: Event) -> bool:
    """Whether `other`, of the same party, tells of what that has recorded."""
    return (
        one.stated_by == other.stated_by
        and (one.act, one.actor, one.persons) == (other.act, other.actor, other.persons)
        and abs(other.sent - one.sent) <= SAME_ACT
    )
