"""A database that is behind what was kept of its log beside the keys: held until a person says how things stand.

While it is held nothing is sent, and the log gets no new positions; messages are taken in and queued. The numbers of
messages to peers go on beyond any that the lost span can have used, so that none is given twice. A person who settles
the alarm lets the node go on from this database.
"""

from sqlalchemy import func, insert, select, update

from node.audit.entry import Json, append, entry
from node.audit.kept_head import Head
from node.audit.sequencer import freeze
from node.crash_points import crash_point
from node.exchange.node import Node
from node.exchange.peers import PEER
from node.exchange.settlement import ALARM
from node.store.columns import new_row_id

KIND = "database-behind"
# Each message that was queued in the lost span has its entry in the log; so many more may have been queued after the
# head was kept, within a second.
MORE_NUMBERS = 1000

_IS_OPEN = (ALARM.c.kind == KIND, ALARM.c.settled_at.is_(None))


def hold(node: Node, found: Head, kept: Head) -> None:
    """Freeze the log of a database that is behind, let numbers go on beyond the lost span, raise an alarm."""
    now = node.now()
    lost = max(0, kept.size - found.size)
    detail = f"the log in this database has {found.size} entries, and {kept.size} had been kept beside the keys"
    with node.database.write() as connection:
        freeze(connection)
        numbered = update(PEER).where(PEER.c.depesha.is_(True))
        connection.execute(numbered.values(sequence_out=PEER.c.sequence_out + lost + MORE_NUMBERS))
        connection.execute(insert(ALARM).values(id=new_row_id(now), time=now, kind=KIND, detail=detail))
        facts: dict[str, Json] = {
            "size": found.size,
            "root": found.root.hex(),
            "kept_size": kept.size,
            "kept_root": kept.root.hex(),
        }
        append(connection, [entry(type="log.behind", at=now, actor="node", facts=facts)], node.kek)
        crash_point("behind: before commit")
    crash_point("behind: after commit")


def is_settled(node: Node) -> bool:
    """Whether a person has settled the alarm of a database that is held."""
    with node.database.read() as connection:
        return not connection.scalar(select(func.count()).select_from(ALARM).where(*_IS_OPEN))


def release(node: Node, found: Head) -> None:
    """Go on from a database that was held, once its alarm is settled: the log gets positions again."""
    now = node.now()
    with node.database.write() as connection:
        freeze(connection, frozen=False)
        append(connection, [entry(type="log.released", at=now, actor="node", facts={"size": found.size})], node.kek)
        crash_point("released: before commit")
    crash_point("released: after commit")
