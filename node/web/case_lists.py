"""The lists of cases: how many each view holds, and a page of one of them. It only reads.

A list is read through the indexes of `exchange_case`, each of which holds the cases of one turn (and unit) in the order
of their last change: a page takes its rows from the ends of a few such ranges, and counting stops at `MANY`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    RowMapping,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    or_,
    select,
    type_coerce,
    union_all,
)

from node.access import Person
from node.exchange.cases import seen_by_unit
from node.exchange.turns import OURS, THEIRS, TROUBLE, TURNS
from node.store.columns import table_of
from node.store.tables import CaseMember, ExchangeCase
from node.web.views import Number, View

MANY = 1000
"""Nobody works through more: a number above is shown as more than this."""
MANY_OF_PARTNER = 100
"""The same where one partner's cases have to be picked from those of all."""
FEW = 10_000
"""Up to so many cases, a partner's are read alone."""

CASE, MEMBER = table_of(ExchangeCase), table_of(CaseMember)
_OPEN = CASE.c.closed_at.is_(None)
_TURN_OF_VIEW = {View.OURS: OURS, View.THEIRS: THEIRS, View.TROUBLE: TROUBLE}
_Conditions = tuple[ColumnElement[bool], ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of a view: rows of `exchange_case`, newest change first, and whether more follow; every view's number."""

    numbers: dict[View, Number]
    rows: Sequence[RowMapping]
    more: bool


def list_cases(connection: Connection, person: Person, view: View, party: str | None, start: int, many: int) -> Listed:
    """The rows of a view from the `start`-th on (0 is the first), `many` at most, of cases that this person may see.

    `party`: those alone that it is a member of.
    """
    if party is not None and _has_few(connection, party):
        return _of_few(connection, person, party, view, start, many)
    ids = _page(connection, person, view, party, start, many + 1)
    return Listed(_numbers(connection, person, party), _rows(connection, ids[:many]), len(ids) > many)


def _rows(connection: Connection, ids: Sequence[int]) -> Sequence[RowMapping]:
    found = {row["id"]: row for row in connection.execute(select(CASE).where(CASE.c.id.in_(ids))).mappings()}
    return [found[case_id] for case_id in ids]


def _has_few(connection: Connection, party: str) -> bool:
    some = select(MEMBER.c.case_id).where(MEMBER.c.party == party).limit(FEW + 1).subquery()
    return (connection.scalar(select(func.count()).select_from(some)) or 0) <= FEW


def _of_few(connection: Connection, person: Person, party: str, view: View, start: int, many: int) -> Listed:
    """Goes through all cases of the party, twice."""
    cases = MEMBER.join(CASE, CASE.c.id == MEMBER.c.case_id)
    within = (MEMBER.c.party == party, *seen_by_unit(person.unit))
    counts = [func.count(case((_is_in(each), 1))) for each in View]
    found = connection.execute(select(*counts).select_from(cases).where(*within)).one()
    # By an expression: in the order of an index all cases would have to be gone through.
    newest = (type_coerce(CASE.c.changed_at, BigInteger) + 0).desc()
    page = select(CASE.c.id).select_from(cases).where(*within, _is_in(view)).order_by(newest, CASE.c.id.desc())
    ids = list(connection.scalars(page.offset(start).limit(many + 1)))
    numbers = {each: _number(count, MANY) for each, count in zip(View, found, strict=True)}
    return Listed(numbers, _rows(connection, ids[:many]), len(ids) > many)


def _is_in(view: View) -> ColumnElement[bool]:
    if view is View.OPEN:
        return _OPEN  # whoever's turn it is
    return or_(*(and_(*conditions) for conditions in _ranges(view)))


def _ranges(view: View) -> list[_Conditions]:
    """The ranges of an index that make up a view."""
    match view:
        case View.OPEN:
            return [(_OPEN, CASE.c.turn == turn) for turn in TURNS]
        case View.UNREAD:
            return [(_OPEN, CASE.c.unread > 0)]
        case View.CLOSED:
            return [(CASE.c.closed_at.is_not(None),)]
        case _:
            return [(_OPEN, CASE.c.turn == _TURN_OF_VIEW[view])]


@dataclass(frozen=True, slots=True)
class _Scope:
    """What of all cases a query is about: those that a unit sees, those of a party. Both are given when it runs."""

    unit: bool
    party: bool

    def within(self, ranges: Iterable[_Conditions]) -> list[Select[Any]]:
        """A query of row id and last change for each range; the units are `node.access.sees_unit` in SQL."""
        units: list[_Conditions] = [()]
        if self.unit:
            units = [(CASE.c.unit.is_(None),), (CASE.c.unit == bindparam("of_unit"),)]
        member = exists().where(MEMBER.c.case_id == CASE.c.id, MEMBER.c.party == bindparam("of_party"))
        of_party = (member,) if self.party else ()
        return [
            select(CASE.c.id, CASE.c.changed_at).where(*conditions, *unit, *of_party)
            for conditions, unit in product(ranges, units)
        ]


def _given(person: Person, party: str | None) -> tuple[_Scope, dict[str, Any]]:
    scope = _Scope(person.unit is not None, party is not None)
    values = {"of_unit": person.unit, "of_party": party}
    return scope, {name: value for name, value in values.items() if value is not None}


def _page(
    connection: Connection, person: Person, view: View, party: str | None, start: int, many: int
) -> list[int]:  # fmt: skip
    scope, values = _given(person, party)
    given = values | {"start": start, "many": many, "end": start + many}
    return list(connection.scalars(_page_query(scope, view), given))


# Queries are put together once: that takes longer than to run them.
@cache
def _page_query(scope: _Scope, view: View) -> Select[Any]:
    end = bindparam("end", type_=Integer)
    ends = [
        select(query.order_by(CASE.c.changed_at.desc(), CASE.c.id.desc()).limit(end).subquery())
        for query in scope.within(_ranges(view))
    ]
    all_ = union_all(*ends).subquery()
    in_order = select(all_.c.id).order_by(all_.c.changed_at.desc(), all_.c.id.desc())
    return in_order.offset(bindparam("start", type_=Integer)).limit(bindparam("many", type_=Integer))


def _numbers(connection: Connection, person: Person, party: str | None) -> dict[View, Number]:
    most = MANY if party is None else MANY_OF_PARTNER
    scope, values = _given(person, party)
    found = connection.execute(_numbers_query(scope), values | {"most": most + 1}).one()
    return {view: _number(count, most) for view, count in zip(View, found, strict=True)}


@cache
def _numbers_query(scope: _Scope) -> Select[Any]:
    def counted(ranges: list[_Conditions]) -> ColumnElement[int]:
        counts: list[ColumnElement[int]] = []
        for query in scope.within(ranges):
            some = query.limit(bindparam("most", type_=Integer)).subquery()
            counts.append(select(func.count()).select_from(some).scalar_subquery())
        total = counts[0]
        for count in counts[1:]:
            total = total + count
        return total

    columns: list[ColumnElement[Any]] = [counted(_ranges(view)).label(view.name) for view in View]
    made: Select[Any] = select(*columns)
    return made


def _number(count: int, most: int) -> Number:
    return Number(min(count, most), count > most)
