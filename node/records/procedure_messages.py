"""From a message, or an act recorded by hand, to the events that the engine takes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from node.records.procedure_acts import ActInRecord, StatedAct
from node.records.procedure_events import SETTLED, Event, Span


@dataclass(frozen=True, slots=True)
class MessageFacts:
    """What is known of a message besides its record.

    `writer` is the role of the party that wrote it; `sent` its `eb:Timestamp`, `received` that of its receipt.
    `conversation` is the case that its header names. `disputed`: the receipt's time lies outside the attempt.
    """

    id: str
    writer: str
    conversation: str
    sent: datetime
    received: Span | None = None
    sequence: int | None = None
    seen: int | None = None
    status: str = SETTLED
    disputed: bool = False
    occurred: datetime | None = None
    recorded: datetime | None = None


def events_of(message: MessageFacts, acts: Iterable[ActInRecord], case: str) -> tuple[Event, ...]:
    """The events that the message brings to the case with the ConversationId `case`; none where it names it nowhere.

    `acts` are all acts of its record (`acts_in`): an act has the same index in every case and on both sides.
    """
    return tuple(
        Event(
            id=message.id,
            act=act.act,
            actor=message.writer,
            sent=message.sent,
            received=message.received,
            sequence=message.sequence,
            seen=message.seen,
            index=index,
            persons=act.persons,
            concerning=act.concerning,
            until=act.until,
            day=act.day,
            hindered=act.hindered,
            new=act.new,
            party=act.party,
            instead_of=act.instead_of,
            status=message.status,
            occurred=message.occurred,
            recorded=message.recorded,
            disputed=message.disputed,
        )
        for index, act in enumerate(acts)
        if (act.case or message.conversation) == case
    )


def event_on_paper(id: str, told: StatedAct, stated_by: str, recorded: datetime, status: str = SETTLED) -> Event:
    """The event of an act that was not done on the wire.

    `id` is that of the message that tells of it, or of the entry made by hand; `stated_by` the role of who says so.
    """
    return Event(
        id=id,
        act=told.act.act,
        actor=told.by,
        sent=told.done,
        received=None if told.received is None else Span.at(told.received),
        persons=told.act.persons,
        concerning=told.act.concerning,
        until=told.act.until,
        day=told.act.day,
        hindered=told.act.hindered,
        status=status,
        channel=told.channel,
        stated_by=stated_by,
        occurred=told.done,
        recorded=recorded,
    )
