"""Our own days off as a record, proposed from public holidays: a person corrects it, and it is sent as any record."""

from dataclasses import asdict, dataclass
from typing import Any

from node.exchange.node import Node
from node.records.clocks import NoCalendar, make_calendar_record, proposal


class NoProposal(Exception):
    """Nothing can be proposed; the text says why."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """`content` is XML; `estimated` are days with their names that depend on the moon, or are not decreed yet."""

    party: str
    content: str
    estimated: list[str]

    def as_value(self) -> dict[str, Any]:
        """As commands and programs have it."""
        return asdict(self)


def propose_calendar(node: Node, country: str | None, first: int, last: int) -> Proposal:
    """The days off of `country` (None: the one that the settings name) in the years from `first` to `last`.

    Raises NoProposal.
    """
    whose = country or node.settings.country
    if whose is None:
        raise NoProposal("country: none is set. Say whose public holidays, as SRB.")
    now = node.now()
    try:
        calendar = proposal(whose, first, last, node.party, now)
        _, _, content = make_calendar_record(node.domains, calendar, now)
    except (NoCalendar, ValueError) as error:
        raise NoProposal(str(error)) from error
    estimated = [f"{one.day.isoformat()} {one.name}" for one in calendar.days_off.values() if one.estimated]
    return Proposal(node.party, content.decode(), estimated)
