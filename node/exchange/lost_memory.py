"""What the counters of a peer's messages tell of a memory that was lost: its own, or ours.

A node that was restored from an old backup, or goes on from a replica that was behind, does not know it. Its messages
show it: it gives numbers again that it gave before, it has forgotten messages that it had seen, or it has seen more of
ours than we know to have sent. Such a message is taken like any other, and a person of ours is told by one alarm for
each peer and kind: what was lost on one side is still there on the other.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from sqlalchemy import Connection, bindparam, func, insert, select

from node.exchange.peers import PEER
from node.exchange.settlement import ALARM, MESSAGE
from node.journal import journal
from node.store.columns import new_row_id
from node.store.prepared import Prepared

PEER_LOST = "peer-lost-memory"
WE_LOST = "own-memory-lost"

log = journal("exchange.lost_memory")

# The highest numbers of a peer up to one, with what each had seen of ours, and the last number that we gave to it.
_UP_TO = Prepared(
    select(MESSAGE.c.id, MESSAGE.c.sequence, MESSAGE.c.seen, PEER.c.sequence_out)
    .join(PEER, PEER.c.party == MESSAGE.c.peer)
    .where(
        MESSAGE.c.peer == bindparam("of"),
        MESSAGE.c.direction == "in",
        MESSAGE.c.sequence.is_not(None),
        MESSAGE.c.sequence <= bindparam("highest"),
    )
    .order_by(MESSAGE.c.sequence.desc(), MESSAGE.c.id.desc())
    .limit(bindparam("limit"))
)
# A group of messages rarely has gaps: so many more rows show what stands below it.
_BELOW = 8


@dataclass(frozen=True, slots=True)
class Loss:
    """What a received message (its row) tells: `kind` of alarm, and in words what was found."""

    kind: str
    row: int
    detail: str


def look_for_losses(connection: Connection, peer: str, numbers: Mapping[int, int], at: datetime) -> None:
    """Raise an alarm for what these new messages of one peer (row: number), written already, tell of a lost memory."""
    if not numbers:
        return
    rows = _UP_TO.rows(connection, of=peer, highest=max(numbers.values()), limit=len(numbers) + _BELOW)
    for loss in losses([(row.id, row.sequence, row.seen or 0) for row in rows], numbers, rows[0].sequence_out):
        _raise(connection, peer, loss, at)


def losses(numbered: Sequence[tuple[int, int, int]], new: Mapping[int, int], given: int) -> Iterator[Loss]:
    """What is wrong with the new ones among messages of a peer (row, number, what it had seen of ours), the highest
    number first; `given` is the last number that we gave to it."""
    for row, _, seen in numbered:
        if row in new and seen > given:
            told = f"it has seen our message number {seen}, and the last that this node knows of is {given}"
            yield Loss(WE_LOST, row, told)
    for (row, number, seen), (row_below, below, seen_below) in pairwise(numbered):
        if row not in new and row_below not in new:
            continue
        late = row if row in new else row_below
        if number == below:
            yield Loss(PEER_LOST, late, f"it gave number {number} to two messages")
        elif seen < seen_below:
            told = f"its message number {below} had seen our number {seen_below}, number {number} only our {seen}"
            yield Loss(PEER_LOST, late, told)


def _raise(connection: Connection, peer: str, loss: Loss, at: datetime) -> None:
    is_open = (ALARM.c.kind == loss.kind, ALARM.c.peer == peer, ALARM.c.settled_at.is_(None))
    if connection.scalar(select(func.count()).select_from(ALARM).where(*is_open)):
        return
    log.warning(loss.kind, peer=peer, message=loss.row, found=loss.detail)
    values = {"id": new_row_id(at), "time": at, "kind": loss.kind, "peer": peer, "message": loss.row}
    connection.execute(insert(ALARM).values(**values, detail=loss.detail))
