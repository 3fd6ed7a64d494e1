"""What a node keeps of a doubt about its own clock: an alarm while it lasts, and what is put right when it has ended.

The alarm names the machine, since the processes of a node may run on several. It ends when the clock is known to be
right, or when a person settles it: a recorded act that says so.
"""

import platform
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, func, insert, select, text, true, update

from node.audit.entry import LogEntry, append, entry
from node.crash_points import crash_point
from node.exchange import outbox
from node.exchange.alarms import SETTLED, settle_alarms_of
from node.exchange.clock import ALLOWED_DIFFERENCE
from node.exchange.due import OUTBOX, PEER_DELIVERY
from node.exchange.node import Node
from node.exchange.settlement import ALARM, MESSAGE
from node.store.columns import new_row_id

KIND = "clock"
# Settled as it is raised: of what was recorded before it, nothing speaks against the clock any more.
RIGHT = "clock-right"
# What only a clock that stood ahead, or a certificate judged by it, may have ended.
ENDED_BY_TIME = ("given-up", "stale")

# Any constant number would do; all processes of a node use the same.
_DOUBT_LOCK = 0x44455045_00000006


def newest_recorded(connection: Connection) -> datetime | None:
    """The latest instant that this node has recorded, before which its clock cannot stand; None where nothing tells.

    What was recorded before a doubt that has ended says nothing: then the clock may have stood ahead. Of a doubt that
    lasts it is what was recorded before it began: nothing that came since takes it away.
    """
    since = _last_right(connection)
    begun = connection.scalar(_open(func.min(ALARM.c.id)))
    newest = []
    for table, counts in ((MESSAGE, true()), (ALARM, ALARM.c.kind.not_in((KIND, RIGHT)))):
        last = select(table.c.time).where(table.c.id > since, counts).order_by(table.c.id.desc()).limit(1)
        newest.append(last)
        if begun is not None:
            newest.append(last.where(table.c.id < begun))
    instants = [connection.scalar(query) for query in newest]
    return max((instant for instant in instants if instant is not None), default=None)


def open_doubt(connection: Connection) -> bool:
    """Whether a doubt about this machine's clock lasts."""
    return connection.scalar(_open(func.min(ALARM.c.id))) is not None


def settled_by_a_person(connection: Connection) -> bool:
    """Whether a person has settled the alarm, and so said that the clock is right, and nothing came of that yet."""
    mine = ALARM.c.detail.startswith(_machine(), autoescape=True)
    settled = select(ALARM.c.id).where(ALARM.c.kind == KIND, ALARM.c.settled_at.is_not(None), mine)
    return connection.scalar(settled.where(ALARM.c.id > _last_right(connection)).limit(1)) is not None


def begin(node: Node, found: str) -> None:
    """Raise the alarm, unless it is raised already. Raises StoreUnavailable."""
    with node.database.write() as connection:
        _one_at_a_time(connection)
        if open_doubt(connection):
            return
        now = node.now()
        alarm = new_row_id(now)
        connection.execute(insert(ALARM).values(id=alarm, time=now, kind=KIND, detail=f"{_machine()}{found}"))
        append(connection, [entry(type="clock.doubted", at=now, actor="node", facts={"alarm": str(alarm)})], node.kek)
        crash_point("doubt: before commit")
    crash_point("doubt: after commit")


def end(node: Node, found: str) -> int:
    """The clock is known to be right, by what was `found` or by a person's word: settle the alarm, and put right what
    the doubt, or a clock that stood wrong before it, did to what waits. Returns how many messages are tried again.

    Whatever waits has its whole time for attempts anew. What was given up, or found stale, at a time that has not come
    yet was ended by a clock that stood ahead: it is tried again. Raises StoreUnavailable.
    """
    with node.database.write() as connection:
        _one_at_a_time(connection)
        now = node.now()
        entries = []
        for alarm in connection.scalars(_open(ALARM.c.id)).all():
            connection.execute(update(ALARM).where(ALARM.c.id == alarm).values(settled_at=now))
            facts = {"alarm": str(alarm), "kind": KIND}
            entries.append(entry(type=SETTLED, at=now, actor="node", facts=facts))
        right = {"id": new_row_id(now), "time": now, "settled_at": now, "kind": RIGHT}
        connection.execute(insert(ALARM).values(detail=f"{_machine()}{found}", **right))
        again = _revive(node, connection, now)
        whole = {"gives_up_at": node.retries.gives_up_at(now)}
        connection.execute(update(OUTBOX).where(OUTBOX.c.first_attempt_at.is_not(None)).values(whole))
        since = PEER_DELIVERY.c.failing_since
        connection.execute(update(PEER_DELIVERY).where(since.is_not(None)).values(failing_since=now))
        append(connection, [*entries, *again], node.kek)
        crash_point("doubt ends: before commit")
    crash_point("doubt ends: after commit")
    return len(again)


def _revive(node: Node, connection: Connection, now: datetime) -> list[LogEntry]:
    query = (
        select(MESSAGE)
        .join(ALARM, ALARM.c.message == MESSAGE.c.id)
        .where(
            ALARM.c.kind == MESSAGE.c.state,
            ALARM.c.kind.in_(ENDED_BY_TIME),
            ALARM.c.settled_at.is_(None),
            ALARM.c.time > now + ALLOWED_DIFFERENCE,
        )
        .order_by(MESSAGE.c.id)
    )
    entries = []
    for row in connection.execute(query).mappings().all():
        outbox.requeue(connection, row["id"], row["peer"], row["case_id"], now, node.retries)
        settle_alarms_of(connection, row["id"], now)
        entries.append(
            entry(
                type="message.requeued",
                at=now,
                actor="node",
                facts={"state": row["state"]},
                peer=row["peer"],
                case=row["conversation_id"],
                message=row["message_id"],
                message_row=row["id"],
            )
        )
    return entries


def _open(what: ColumnElement[int]) -> Select[int]:
    mine = ALARM.c.detail.startswith(_machine(), autoescape=True)
    return select(what).where(ALARM.c.kind == KIND, ALARM.c.settled_at.is_(None), mine)


def _last_right(connection: Connection) -> int:
    return connection.scalar(select(func.max(ALARM.c.id)).where(ALARM.c.kind == RIGHT)) or 0


def _machine() -> str:
    return f"{platform.node()}: "


def _one_at_a_time(connection: Connection) -> None:
    """Of several processes of a node one at a time begins or ends a doubt; on SQLite the writer is alone."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _DOUBT_LOCK})
