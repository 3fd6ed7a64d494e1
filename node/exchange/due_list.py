"""What is due: the open deadlines of all open cases in one ordered list, as clocks order it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from sqlalchemy import Connection, select

from node.access.accounts import list_users
from node.exchange.breaches import breaches_due
from node.exchange.case_view import BOTH, OURS, ComputedCase, compute_cases
from node.exchange.cases import CASE, alias, seen_by_unit
from node.exchange.listing import instant_text
from node.exchange.node import Node
from node.exchange.recall_rows import recalls_due
from node.records.clocks import Deadline, Due, Ends, Silence, due
from node.records.procedures import Procedure


def due_now(node: Node, connection: Connection, unit: str | None = None) -> tuple[Due, ...]:
    """What is due at this instant, in the order in which it is to be looked at; of `unit`, and of cases of no unit."""
    now = node.now()
    absent = {one.handle for one in list_users(connection, removed=True) if one.is_away(now)}
    mistakes = chain(recalls_due(connection, unit), breaches_due(connection, unit))
    return due(chain(_deadlines(node, connection, unit, now), mistakes), now, absent=absent)


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
        "left_seconds": int(one.left.total_seconds()),
        "over": one.over,
        "undelivered": deadline.undelivered,
        "first": one.first,
        "silence": deadline.silence.value,
        "unit": deadline.unit or None,
        "officer": deadline.officer,
        "reach": one.reach.value,
    }


def _deadlines(node: Node, connection: Connection, unit: str | None, now: datetime) -> Iterator[Deadline]:
    domains = sorted({one.name for one in node.domains if isinstance(one.procedure, Procedure)})
    query = select(CASE).where(CASE.c.closed_at.is_(None), CASE.c.domain.in_(domains)).order_by(CASE.c.id)
    rows = [dict(row) for row in connection.execute(query.where(*seen_by_unit(unit))).mappings()]
    for row, computed in zip(rows, compute_cases(node, connection, rows, now), strict=True):
        if computed is not None:
            yield from _of_case(computed, row)


def _of_case(computed: ComputedCase, row: dict[str, Any]) -> Iterator[Deadline]:
    for one in computed.view.deadlines:
        if one.end is None:
            continue
        awaited = computed.awaited(one)
        ours = awaited in (OURS, BOTH)
        latest = one.end.latest or one.end.earliest
        yield Deadline(
            case=alias(row["alias_year"], row["alias_number"]),
            act=computed.case.procedure.periods[one.period].title,
            started=one.start.earliest,
            ends=Ends(one.end.earliest, latest, latest.astimezone(UTC).date(), "UTC", one.standing == "disputed"),
            unit=row["unit"] or "",
            officer=row["officer"],
            silence=Silence.ACCEPTED if computed.terms.now.silence_accepts(one.period) else Silence.OVERDUE,
            ours=ours,
            undelivered=ours and bool(computed.view.pending),
            opened=row["unread"] == 0,
        )
