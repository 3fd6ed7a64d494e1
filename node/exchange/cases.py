"""Cases: who opened one under which ConversationId, who belongs to it, and the local number that people see.

A case is the pair (party that opened it, ConversationId). A message names the ConversationId alone: it belongs to the
case with that id of which its sender is a member, one that we opened first of all; where there is none, it opens a case
of its own. So no party reaches into another's case by repeating its ConversationId, nor keeps that id from its owner.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from node.store.columns import new_row_id, table_of
from node.store.rows import insert_rows
from node.store.tables import CaseMember, CaseNumber, ExchangeCase

CASE = table_of(ExchangeCase)
MEMBER = table_of(CaseMember)
NUMBER = table_of(CaseNumber)
# No more digits than a column of 32 bits takes.
_ALIAS = re.compile(r"[0-9]{4}-[0-9]{1,9}")
_ALIAS_BEGINS = re.compile(r"[0-9]{4}-")


# Made once: to put a statement together takes several times as long as to run it.
_TOUCH = update(CASE).where(CASE.c.id.in_(bindparam("touched", expanding=True))).values(changed_at=bindparam("at"))


def find_cases(connection: Connection, own: str, peer: str, conversations: Iterable[str]) -> dict[str, int]:
    """Row ids of the cases that `peer` is a member of, by ConversationId; our own cases before the peer's."""
    wanted = set(conversations)
    if not wanted:
        return {}
    query = (
        select(CASE.c.conversation_id, CASE.c.id, CASE.c.opener)
        .join(MEMBER, MEMBER.c.case_id == CASE.c.id)
        .where(CASE.c.conversation_id.in_(wanted), MEMBER.c.party == peer)
    )
    found: dict[str, int] = {}
    for conversation, case_id, opener in connection.execute(query):
        if conversation not in found or opener == own:
            found[conversation] = case_id
    return found


def open_case(
    connection: Connection,
    *,
    opener: str,
    conversation_id: str,
    members: Iterable[str],
    now: datetime,
    domain: str | None = None,
    version: str | None = None,
    unit: str | None = None,
) -> int:
    """Open a case and give it the next local number of the year; returns its row id."""
    case_id = new_row_id(now)
    row = {
        "id": case_id,
        "opener": opener,
        "conversation_id": conversation_id,
        "alias_year": now.year,
        "alias_number": _next_number(connection, now.year),
        "domain": domain,
        "version": version,
        "unit": unit,
        "created_at": now,
        "changed_at": now,
    }
    insert_rows(connection, CASE, [row])
    insert_rows(connection, MEMBER, [{"case_id": case_id, "party": party} for party in sorted(set(members))])
    return case_id


def touch_cases(connection: Connection, case_ids: Iterable[int], now: datetime) -> None:
    """Note that something happened in these cases."""
    connection.execute(_TOUCH, {"touched": sorted(set(case_ids)), "at": now})


def alias(year: int, number: int) -> str:
    """The local number as people read it: 2026-0417."""
    return f"{year}-{number:04d}"


def is_alias(name: str) -> bool:
    """Whether `name` has the form of a local number; whether there is such a case is another matter."""
    return _ALIAS.fullmatch(name) is not None


def begins_like_alias(name: str) -> bool:
    """Whether `name` begins as a local number does: then a number was meant, perhaps mistyped."""
    return _ALIAS_BEGINS.match(name) is not None


def resolve_case(connection: Connection, name: str) -> Mapping[str, object] | None:
    """The case called `name`: a local number (2026-0417) or a ConversationId; None when there is none.

    Where several parties opened a case under one ConversationId the oldest is taken; its number tells them apart.
    """
    if is_alias(name):
        year, _, number = name.partition("-")
        by_alias = select(CASE).where(CASE.c.alias_year == int(year), CASE.c.alias_number == int(number))
        row = connection.execute(by_alias).mappings().one_or_none()
        if row is not None:
            return dict(row)
    by_id = select(CASE).where(CASE.c.conversation_id == name).order_by(CASE.c.id)
    row = connection.execute(by_id).mappings().first()
    return None if row is None else dict(row)


def members_of(connection: Connection, case_id: int) -> list[str]:
    """The parties of a case, sorted."""
    return list(connection.scalars(select(MEMBER.c.party).where(MEMBER.c.case_id == case_id).order_by(MEMBER.c.party)))


def count_cases(connection: Connection) -> int:
    """How many cases there are."""
    return connection.scalar(select(func.count()).select_from(CASE)) or 0


def _next_number(connection: Connection, year: int) -> int:
    make = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
    statement = (
        make(NUMBER)
        .values(year=year, last=1)
        .on_conflict_do_update(index_elements=["year"], set_={"last": NUMBER.c.last + 1})
        .returning(NUMBER.c.last)
    )
    number: int = connection.execute(statement).scalar_one()
    return number
