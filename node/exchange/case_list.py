"""The list of cases, narrowed by what a person asks for: partner, domain, state, unit, officer, when it was opened."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, exists

from node.access.accounts import find_account
from node.exchange.case_standing import cases_with_state
from node.exchange.cases import CASE, MEMBER
from node.exchange.listing import case_rows, require_peer
from node.exchange.node import Node
from node.records.domains import Domains
from node.records.procedures import Procedure

_AT_ONCE = 500
"""So many cases are looked at together where their state decides."""


class UnknownState(ValueError):
    """No procedure has a state of that name."""


class DaysRefused(ValueError):
    """The days cannot be those of any case; `field` is the one that is wrong, from or until."""

    def __init__(self, field: str, found: date, expected: str) -> None:
        super().__init__(f"{field}: found {found}, expected {expected}. Correct it, or leave it out.")
        self.field = field
        self.expected = expected


@dataclass(frozen=True, slots=True)
class CasesAsked:
    """Which cases: with `peer` in them, of the domain of that name, in this state, of a `unit` and of none, of an
    `officer` (by account name or handle), opened here on the day `opened_from` or later, and no later than on
    `opened_until`, days of the setting `zone`. None: whichever."""

    peer: str | None = None
    domain: str | None = None
    state: str | None = None
    unit: str | None = None
    officer: str | None = None
    opened_from: date | None = None
    opened_until: date | None = None


Place = tuple[datetime, int]
"""Where a list goes on: last change and row id of the case before."""


def listed_cases(
    node: Node, connection: Connection, asked: CasesAsked, limit: int, after: Place | None = None
) -> tuple[list[dict[str, Any]], Place | None]:
    """Cases as in the list, each with {state, next_deadline}, the one that changed last first; and where the list goes
    on, None where no more follow.

    Raises NotFound (peer), NoSuchDomain, UnknownState, AccountError, DaysRefused.
    """
    where = tuple(_conditions(node, connection, asked))
    found: list[tuple[dict[str, Any], Place]] = []
    for row, described in _described(node, connection, asked, where, limit, after):
        if asked.state not in (None, described["state"]):
            continue
        if len(found) == limit:
            return [one for one, _ in found], found[-1][1]
        found.append((described, (row["changed_at"], row["id"])))
    return [one for one, _ in found], None


def _described(
    node: Node, connection: Connection, asked: CasesAsked, where: tuple[ColumnElement[bool], ...], limit: int,
    after: Place | None,
) -> Iterator[tuple[Mapping[str, Any], dict[str, Any]]]:  # fmt: skip
    """All that fit but for their state, row by row, with what is told of them; read in batches."""
    size = limit + 1 if asked.state is None else _AT_ONCE
    while True:
        rows = case_rows(connection, size, after, asked.unit, where)
        yield from zip(rows, cases_with_state(node, connection, rows), strict=True)
        if len(rows) < size:
            return
        after = rows[-1]["changed_at"], rows[-1]["id"]


def _conditions(node: Node, connection: Connection, asked: CasesAsked) -> Iterator[ColumnElement[bool]]:
    if asked.state is not None:
        _require_state(node.domains, asked)
    if asked.domain is not None:
        yield CASE.c.domain == node.domains.known(asked.domain).name
    if asked.peer is not None:
        require_peer(connection, asked.peer)
        yield exists().where(MEMBER.c.case_id == CASE.c.id, MEMBER.c.party == asked.peer)
    if asked.officer is not None:
        yield CASE.c.officer == find_account(connection, asked.officer).handle
    first, last = asked.opened_from, asked.opened_until
    if first is not None and last is not None and last < first:
        raise DaysRefused("until", last, f"a day not before {first}")
    if first is not None:
        yield CASE.c.created_at >= _begin(node, "from", first)
    if last is not None:
        yield CASE.c.created_at < _begin(node, "until", last, after=timedelta(days=1))


def _begin(node: Node, field: str, day: date, after: timedelta = timedelta()) -> datetime:
    """The first instant of the day `after` this one. Raises DaysRefused at the edge of the calendar."""
    try:
        return datetime.combine(day + after, time.min, ZoneInfo(node.settings.zone or "UTC")).astimezone(UTC)
    except OverflowError as error:
        raise DaysRefused(field, day, "a day of our time") from error


def _require_state(domains: Domains, asked: CasesAsked) -> None:
    """Raises UnknownState where no procedure, or not that of the domain, has it."""
    known = {
        state: None
        for one in domains
        if isinstance(one.procedure, Procedure) and asked.domain in (None, one.name)
        for state in one.procedure.states
    }
    if asked.state not in known:
        raise UnknownState(f"There is no state {asked.state!r}. There are: {', '.join(known)}.")
