"""What pages ask the tables: cases of a view, messages of a case, partners, places in the log. It only reads."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Join,
    RowMapping,
    Select,
    Subquery,
    and_,
    case,
    false,
    func,
    not_,
    or_,
    select,
    true,
)

from node.access import Person, sees_unit
from node.exchange.handling import WITHDRAWN
from node.store.columns import table_of
from node.store.tables import Alarm, CaseMember, ExchangeCase, LoggedEntry, Message, Peer
from node.web.views import Partner, View
from node.web.words import FAILED

MESSAGES_SHOWN = 500
"""A case with more messages shows its first ones; procedures have a dozen."""

CASE, MEMBER, MESSAGE = table_of(ExchangeCase), table_of(CaseMember), table_of(Message)
PEER, LOGGED, ALARM = table_of(Peer), table_of(LoggedEntry), table_of(Alarm)


def case_numbers(connection: Connection, person: Person, party: str | None, notices: Sequence[str]) -> dict[View, int]:
    """How many cases each view has for this person."""
    views = _views(notices)
    counting = [func.count(case((condition, 1))).label(name) for name, condition in views.items()]
    query = select(*counting).select_from(_joined(_last_messages(notices))).where(*_within(person, party))
    return dict(zip(views, connection.execute(query).one(), strict=True))


def cases_of_view(
    connection: Connection, person: Person, view: View, party: str | None, notices: Sequence[str], start: int, many: int
) -> Sequence[RowMapping]:
    """Rows of `exchange_case` with `last`, the row id of the newest message that is no notice; newest change first."""
    last = _last_messages(notices)
    query = (
        select(CASE, last.c.last)
        .select_from(_joined(last))
        .where(*_within(person, party), _views(notices)[view])
        .order_by(CASE.c.changed_at.desc(), CASE.c.id.desc())
        .offset(start)
        .limit(many)
    )
    return connection.execute(query).mappings().all()


def find_case(connection: Connection, person: Person, alias: str) -> RowMapping | None:
    """The case of that number, if this person may know of it."""
    year, _dash, number = alias.partition("-")
    query = select(CASE).where(CASE.c.alias_year == int(year), CASE.c.alias_number == int(number))
    found = connection.execute(query).mappings().one_or_none()
    if found is None or alias_of(found) != alias or not sees_unit(person.unit, found["unit"]):
        return None
    return found


def alias_of(found: RowMapping) -> str:
    return f"{found['alias_year']}-{found['alias_number']:04d}"


def messages_of(connection: Connection, case_id: int) -> Sequence[RowMapping]:
    """The messages of a case, oldest first: the n-th has the number n on pages."""
    query = select(MESSAGE).where(MESSAGE.c.case_id == case_id).order_by(MESSAGE.c.id).limit(MESSAGES_SHOWN)
    return connection.execute(query).mappings().all()


def messages_by_id(connection: Connection, ids: Sequence[int]) -> dict[int, RowMapping]:
    rows = connection.execute(select(MESSAGE).where(MESSAGE.c.id.in_(ids))).mappings()
    return {row["id"]: row for row in rows}


def first_message(connection: Connection, case_id: int, notices: Sequence[str]) -> RowMapping | None:
    """The message that opened the case."""
    query = select(MESSAGE).where(MESSAGE.c.case_id == case_id, MESSAGE.c.service.not_in(notices))
    return connection.execute(query.order_by(MESSAGE.c.id).limit(1)).mappings().one_or_none()


def unread_cases(connection: Connection, case_ids: Sequence[int], notices: Sequence[str]) -> set[int]:
    """Which of the cases hold a received message that no officer has opened."""
    query = select(MESSAGE.c.case_id).where(MESSAGE.c.case_id.in_(case_ids), _unread(notices))
    return set(connection.scalars(query))


def is_unread(row: RowMapping, notices: Sequence[str]) -> bool:
    """The same of one message."""
    received = row["direction"] == "in" and row["state"] == "received"
    return received and row["opened_at"] is None and row["service"] not in notices


def log_positions(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[int | None, bool]]:
    """For each message that has log entries: the position of the newest (None while it waits for one), and True."""
    newest = select(LOGGED.c.message, func.max(LOGGED.c.id).label("id")).where(LOGGED.c.message.in_(ids))
    last = newest.group_by(LOGGED.c.message).subquery()
    rows = connection.execute(select(LOGGED.c.message, LOGGED.c.position).join(last, last.c.id == LOGGED.c.id))
    return {row.message: (row.position, True) for row in rows}


def partners(connection: Connection, own: str, case_id: int | None = None) -> tuple[Partner, ...]:
    """The other members of a case, or of all cases."""
    query = select(MEMBER.c.party).distinct().where(MEMBER.c.party != own).order_by(MEMBER.c.party)
    if case_id is not None:
        query = query.where(MEMBER.c.case_id == case_id)
    return named(connection, list(connection.scalars(query)))


def named(connection: Connection, parties: Sequence[str]) -> tuple[Partner, ...]:
    """The parties with their names; a party that is no peer any more is called by its id."""
    rows = connection.execute(select(PEER.c.party, PEER.c.name).where(PEER.c.party.in_(parties)))
    names = {row.party: row.name for row in rows}
    return tuple(Partner(party, names.get(party) or party) for party in parties)


def count_alarms(connection: Connection, person: Person) -> int:
    """How many alarms are open that this person may know of."""
    query = select(func.count()).select_from(_ALARMS).where(*_alarms_within(person), ALARM.c.settled_at.is_(None))
    return connection.scalar(query) or 0


def open_alarms(connection: Connection, person: Person, after: int, many: int) -> Sequence[RowMapping]:
    """Open alarms with a higher id than `after`, oldest first, as `find_alarm` gives them."""
    within = (*_alarms_within(person), ALARM.c.settled_at.is_(None), ALARM.c.id > after)
    return connection.execute(_alarms().where(*within).order_by(ALARM.c.id).limit(many)).mappings().all()


def find_alarm(connection: Connection, person: Person, alarm: int) -> RowMapping | None:
    """The row of `alarm`, settled or open, with `message_id`, `alias_year`, `alias_number` and `n` of its message; None
    if it is not there for this person."""
    query = _alarms().where(*_alarms_within(person), ALARM.c.id == alarm)
    return connection.execute(query).mappings().one_or_none()


# An alarm need not be about a message.
_ALARMS = ALARM.outerjoin(MESSAGE, MESSAGE.c.id == ALARM.c.message).outerjoin(CASE, CASE.c.id == MESSAGE.c.case_id)


def _alarms() -> Select[Any]:
    # Under another name: MESSAGE stands for the alarm's own.
    every = MESSAGE.alias()
    place = select(func.count()).where(every.c.case_id == MESSAGE.c.case_id, every.c.id <= MESSAGE.c.id)
    columns = (MESSAGE.c.message_id, CASE.c.alias_year, CASE.c.alias_number, place.scalar_subquery().label("n"))
    return select(ALARM, *columns).select_from(_ALARMS)


def _alarms_within(person: Person) -> list[ColumnElement[bool]]:
    """`node.access.sees_unit` in SQL, of the case that an alarm's message is in."""
    return [] if person.unit is None else [or_(CASE.c.unit.is_(None), CASE.c.unit == person.unit)]


def _within(person: Person, party: str | None) -> list[ColumnElement[bool]]:
    """What of all cases this list is about; the first condition is `node.access.sees_unit` in SQL."""
    unit = true() if person.unit is None else or_(CASE.c.unit.is_(None), CASE.c.unit == person.unit)
    if party is None:
        return [unit]
    return [unit, CASE.c.id.in_(select(MEMBER.c.case_id).where(MEMBER.c.party == party))]


def _last_messages(notices: Sequence[str]) -> Subquery:
    newest = select(MESSAGE.c.case_id, func.max(MESSAGE.c.id).label("last")).where(MESSAGE.c.service.not_in(notices))
    return newest.group_by(MESSAGE.c.case_id).subquery()


def _joined(last: Subquery) -> Join:
    return CASE.outerjoin(last, last.c.case_id == CASE.c.id).outerjoin(MESSAGE, MESSAGE.c.id == last.c.last)


def _views(notices: Sequence[str]) -> dict[View, ColumnElement[bool]]:
    is_open = CASE.c.closed_at.is_(None)
    # Under another name: MESSAGE stands for the last message here.
    every = MESSAGE.alias()
    took_back = and_(MESSAGE.c.state == "refused", MESSAGE.c.error_detail.startswith(WITHDRAWN))
    withdrawn = func.coalesce(took_back, false())
    failed = or_(MESSAGE.c.state.in_(FAILED), MESSAGE.c.state == "rejected")
    unread = select(every.c.case_id).where(_unread(notices, every))
    return {
        View.OPEN: is_open,
        View.UNREAD: and_(is_open, CASE.c.id.in_(unread)),
        View.OURS: and_(is_open, or_(and_(MESSAGE.c.direction == "in", MESSAGE.c.state == "received"), withdrawn)),
        View.THEIRS: and_(is_open, MESSAGE.c.direction == "out", MESSAGE.c.state.not_in(FAILED)),
        View.TROUBLE: and_(is_open, failed, not_(withdrawn)),
        View.CLOSED: CASE.c.closed_at.is_not(None),
    }


def _unread(notices: Sequence[str], table: FromClause = MESSAGE) -> ColumnElement[bool]:
    c = table.c
    return and_(c.direction == "in", c.state == "received", c.opened_at.is_(None), c.service.not_in(notices))
