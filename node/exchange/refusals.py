"""Alarms about what peers sent and we refused before anything was kept: their node was told, our people must be too.

AS4 profile, P-Mode Report.ProcessErrorNotifyConsumer, which is on for every agreement here. An alarm says which peer,
which code and when last; nothing of the message. It is raised beside the answer, which neither waits for it nor depends
on it, and only where what is wrong is in octets that the peer has signed: a stranger, or whoever changes a message on
its way, cannot fill the list, and a hostile partner has one open alarm for each code at most. The running log has all.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from node.as4 import As4Error
from node.crash_points import crash_point
from node.exchange.listing import instant_text
from node.exchange.node import Node
from node.exchange.peers import PEER
from node.exchange.settlement import ALARM
from node.journal import journal
from node.store.columns import new_row_id

KIND = "refused-incoming"
# What a peer sends meanwhile is one write: its messages must not set how often we write.
PAUSE_SECONDS = 60

log = journal("exchange.refusals")


@dataclass(frozen=True, slots=True)
class RefusedIncoming:
    """That a message of `peer` was refused; `reference` finds its line in the running log."""

    peer: str
    code: str
    short: str
    reference: str
    at: datetime

    @classmethod
    def of(cls, error: As4Error, peer: str, reference: str, at: datetime) -> "RefusedIncoming":
        """What may be kept of a refusal: the detail stays out, it may quote the message."""
        return cls(peer, error.code, error.short, reference, at)


class RefusalAlarms:
    """Raises alarms of a running node in the background, the newest of each peer and code."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._waiting: dict[tuple[str, str], RefusedIncoming] = {}
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def note(self, refused: RefusedIncoming) -> None:
        """Have an alarm raised soon. Never fails, never waits."""
        self._waiting[refused.peer, refused.code] = refused
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="alarms about refusals")

    async def close(self) -> None:
        """Write what waits, then stop."""
        self._closing.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, {}
            try:
                await asyncio.to_thread(raise_alarms, self._node, list(batch.values()))
            except Exception as error:  # whatever it is, the peer has its answer, and the log the reference
                log.error("an alarm cannot be raised", error=type(error).__name__, reason=str(error), count=len(batch))
                if self._closing.is_set():
                    return
                self._waiting = batch | self._waiting
            await self._closed_within(PAUSE_SECONDS)

    async def _closed_within(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._closing.wait(), seconds)
        except TimeoutError:
            return


def raise_alarms(node: Node, refused: Sequence[RefusedIncoming]) -> None:
    """Raise an alarm for each, or bring the open one of that peer and code up to date. Raises StoreUnavailable."""
    peers = {one.peer for one in refused}
    with node.database.write() as connection:
        # One process at a time raises those of a peer, so that there are not two of a kind; on SQLite it is alone.
        rows = select(PEER.c.party).where(PEER.c.party.in_(peers)).order_by(PEER.c.party)
        connection.execute(rows.with_for_update()).all()
        for one in refused:
            _raise(connection, one)
        crash_point("refusal: before commit")
    crash_point("refusal: after commit")


def _raise(connection: Connection, one: RefusedIncoming) -> None:
    named = f"{one.code} {one.short}"
    detail = f"{named}; the latest at {instant_text(one.at)}, reference {one.reference} in the running log"
    is_same = (
        ALARM.c.kind == KIND,
        ALARM.c.peer == one.peer,
        ALARM.c.settled_at.is_(None),
        ALARM.c.detail.startswith(f"{named};", autoescape=True),
    )
    if not connection.execute(update(ALARM).where(*is_same).values(detail=detail)).rowcount:
        values = {"id": new_row_id(one.at), "time": one.at, "kind": KIND, "peer": one.peer, "detail": detail}
        connection.execute(insert(ALARM).values(values))
