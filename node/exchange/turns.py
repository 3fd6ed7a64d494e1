"""How a case stands, kept with the case itself: its newest message, whose turn it is, what of it nobody has read.

Lists of cases are read through indexes of these columns, so that they take the same time among a million messages as
among a hundred. Whoever adds a message, or changes the state of one, says so here in the same transaction. Notices
report on other messages: they neither take a turn nor wait to be read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, func, or_, select, update

from node.exchange.case_marks import CLOCK_CHANGED
from node.store.columns import table_of
from node.store.prepared import Prepared, among
from node.store.tables import ExchangeCase, Message

CASE, MESSAGE = table_of(ExchangeCase), table_of(Message)

FAILED = ("refused", "stale", "given-up")
"""Outgoing states in which a person must do something."""
WITHDRAWN = "withdrawn by a person"
"""How the detail of a message begins that a person of ours took back; its state is `refused` too."""

OURS, THEIRS, TROUBLE, NOBODY = "ours", "theirs", "trouble", "nobody"
"""Whose turn a case is: after a message received or taken back; sent; refused or not delivered; where there is none."""
TURNS = (OURS, THEIRS, TROUBLE, NOBODY)


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message that was put into its case: row ids, direction (out, in) and state."""

    case_id: int
    message: int
    direction: str
    state: str
    notice: bool


def turn_of(direction: str, state: str, error_detail: str | None = None) -> str:
    """Whose turn a case is whose newest message is this one."""
    if state == "refused" and (error_detail or "").startswith(WITHDRAWN):
        return OURS
    if state == "rejected" or state in FAILED:
        return TROUBLE
    return OURS if direction == "in" else THEIRS


def _turn() -> ColumnElement[str]:
    """`turn_of` in SQL, of a row of `message`."""
    withdrawn = and_(MESSAGE.c.state == "refused", MESSAGE.c.error_detail.startswith(WITHDRAWN))
    return case(
        (func.coalesce(withdrawn, False), OURS),
        (or_(*(MESSAGE.c.state == state for state in (*FAILED, "rejected"))), TROUBLE),
        (MESSAGE.c.direction == "in", OURS),
        else_=THEIRS,
    )


# Row ids rise: a message that another process committed before may be the newer one all the same.
_NEWER = func.coalesce(CASE.c.last_message, 0) < bindparam("message")
_CAME = Prepared(
    update(CASE)
    .where(CASE.c.id == bindparam("of_case"))
    .values(
        changed_at=bindparam("at"),
        turn=case((_NEWER, bindparam("turn_now")), else_=CASE.c.turn),
        last_message=case((_NEWER, bindparam("message")), else_=CASE.c.last_message),
        unread=CASE.c.unread + bindparam("more_unread"),
        **CLOCK_CHANGED,
    )
)
_CHANGED = Prepared(
    update(CASE)
    .where(
        CASE.c.id.in_(select(MESSAGE.c.case_id).where(among(MESSAGE.c.id, "messages"))),
    )
    .values(
        turn=func.coalesce(select(_turn()).where(MESSAGE.c.id == CASE.c.last_message).scalar_subquery(), CASE.c.turn),
        **CLOCK_CHANGED,
    )
)


def messages_came(connection: Connection, new: Sequence[NewMessage], now: datetime) -> None:
    """Note that these messages were put into their cases, which changed now."""
    by_case: dict[int, list[NewMessage]] = {}
    for one in new:
        by_case.setdefault(one.case_id, []).append(one)
    changes = []
    for case_id, messages in sorted(by_case.items()):  # in one order, so that two processes never wait for each other
        turns = [one for one in messages if not one.notice]
        last = max(turns, key=lambda one: one.message, default=None)
        changes.append(
            {
                "of_case": case_id,
                "at": now,
                "message": 0 if last is None else last.message,
                "turn_now": NOBODY if last is None else turn_of(last.direction, last.state),
                "more_unread": sum(one.direction == "in" and one.state == "received" for one in turns),
            }
        )
    _CAME.run_many(connection, changes)


def states_changed(connection: Connection, messages: Iterable[int]) -> None:
    """Note that these messages (row ids), already in their cases, came to another state."""
    _CHANGED.run(connection, messages=sorted(set(messages)))


def message_read(connection: Connection, case_id: int) -> None:
    """Note that a received message of the case, which nobody had read, was opened."""
    connection.execute(update(CASE).where(CASE.c.id == case_id).values(unread=CASE.c.unread - 1))
