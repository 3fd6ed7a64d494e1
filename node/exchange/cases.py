"""Cases: who opened one under which ConversationId, who belongs to it, and the local number that people see.

A case is the pair (party that opened it, ConversationId). A message names the ConversationId alone: it belongs to the
case with that id of which its sender is a member, one that we opened first of all; where there is none, it opens a case
of its own. So no party reaches into another's case by repeating its ConversationId, nor keeps that id from its owner.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Insert, bindparam, or_, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from node.store.columns import new_row_id, table_of
from node.store.prepared import Prepared, among
from node.store.rows import insert_rows
from node.store.tables import CaseMember, CaseNumber, ExchangeCase

CASE = table_of(ExchangeCase)
MEMBER = table_of(CaseMember)
NUMBER = table_of(CaseNumber)
# No more digits than a column of 32 bits takes.
_ALIAS = re.compile(r"[0-9]{4}-[0-9]{1,9}")
_ALIAS_BEGINS = re.compile(r"[0-9]{4}-")


def _more_numbers(dialect: str) -> Insert:
    make: Any = postgresql_insert if dialect == "postgresql" else sqlite_insert
    made: Insert = (
        make(NUMBER)
        .values(year=bindparam("of_year"), last=bindparam("more"))
        .on_conflict_do_update(index_elements=["year"], set_={"last": NUMBER.c.last + bindparam("more")})
        .returning(NUMBER.c.last)
    )
    return made


_FIND = Prepared(
    select(CASE.c.conversation_id, CASE.c.id, CASE.c.opener)
    .join(MEMBER, MEMBER.c.case_id == CASE.c.id)
    .where(among(CASE.c.conversation_id, "wanted"), MEMBER.c.party == bindparam("member"))
)
_OPENED = Prepared(
    select(CASE.c.conversation_id).where(CASE.c.opener == bindparam("party"), among(CASE.c.conversation_id, "wanted"))
)
_MORE_NUMBERS = Prepared(_more_numbers)
_MEMBERS = Prepared(
    select(MEMBER.c.case_id, MEMBER.c.party).where(among(MEMBER.c.case_id, "of_cases")).order_by(MEMBER.c.party)
)


@dataclass(frozen=True, slots=True)
class NewCase:
    """A case to be opened."""

    opener: str
    conversation_id: str
    members: Iterable[str]
    now: datetime
    domain: str | None = None
    version: str | None = None
    unit: str | None = None


def find_cases(connection: Connection, own: str, peer: str, conversations: Iterable[str]) -> dict[str, int]:
    """Row ids of the cases that `peer` is a member of, by ConversationId; our own cases before the peer's."""
    wanted = sorted(set(conversations))
    if not wanted:
        return {}
    found: dict[str, int] = {}
    for conversation, case_id, opener in _FIND.rows(connection, wanted=wanted, member=peer):
        if conversation not in found or opener == own:
            found[conversation] = case_id
    return found


def opened_by(connection: Connection, party: str, conversations: Iterable[str]) -> set[str]:
    """Those of the ConversationIds under which the party has opened a case."""
    wanted = sorted(set(conversations))
    return {row.conversation_id for row in _OPENED.rows(connection, party=party, wanted=wanted)} if wanted else set()


def open_cases(connection: Connection, opened: Sequence[NewCase]) -> list[int]:
    """Open these cases and give each, in their order, the next local number of its year; returns their row ids."""
    ids = [new_row_id(one.now) for one in opened]
    last = {
        year: _MORE_NUMBERS.rows(connection, of_year=year, more=count)[0].last - count
        for year, count in Counter(one.now.year for one in opened).items()
    }
    rows, members = [], []
    for case_id, one in zip(ids, opened, strict=True):
        last[one.now.year] += 1
        rows.append(
            {
                "id": case_id,
                "opener": one.opener,
                "conversation_id": one.conversation_id,
                "alias_year": one.now.year,
                "alias_number": last[one.now.year],
                "domain": one.domain,
                "version": one.version,
                "unit": one.unit,
                "created_at": one.now,
                "changed_at": one.now,
            }
        )
        members += [{"case_id": case_id, "party": party} for party in sorted(set(one.members))]
    insert_rows(connection, CASE, rows)
    insert_rows(connection, MEMBER, members)
    return ids


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


def opener_of(connection: Connection, name: str | None, case_id: int | None) -> str | None:
    """Who opened the case of this row id, or else of this name; None where there is no such case yet."""
    if case_id is not None:
        found: str | None = connection.scalar(select(CASE.c.opener).where(CASE.c.id == case_id))
        return found
    row = None if name is None else resolve_case(connection, name)
    return None if row is None else str(row["opener"])


def seen_by_unit(unit: str | None) -> tuple[ColumnElement[bool], ...]:
    """`node.access.sees_unit` in SQL, of a row of `exchange_case`: a unit sees its own cases, and those of no unit."""
    return () if unit is None else (or_(CASE.c.unit.is_(None), CASE.c.unit == unit),)


def members_of(connection: Connection, case_id: int) -> list[str]:
    """The parties of a case, sorted."""
    return members_of_cases(connection, [case_id])[case_id]


def members_of_cases(connection: Connection, case_ids: Sequence[int]) -> dict[int, list[str]]:
    """The same of many cases, by their row ids."""
    members: dict[int, list[str]] = {case_id: [] for case_id in case_ids}
    for case_id, party in _MEMBERS.rows(connection, of_cases=[*members]):
        members[case_id].append(party)
    return members
