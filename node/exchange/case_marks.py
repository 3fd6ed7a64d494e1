"""Marking cases whose clock is to be looked at anew, in the transaction that changes what it rests on.

A mark costs the message path nothing but two columns of a row that it writes anyway; what follows from the change is
computed afterwards, by `case_clocks`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, case, literal, null, select, update

from node.store.columns import Instant, table_of
from node.store.prepared import Prepared, among
from node.store.tables import CaseMember, ExchangeCase

CASE, MEMBER = table_of(ExchangeCase), table_of(CaseMember)

CHANGED = datetime(1970, 1, 1, tzinfo=UTC)
"""`clock_at` of a case that was itself changed: to be looked at now, with those that its records name."""
TOUCHED = CHANGED + timedelta(microseconds=1)
"""`clock_at` of a case of which something elsewhere has changed: another's list of persons, terms, a calendar."""

CLOCK_CHANGED: dict[str, Any] = {
    # What is of no domain runs by no procedure.
    "clock_at": case((CASE.c.domain.is_(None), null()), else_=literal(CHANGED, Instant())),
    "clock_version": CASE.c.clock_version + 1,
}
"""The columns of a case that an act changed, for an UPDATE of its row."""
TOUCH: dict[str, Any] = {
    # One that was itself changed stays so. A look that is under way counts for nothing either way.
    "clock_at": case((CASE.c.clock_at == CHANGED, CASE.c.clock_at), else_=literal(TOUCHED, Instant())),
    "clock_version": CASE.c.clock_version + 1,
}
"""The columns of a case of which something elsewhere has changed."""
_TOUCH_NAMED = Prepared(
    update(CASE)
    .where(
        CASE.c.id.in_(select(MEMBER.c.case_id).where(MEMBER.c.party == bindparam("peer"))),
        among(CASE.c.conversation_id, "conversations"),
        CASE.c.domain.is_not(None),
    )
    .values(TOUCH)
)


def touch_cases_with(connection: Connection, peer: str, domain: str | None = None) -> None:
    """Mark the cases with `peer` (of the domain of this name): terms or calendars between us have changed."""
    with_peer = CASE.c.id.in_(select(MEMBER.c.case_id).where(MEMBER.c.party == peer))
    of_domain = CASE.c.domain.is_not(None) if domain is None else CASE.c.domain == domain
    connection.execute(update(CASE).where(with_peer, of_domain).values(TOUCH))


def touch_cases_named(connection: Connection, peer: str, conversations: Sequence[str]) -> None:
    """Mark the cases with `peer` of these ConversationIds, which a record of another case names."""
    if conversations:
        _TOUCH_NAMED.run(connection, peer=peer, conversations=sorted(set(conversations)))
