"""Which message is the current version of which: what the acts that give a document a new version come to."""

from collections.abc import Sequence
from dataclasses import dataclass

from node.records.procedure_events import Event


@dataclass(frozen=True, slots=True)
class Version:
    """The message `current` holds what `message` held; `by` are the messages that say so, oldest first."""

    message: str
    current: str
    by: tuple[str, ...]


def current_versions(renewed: Sequence[Event]) -> tuple[Version, ...]:
    """Of each message that has a new version (`Event.new`, else the message that says so), the current one.

    `renewed` are in the order in which they count; of two about one message the later one counts.
    """
    newest: dict[str, Event] = {one.concerning: one for one in renewed if one.concerning is not None}
    return tuple(_followed(message, newest) for message in newest)


def _followed(message: str, newest: dict[str, Event]) -> Version:
    current, by, met = message, [], set()
    while current in newest and current not in met:
        met.add(current)
        by.append(newest[current].id)
        current = newest[current].new or newest[current].id
    return Version(message, current, tuple(by))
