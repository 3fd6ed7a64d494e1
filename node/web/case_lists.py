"""The lists of cases: how many each view holds, and a page of one of them. It only reads.

A list is read through the indexes of `exchange_case`, each of which holds the cases of one turn (and unit) in the order
of their last change: a page takes its rows from the ends of a few such ranges, and counting stops at `MANY`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, exists, func, select, union_all

from node.access import Person, sees_unit
from node.exchange.turns import OURS, THEIRS, TROUBLE, TURNS
from node.store.columns import table_of
from node.store.tables import CaseMember, ExchangeCase
from node.web.views import Number, View

MANY = 1000
"""Nobody works through more: a number above is shown as more than this."""
MANY_OF_PARTNER = 100
"""The same where one partner's cases have to be picked from those of all."""
FEW = 2000
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
    few = None if party is None else _few(connection, party)
    if few is not None:
        return _of_few(connection, person, few, view, start, many)
    ids = _page(connection, person, view, party, start, many + 1)
    return Listed(_numbers(connection, person, party), _rows(connection, ids[:many]), len(ids) > many)


def _rows(connection: Connection, ids: Sequence[int]) -> Sequence[RowMapping]:
    found = {row["id"]: row for row in connection.execute(select(CASE).where(CASE.c.id.in_(ids))).mappings()}
    return [found[case_id] for case_id in ids]


def _few(connection: Connection, party: str) -> list[int] | None:
    """The row ids of the party's cases, None if they are more than a few."""
    query = select(MEMBER.c.case_id).where(MEMBER.c.party == party).limit(FEW + 1)
    ids = list(connection.scalars(query))
    return ids if len(ids) <= FEW else None


def _of_few(
    connection: Connection, person: Person, ids: Sequence[int], view: View, start: int, many: int
) -> Listed:  # fmt: skip
    columns = (CASE.c.id, CASE.c.changed_at, CASE.c.closed_at, CASE.c.turn, CASE.c.unread, CASE.c.unit)
    cases = connection.execute(select(*columns).where(CASE.c.id.in_(ids))).all()
    seen = [one for one in cases if sees_unit(person.unit, one.unit)]
    of_view = {each: [one for one in seen if _is_in(one, each)] for each in View}
    wanted = sorted(of_view[view], key=lambda one: (one.changed_at, one.id), reverse=True)[start : start + many + 1]
    numbers = {each: _number(len(found), MANY) for each, found in of_view.items()}
    return Listed(numbers, _rows(connection, [one.id for one in wanted[:many]]), len(wanted) > many)


def _is_in(one: Any, view: View) -> bool:
    if one.closed_at is not None or view is View.CLOSED:
        return one.closed_at is not None and view is View.CLOSED
    return view is View.OPEN or (one.unread > 0 if view is View.UNREAD else one.turn == _TURN_OF_VIEW[view])


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


def _seen(person: Person) -> list[_Conditions]:
    """`node.access.sees_unit` in SQL, as ranges."""
    return [()] if person.unit is None else [(CASE.c.unit.is_(None),), (CASE.c.unit == person.unit,)]


def _within(ranges: Iterable[_Conditions], person: Person, party: str | None) -> list[Select[Any]]:
    """A query of row id and last change for each range, of cases that the person may see and the party is member of."""
    member = exists().where(MEMBER.c.case_id == CASE.c.id, MEMBER.c.party == party)
    of_party = () if party is None else (member,)
    return [
        select(CASE.c.id, CASE.c.changed_at).where(*conditions, *unit, *of_party)
        for conditions, unit in product(ranges, _seen(person))
    ]


def _page(
    connection: Connection, person: Person, view: View, party: str | None, start: int, many: int
) -> list[int]:  # fmt: skip
    ends = [
        select(query.order_by(CASE.c.changed_at.desc(), CASE.c.id.desc()).limit(start + many).subquery())
        for query in _within(_ranges(view), person, party)
    ]
    all_ = union_all(*ends).subquery()
    query = select(all_.c.id).order_by(all_.c.changed_at.desc(), all_.c.id.desc()).offset(start).limit(many)
    return list(connection.scalars(query))


def _numbers(connection: Connection, person: Person, party: str | None) -> dict[View, Number]:
    most = MANY if party is None else MANY_OF_PARTNER

    def counted(ranges: list[_Conditions]) -> ColumnElement[int]:
        counts: list[ColumnElement[int]] = []
        for query in _within(ranges, person, party):
            some = query.limit(most + 1).subquery()
            counts.append(select(func.count()).select_from(some).scalar_subquery())
        total = counts[0]
        for count in counts[1:]:
            total = total + count
        return total

    columns = [counted(_ranges(view)).label(view.name) for view in View]
    found = connection.execute(select(*columns)).one()
    return {view: _number(count, most) for view, count in zip(View, found, strict=True)}


def _number(count: int, most: int) -> Number:
    return Number(min(count, most), count > most)
