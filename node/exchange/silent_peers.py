"""Looks whether a silent peer answers again, while its next attempt is still far off.

A look sends no message: of a peer of our kind it asks `/healthz`, of another whether it takes a connection. Only who
was seen away and then answers is tried at once; one that answers and takes no message (a node without room) waits as
its pauses say.
"""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, exists, select, update

from node.exchange import outbox
from node.exchange.directory import Directory
from node.exchange.due import OUTBOX, PEER_DELIVERY
from node.exchange.node import Node
from node.exchange.peers import KnownPeer
from node.exchange.retry import jitter
from node.exchange.transport import LookingSession, is_there, looking_session
from node.journal import journal
from node.store.trouble import StoreUnavailable

log = journal("exchange.silent_peers")

# A peer of many hears from all of them when it is back: they do not look at the same moment.
LEAST_SECONDS, MOST_SECONDS = 2.0, 4.0
AT_ONCE = 16


class SilentPeers:
    """`tls_of` gives the TLS by which a peer is spoken to; `wake` is called when one is to be tried now."""

    def __init__(
        self,
        node: Node,
        directory: Directory,
        tls_of: Callable[[KnownPeer], ssl.SSLContext],
        wake: Callable[[], None],
    ) -> None:
        self._node = node
        self._directory = directory
        self._tls_of = tls_of
        self._wake = wake
        self._away: set[str] = set()
        self._room = asyncio.Semaphore(AT_ONCE)

    async def watch(self) -> None:
        """Look now and then until cancelled; trouble of the store is waited out."""
        async with looking_session() as session:
            while True:
                await asyncio.sleep(LEAST_SECONDS + (MOST_SECONDS - LEAST_SECONDS) * jitter())
                try:
                    await self.look(session)
                except StoreUnavailable as trouble:
                    log.warning("nobody looked for silent peers", reason=str(trouble))

    async def look(self, session: LookingSession) -> None:
        """Look once at all whose next attempt is further off than the next look. Raises StoreUnavailable."""
        node = self._node
        with node.database.read() as connection:
            silent = _silent_until_after(connection, node.now() + timedelta(seconds=MOST_SECONDS))
        known = self._directory.snapshot().peers
        peers = [known[name] for name in silent if name in known and known[name].url is not None]
        found = await asyncio.gather(*(self._answers(session, peer) for peer in peers))
        answering = {peer.party for peer, answers in zip(peers, found, strict=True) if answers}
        back = sorted(answering & self._away)
        self._away = {peer.party for peer in peers} - answering
        if back:
            with node.database.write() as connection:
                _try_now(connection, back, node.now())
            log.info("silent peers answer again", count=len(back))
            self._wake()

    async def _answers(self, session: LookingSession, peer: KnownPeer) -> bool:
        try:
            tls = self._tls_of(peer)
        except ssl.SSLError:
            return False  # an attempt says what is wrong with its certificates; others are looked at all the same
        async with self._room:
            return await is_there(session, peer.url or "", tls, healthz=peer.depesha)


def _silent_until_after(connection: Connection, later: datetime) -> list[str]:
    """The silent peers for whom something waits, and whose next attempt is after that."""
    waits = exists().where(OUTBOX.c.peer == PEER_DELIVERY.c.party)
    query = select(PEER_DELIVERY.c.party).where(
        PEER_DELIVERY.c.failures > 0, PEER_DELIVERY.c.next_attempt_at > later, waits
    )
    return list(connection.scalars(query.order_by(PEER_DELIVERY.c.party)))


def _try_now(connection: Connection, peers: Sequence[str], now: datetime) -> None:
    """What waits for these peers is due, the probe that met nobody too."""
    outbox.peer_heard(connection, peers, now)
    waiting = (OUTBOX.c.peer.in_(peers), OUTBOX.c.next_attempt_at > now, OUTBOX.c.claimed_by.is_(None))
    connection.execute(update(OUTBOX).where(*waiting).values(next_attempt_at=now))
