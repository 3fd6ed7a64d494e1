"""Who looks after cases, and who is away: what is due goes to the team meanwhile."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from node.access.accounts import AccountError, Person, find_account, list_users, set_away
from node.access.permissions import sees_unit
from node.audit.entry import append, entry
from node.exchange.assignment import LOOKING_AFTER
from node.exchange.listing import instant_text
from node.exchange.node import Node


def list_officers(connection: Connection, unit: str | None = None) -> list[dict[str, Any]]:
    """Accounts that may have a case, of `unit` and of none.

    Dicts {handle, name, role, unit, away_from, away_until}.
    """
    return [
        describe_officer(one)
        for one in list_users(connection)
        if one.role in LOOKING_AFTER and sees_unit(unit, one.unit)
    ]


def describe_officer(one: Person) -> dict[str, Any]:
    """An account as the list has it."""
    return {
        "handle": one.handle,
        "name": one.name,
        "role": one.role.value,
        "unit": one.unit,
        "away_from": instant_text(one.away_from),
        "away_until": instant_text(one.away_until),
    }


def note_absence(node: Node, account: str, first: date | None, last: date | None, actor: str) -> Person:
    """The account (its name or handle) is away from the begin of `first`, without it from now, to the end of `last`,
    without it until told otherwise. Days are of the setting `zone`. Raises AccountError.
    """
    zone = ZoneInfo(node.settings.zone or "UTC")
    try:
        begin = node.now() if first is None else datetime.combine(first, time.min, zone).astimezone(UTC)
        end = None if last is None else datetime.combine(last + timedelta(days=1), time.min, zone).astimezone(UTC)
        return _note(node, account, begin, end, actor)
    except OverflowError as error:
        raise AccountError("a day at the edge of the calendar: give one of our time.") from error


def end_absence(node: Node, account: str, actor: str) -> Person:
    """The account (its name or handle) is there again. Raises AccountError."""
    return _note(node, account, None, None, actor)


def _note(node: Node, account: str, first: datetime | None, until: datetime | None, actor: str) -> Person:
    with node.database.write() as connection:
        person = find_account(connection, account)
        set_away(connection, person.name, first, until)
        noted = find_account(connection, account)
        facts = {"from": instant_text(noted.away_from), "until": instant_text(noted.away_until)}
        facts |= {"account": person.handle}
        made = entry(type="account.absence", at=node.now(), actor=actor, facts=facts)
        append(connection, [made], node.kek)
    return noted
