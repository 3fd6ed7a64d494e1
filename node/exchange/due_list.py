"""What is due in all open cases, in one ordered list, as clocks order it: deadlines, and what was asked without one."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from typing import Any

from sqlalchemy import Connection, select

from node.access.accounts import AccountError, Role, find_account, list_users
from node.access.permissions import sees_unit
from node.exchange.assignment import LOOKING_AFTER
from node.exchange.breaches import breaches_due
from node.exchange.case_standing import Standing, standings
from node.exchange.case_view import BOTH, NOBODY, OURS
from node.exchange.cases import CASE, alias, seen_by_unit
from node.exchange.listing import instant_text
from node.exchange.node import Node
from node.exchange.recall_rows import recall_requests, recalls_due
from node.exchange.refused_mails import refused_mails_due
from node.records.clocks import Deadline, Due, Ends, MayMove, Silence, due, seen_by
from node.records.procedure_view import DISPUTED, UNKNOWN
from node.records.procedures import Procedure
from node.store.columns import instant_of

_READ = (
    "id", "opener", "conversation_id", "domain", "version", "unit", "officer", "unread", "alias_year", "alias_number",
)  # fmt: skip
"""What is read of every case."""


def due_now(
    node: Node, connection: Connection, unit: str | None = None, *, refused_mails: bool = True
) -> tuple[Due, ...]:
    """What is due at this instant, in the order in which it is to be looked at; of `unit`, and of cases of no unit.
    Reminders that were refused are left out unless `refused_mails`."""
    now = node.now()
    absent = {one.handle for one in list_users(connection, removed=True) if one.is_away(now)}
    mistakes = chain(recalls_due(connection, unit), breaches_due(connection, unit))
    refused = refused_mails_due(connection, unit) if refused_mails else ()
    return due(chain(_deadlines(node, connection, unit, now), mistakes, refused), now, absent=absent)


def due_of(node: Node, connection: Connection, account: str, unit: str | None = None) -> tuple[Due, ...]:
    """Of `due_now`, in its order: what an officer (by account name or handle) has, and what went to the team; a head
    has all of the unit.

    Raises AccountError where `unit` has no officer or head of that name.
    """
    person = find_account(connection, account)
    if person.role not in LOOKING_AFTER or not sees_unit(unit, person.unit):
        whose = "" if unit is None else f" of unit {unit}, or of none"
        raise AccountError(f"{account} is no {' or '.join(LOOKING_AFTER)}{whose}. `depesha user list` shows them.")
    return seen_by(due_now(node, connection, unit), person.unit, person.handle, head=person.role is Role.HEAD)


def describe_due(one: Due) -> dict[str, Any]:
    """One line of `depesha due`; times in UTC, `left_seconds` below nought where it is over."""
    deadline = one.deadline
    return {
        "case": deadline.case,
        "act": deadline.act,
        "awaits": OURS if deadline.ours else "theirs",
        "started": instant_text(deadline.started),
        "end": instant_text(deadline.ends.earliest),
        "latest_end": instant_text(deadline.ends.latest),
        "may_move": [
            {"day": near.day.isoformat(), "name": near.name, "calendar": near.party} for near in deadline.ends.near
        ],
        "left_seconds": int(one.left.total_seconds()),
        "over": one.over,
        "undelivered": deadline.undelivered,
        "first": one.first,
        "silence": deadline.silence.value,
        "unit": deadline.unit or None,
        "officer": deadline.officer,
        "reach": one.reach.value,
        "own_rule": deadline.own_rule,
    }


def _deadlines(node: Node, connection: Connection, unit: str | None, now: datetime) -> Iterator[Deadline]:
    domains = sorted({one.name for one in node.domains if isinstance(one.procedure, Procedure)})
    columns = [CASE.c[name] for name in _READ]
    query = select(*columns).where(CASE.c.closed_at.is_(None), CASE.c.domain.in_(domains)).order_by(CASE.c.id)
    rows = [dict(row) for row in connection.execute(query.where(*seen_by_unit(unit))).mappings()]
    answer_time = timedelta(days=node.settings.answer_days)
    recalls = recall_requests(connection)
    for row, standing in zip(rows, standings(node, connection, rows, now), strict=True):
        if standing is not None:
            yield from _of_case(standing, row, answer_time)
            yield from _asked(standing, row, answer_time, recalls)


def _of_case(standing: Standing, row: Mapping[str, Any], answer_time: timedelta) -> Iterator[Deadline]:
    for one in standing.periods:
        began = instant_of(one.start)
        if one.earliest is None:
            if one.awaits == NOBODY or one.standing != UNKNOWN:
                continue
            # What is awaited is awaited, too, where terms or calendars give no end.
            earliest = latest = began + answer_time
        else:
            earliest = instant_of(one.earliest)
            latest = earliest if one.latest is None else instant_of(one.latest)
        ours = one.awaits in (OURS, BOTH)
        # A list that goes to many names no partner: whose calendar it is stands for the party.
        near = tuple(MayMove(date.fromisoformat(day["day"]), day["name"], day["calendar"]) for day in one.may_move)
        yield Deadline(
            case=alias(row["alias_year"], row["alias_number"]),
            act=one.title,
            started=began,
            ends=Ends(earliest, latest, latest.astimezone(UTC).date(), "UTC", one.standing == DISPUTED, near),
            unit=row["unit"] or "",
            officer=row["officer"],
            silence=Silence.ACCEPTED if one.accepts else Silence.OVERDUE,
            ours=ours,
            undelivered=ours and standing.pending,
            opened=row["unread"] == 0,
            own_rule=one.earliest is None,
        )


def _asked(
    standing: Standing, row: Mapping[str, Any], answer_time: timedelta, recalls: frozenset[str]
) -> Iterator[Deadline]:
    """What was asked and is not answered, where no period runs for it; recalls are due by themselves."""
    for one in standing.asked:
        if one.event in recalls:
            continue
        since = instant_of(one.since)
        yield Deadline(
            case=alias(row["alias_year"], row["alias_number"]),
            act=one.title,
            started=since,
            ends=Ends.at(since + answer_time),
            unit=row["unit"] or "",
            officer=row["officer"],
            silence=Silence.OVERDUE,
            ours=one.ours,
            undelivered=one.ours and one.answered,
            opened=row["unread"] == 0,
            own_rule=True,
        )
