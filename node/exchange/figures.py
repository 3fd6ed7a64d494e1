"""Figures of all cases: by year, partner, procedure and outcome how many, how long, overdue and deemed.

The smallest are hidden, and with them what would give them back (`node.records.small_numbers`): a table of figures may
leave the house, the list of cases may not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from statistics import median
from typing import Any

from sqlalchemy import Connection, select

from node.exchange.case_standing import Standing, standings
from node.exchange.cases import CASE, members_of_cases, seen_by_unit
from node.exchange.node import Node
from node.records.cells import csv_text
from node.records.small_numbers import Counted, hidden
from node.store.columns import instant_of

COLUMNS = (
    "level", "year", "partner", "procedure", "outcome", "cases", "median_days", "longest_days", "overdue", "deemed",
)  # fmt: skip
LEVELS = ("all", "year", "partner", "procedure", "outcome")
_READ = ("id", "opener", "conversation_id", "domain", "version", "created_at", "changed_at")
"""What is read of every case."""
AT_ONCE = 500
"""So many cases are read together; what they share is read once."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What figures say of one case. `outcome` is its state, None where it runs by no procedure."""

    year: int
    partner: str
    procedure: str | None
    outcome: str | None
    days: int
    overdue: bool = False
    deemed: bool = False

    def place(self, depth: int) -> tuple[str, ...]:
        """Its place in the table down to this level (1: the year), in the order of the lines."""
        keys = (str(self.year), self.partner, self.procedure or "", self.outcome or "")
        return keys[:depth]


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of the table: the cases that it counts, and the lines that make it up."""

    depth: int
    cases: Sequence[Ended]
    parts: Sequence["_Line"]

    def all(self) -> Iterator["_Line"]:
        yield self
        for part in self.parts:
            yield from part.all()

    def counted(self, happened: str | None = None) -> Counted:
        """The same as counts; `happened` names what is counted within."""
        within = 0 if happened is None else sum(getattr(one, happened) for one in self.cases)
        return Counted(len(self.cases), within, [part.counted(happened) for part in self.parts])


def figures(node: Node, connection: Connection, unit: str | None = None) -> list[dict[str, Any]]:
    """The table, each line {level, year, partner, …}; null for a number that is hidden, and for what a total has not.

    `unit`: of its cases, and of cases of none.
    """
    return table_of_figures(list(_cases(node, connection, unit, node.now())))


def table_of_figures(cases: Sequence[Ended]) -> list[dict[str, Any]]:
    """The table of these cases: the total of all first, then by year, partner, procedure and outcome with the total of
    each."""
    if not cases:
        return []
    total = _line(sorted(cases, key=lambda one: one.place(4)), 0)
    few = hidden(total.counted())
    overdue, deemed = hidden(total.counted("overdue"), few), hidden(total.counted("deemed"), few)
    return [_row(line, place in few, place in overdue, place in deemed) for place, line in enumerate(total.all())]


def figures_as_csv(rows: Sequence[dict[str, Any]]) -> str:
    """The table as CSV; nothing stands for a number that is hidden."""
    return csv_text([COLUMNS, *([row[name] for name in COLUMNS] for row in rows)])


def _line(cases: Sequence[Ended], depth: int) -> _Line:
    if depth == len(LEVELS) - 1:
        return _Line(depth, cases, ())
    parts = [_line(list(some), depth + 1) for _, some in groupby(cases, key=lambda one: one.place(depth + 1))]
    return _Line(depth, cases, parts)


def _row(line: _Line, few: bool, few_overdue: bool, few_deemed: bool) -> dict[str, Any]:
    first, days = line.cases[0], [one.days for one in line.cases]
    keys: tuple[Any, ...] = (first.year, first.partner, first.procedure, first.outcome)
    named = dict(zip(LEVELS[1:], keys[: line.depth] + (None,) * (4 - line.depth), strict=True))
    return {
        "level": LEVELS[line.depth],
        **named,
        "cases": None if few else len(line.cases),
        "median_days": None if few else median(days),
        "longest_days": None if few else max(days),
        "overdue": None if few_overdue else sum(one.overdue for one in line.cases),
        "deemed": None if few_deemed else sum(one.deemed for one in line.cases),
    }


def _cases(node: Node, connection: Connection, unit: str | None, now: datetime) -> Iterator[Ended]:
    last = 0
    while True:
        columns = [CASE.c[name] for name in _READ]
        query = select(*columns).where(CASE.c.id > last, *seen_by_unit(unit)).order_by(CASE.c.id).limit(AT_ONCE)
        rows = [dict(row) for row in connection.execute(query).mappings()]
        if not rows:
            return
        last = rows[-1]["id"]
        members = members_of_cases(connection, [row["id"] for row in rows])
        for row, standing in zip(rows, standings(node, connection, rows, now), strict=True):
            partner = next((one for one in members[row["id"]] if one != node.party), node.party)
            yield _ended(row, partner, standing, now)


def _ended(row: dict[str, Any], partner: str, standing: Standing | None, now: datetime) -> Ended:
    if standing is None:
        days = max((row["changed_at"] - row["created_at"]).days, 0)
        return Ended(row["created_at"].year, partner, row["domain"], None, days)
    began = row["created_at"] if standing.began is None else instant_of(standing.began)
    until = now
    # Where a period runs, or has run out without an effect, somebody is still waited for.
    if standing.reached is not None and not standing.periods:
        reached = instant_of(standing.reached)
        until = max(reached, now) if standing.reached_now else reached
    return Ended(
        year=began.year,
        partner=partner,
        procedure=row["domain"],
        outcome=standing.state,
        days=max((until - began).days, 0),
        overdue=standing.overdue,
        deemed=standing.deemed,
    )
