"""What the tables say of cases against what their messages say."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from node.exchange.cases import CASE
from node.exchange.settlement import MESSAGE
from node.exchange.turns import NOBODY, turn_of

NOTICE = "urn:depesha:notice:"


@dataclass(frozen=True)
class Turn:
    """How a case stands: its newest message that is no notice, whose turn it is, how many messages nobody read."""

    last: int | None
    turn: str
    unread: int


def as_told(connection: Connection) -> dict[int, Turn]:
    """By row id of the case, as its row says."""
    rows = connection.execute(select(CASE.c.id, CASE.c.last_message, CASE.c.turn, CASE.c.unread))
    return {row.id: Turn(row.last_message, row.turn, row.unread) for row in rows}


def by_messages(connection: Connection) -> dict[int, Turn]:
    """The same, counted anew from the messages."""
    turns = dict.fromkeys(connection.scalars(select(CASE.c.id)), Turn(None, NOBODY, 0))
    for row in connection.execute(select(MESSAGE).order_by(MESSAGE.c.id)):
        if row.service.startswith(NOTICE):
            continue
        unread = row.direction == "in" and row.state == "received" and row.opened_at is None
        before = turns[row.case_id].unread
        turns[row.case_id] = Turn(row.id, turn_of(row.direction, row.state, row.error_detail), before + unread)
    return turns
