"""Reminders that no mail server took, or that came back: each is due for people to look at until its alarm is settled,
since somebody was not told of what they have to do."""

from collections.abc import Iterator

from sqlalchemy import Connection, select

from node.exchange.cases import CASE, alias, seen_by_unit
from node.records.clocks import Deadline, Ends, Silence, said_of_own_rule
from node.store.columns import table_of
from node.store.tables import Alarm, Reminder

_REMINDER, _ALARM = table_of(Reminder), table_of(Alarm)
REFUSED = "a reminder by mail was refused: "
"""What such an item is called, before the act that the reminder was about."""


def refused_mails_due(connection: Connection, unit: str | None) -> Iterator[Deadline]:
    """The reminders that were refused, as `due` takes them, with the end of what they were about."""
    query = (
        select(_REMINDER, CASE.c.alias_year, CASE.c.alias_number, CASE.c.unit, CASE.c.officer)
        .join(_ALARM, _ALARM.c.id == _REMINDER.c.alarm)
        .join(CASE, CASE.c.id == _REMINDER.c.case_id)
        .where(_ALARM.c.settled_at.is_(None), *seen_by_unit(unit))
        .order_by(_REMINDER.c.id)
    )
    for row in connection.execute(query).mappings():
        yield Deadline(
            case=alias(row["alias_year"], row["alias_number"]),
            act=REFUSED + row["act"].removesuffix(said_of_own_rule("")),
            started=row["created_at"],
            ends=Ends.at(row["ends_at"]),
            unit=row["unit"] or "",
            officer=row["officer"],
            silence=Silence.OVERDUE,
            own_rule=row["act"].endswith(said_of_own_rule("")),
        )
