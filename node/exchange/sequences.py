"""The counters of messages between two nodes of this kind: what was seen of the other's, and what is missing.

A sender counts its messages to each receiver without gaps; the number is signed, so it is never given to another
message. `seen` says in each message the highest number of the other that its writer had processed. A receiver that
misses a number below that knows that a message was lost, hidden, or never became one here: refused before it was kept,
or ended by its sender before it was sent. Which of these is for the two parties to find out; the number stays missing
until such a message comes.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, FromClause, Select, bindparam, select, update

from node.exchange.peers import PEER
from node.store.columns import table_of
from node.store.prepared import Prepared
from node.store.tables import Message

MESSAGE = table_of(Message)
NEXT = MESSAGE.alias("next")

_BATCH = 500
"""Numbers read at once."""


def _numbers(table: FromClause = MESSAGE) -> Select[Any]:
    # That they are not null is said for the index, which holds numbered messages only.
    return select(table.c.sequence).where(
        table.c.peer == bindparam("of"), table.c.direction == "in", table.c.sequence.is_not(None)
    )


_HIGHEST = Prepared(_numbers().order_by(MESSAGE.c.sequence.desc()).limit(1))
_FOLLOWING = (
    _numbers().where(MESSAGE.c.sequence > bindparam("mark")).order_by(MESSAGE.c.sequence).limit(bindparam("limit"))
)
_PAST_GAPS = Prepared(_FOLLOWING)
_UNLESS_GAP = Prepared(_FOLLOWING.where(_numbers(NEXT).where(NEXT.c.sequence == bindparam("next")).exists()))
_MARK = Prepared(select(PEER.c.sequence_in).where(PEER.c.party == bindparam("of")))
# Another process may have moved it further meanwhile.
_MOVE = Prepared(
    update(PEER)
    .where(PEER.c.party == bindparam("of"), PEER.c.sequence_in < bindparam("to"))
    .values(sequence_in=bindparam("to"))
)


def highest_seen(connection: Connection, peer: str) -> int:
    """The highest number among the messages of `peer` that we have processed, received or rejected; 0 for none."""
    return _HIGHEST.scalar(connection, of=peer) or 0


def advance_marks(connection: Connection, peers: Iterable[str]) -> None:
    """Move the mark of each of these peers up to the highest number below which none is missing.

    One that stands before a gap costs one look, however many numbers stand beyond.
    """
    for peer in sorted(set(peers)):
        mark = _mark(connection, peer)
        highest = mark
        for number in _from(connection, peer, mark):
            if number > highest + 1:
                break
            highest = number
        if highest > mark:
            _MOVE.run(connection, of=peer, to=highest)


def missing_numbers(connection: Connection, peer: str, limit: int) -> list[tuple[int, int]]:
    """The numbers that are missing below the highest seen, as (first, last), lowest first, at most `limit` spans."""
    spans: list[tuple[int, int]] = []
    before = _mark(connection, peer)
    for number in _from(connection, peer, before, past_gaps=True):
        if number > before + 1:
            spans.append((before + 1, number - 1))
            if len(spans) == limit:
                break
        before = number
    return spans


def _mark(connection: Connection, peer: str) -> int:
    return _MARK.scalar(connection, of=peer) or 0


def _from(connection: Connection, peer: str, mark: int, past_gaps: bool = False) -> Iterator[int]:
    """The numbers above `mark`, lowest first; none at all when the next one is missing, unless `past_gaps`."""
    while True:
        if past_gaps:
            rows = _PAST_GAPS.rows(connection, of=peer, mark=mark, limit=_BATCH)
        else:
            rows = _UNLESS_GAP.rows(connection, of=peer, mark=mark, limit=_BATCH, next=mark + 1)
        numbers = [row.sequence for row in rows]
        yield from numbers
        if len(numbers) < _BATCH:
            return
        mark = numbers[-1]
