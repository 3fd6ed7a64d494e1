"""What pages ask the tables: a case, its messages, partners, alarms, places in the log. It only reads."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, exists, func, select

from node.access import Person, sees_unit
from node.exchange.cases import seen_by_unit
from node.store.columns import table_of
from node.store.tables import Alarm, CaseMember, ExchangeCase, LoggedEntry, Message, Peer
from node.web.views import Partner

MESSAGES_SHOWN = 500
"""A case with more messages shows its first ones; procedures have a dozen."""

CASE, MEMBER, MESSAGE = table_of(ExchangeCase), table_of(CaseMember), table_of(Message)
PEER, LOGGED, ALARM = table_of(Peer), table_of(LoggedEntry), table_of(Alarm)


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


def first_messages(connection: Connection, case_ids: Sequence[int], notices: Sequence[str]) -> dict[int, RowMapping]:
    """The message that opened each of the cases, by row id of the case."""
    within = (MESSAGE.c.case_id.in_(case_ids), MESSAGE.c.service.not_in(notices))
    first = select(func.min(MESSAGE.c.id)).where(*within).group_by(MESSAGE.c.case_id)
    return {row["case_id"]: row for row in messages_by_id(connection, list(connection.scalars(first))).values()}


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


def partners(connection: Connection, own: str, case_id: int) -> tuple[Partner, ...]:
    """The other members of a case."""
    return partners_of(connection, own, [case_id]).get(case_id, ())


def partners_of(connection: Connection, own: str, case_ids: Sequence[int]) -> dict[int, tuple[Partner, ...]]:
    """The other members of each of these cases."""
    query = select(MEMBER.c.case_id, MEMBER.c.party, PEER.c.name).outerjoin(PEER, PEER.c.party == MEMBER.c.party)
    found: dict[int, tuple[Partner, ...]] = {}
    within = query.where(MEMBER.c.case_id.in_(case_ids), MEMBER.c.party != own).order_by(MEMBER.c.party)
    for row in connection.execute(within):
        found[row.case_id] = (*found.get(row.case_id, ()), Partner(row.party, row.name or row.party))
    return found


def partners_with_cases(connection: Connection) -> tuple[Partner, ...]:
    """The peers, removed ones too, that are members of any case."""
    query = select(PEER.c.party, PEER.c.name).where(exists().where(MEMBER.c.party == PEER.c.party))
    rows = connection.execute(query.order_by(PEER.c.party))
    return tuple(Partner(row.party, row.name or row.party) for row in rows)


def named(connection: Connection, parties: Sequence[str]) -> tuple[Partner, ...]:
    """The parties with their names; a party that is no peer any more is called by its id."""
    rows = connection.execute(select(PEER.c.party, PEER.c.name).where(PEER.c.party.in_(parties)))
    names = {row.party: row.name for row in rows}
    return tuple(Partner(party, names.get(party) or party) for party in parties)


def count_alarms(connection: Connection, person: Person) -> int:
    """How many alarms are open that this person may know of."""
    query = select(func.count()).select_from(_ALARMS).where(*seen_by_unit(person.unit), ALARM.c.settled_at.is_(None))
    return connection.scalar(query) or 0


def open_alarms(connection: Connection, person: Person, after: int, many: int) -> Sequence[RowMapping]:
    """Open alarms with a higher id than `after`, oldest first, as `find_alarm` gives them."""
    within = (*seen_by_unit(person.unit), ALARM.c.settled_at.is_(None), ALARM.c.id > after)
    return connection.execute(_alarms().where(*within).order_by(ALARM.c.id).limit(many)).mappings().all()


def find_alarm(connection: Connection, person: Person, alarm: int) -> RowMapping | None:
    """The row of `alarm`, settled or open, with `message_id`, `alias_year`, `alias_number` and `n` of its message; None
    if it is not there for this person."""
    query = _alarms().where(*seen_by_unit(person.unit), ALARM.c.id == alarm)
    return connection.execute(query).mappings().one_or_none()


# An alarm need not be about a message.
_ALARMS = ALARM.outerjoin(MESSAGE, MESSAGE.c.id == ALARM.c.message).outerjoin(CASE, CASE.c.id == MESSAGE.c.case_id)


def _alarms() -> Select[Any]:
    # Under another name: MESSAGE stands for the alarm's own.
    every = MESSAGE.alias()
    place = select(func.count()).where(every.c.case_id == MESSAGE.c.case_id, every.c.id <= MESSAGE.c.id)
    columns = (MESSAGE.c.message_id, CASE.c.alias_year, CASE.c.alias_number, place.scalar_subquery().label("n"))
    return select(ALARM, *columns).select_from(_ALARMS)
