"""A running node's watch over its own clock: doubted once it was set and nothing says that it is right, or once records
or peers speak against it; right again when a peer that is asked says so, or a person does.

While it is in doubt the node takes nothing in and gives nothing up. It asks partners by messages of the test service,
whose signed receipts tell their time: so a doubt ends without a hand as soon as the clock is right.
"""

import asyncio
import random
from datetime import datetime, timedelta

from node.as4 import As4Error
from node.exchange import doubt
from node.exchange.clock import ALLOWED_DIFFERENCE, ClockState, ClockWatch
from node.exchange.directory import Directory
from node.exchange.node import Node
from node.exchange.peers import PeerRefused
from node.exchange.ping import ping_peer
from node.journal import journal
from node.operations.checks import clock_state
from node.trust.pins import CertificateRefused

log = journal("operations.own_clock")

# So many partners are asked at a look: a doubt must not become a load for a thousand of them.
PEERS_ASKED = 5
ASKED_WITHIN_SECONDS = 10


class OwnClock:
    """What a serving process makes of its clock. Raises StoreUnavailable wherever it looks into the store."""

    def __init__(self, node: Node, directory: Directory, watch: ClockWatch | None = None) -> None:
        self._node = node
        self._directory = directory
        self._watch = watch or ClockWatch(node.now)
        self._seen = timedelta(0)
        self._since: datetime | None = None
        self._asked: dict[str, timedelta] = {}
        self._alarmed = False
        self.state = self._judge()
        # A doubt from before this process began is this one's too.
        self._doubted = self.state.doubted or self._is_alarmed()

    @property
    def doubted(self) -> bool:
        """Whether nothing may be taken in or given up now: told at once when the clock is set."""
        return self.state.doubted or bool(self._watch.step())

    @property
    def found(self) -> str:
        """Why, in words."""
        step = self._watch.step()
        return f"the clock was just set by {step}" if step and not self.state.doubted else self.state.found

    async def look(self) -> ClockState:
        """Judge the clock; if it is doubted, ask partners; raise the alarm, or end it and put right what it did."""
        await asyncio.to_thread(self._note_settled)
        state = await asyncio.to_thread(self._judge)
        if state.doubted or (self._doubted and not state.trusted):
            self._asked = await self._ask()
            state = await asyncio.to_thread(self._judge)
        if state.doubted:
            self._doubted = True
            if not self._alarmed:
                log.error("the clock is in doubt", found=state.found)
                await asyncio.to_thread(doubt.begin, self._node, state.found)
                self._alarmed = True
        elif state.trusted and (self._doubted or self._seen):
            await asyncio.to_thread(self._end, state.found)
        self.state = state
        return state

    def _judge(self) -> ClockState:
        step = self._watch.step()
        if abs(step - self._seen) > ALLOWED_DIFFERENCE:
            self._seen, self._since, self._asked = step, self._node.now(), {}
        return clock_state(self._node, step, self._since, self._asked)

    def _is_alarmed(self) -> bool:
        with self._node.database.read() as connection:
            return doubt.open_doubt(connection)

    def _note_settled(self) -> None:
        """A person who settles the alarm says that the clock is right as it stands."""
        with self._node.database.read() as connection:
            settled = doubt.settled_by_a_person(connection)
        if settled:
            self._end("a person says so")
        self._alarmed = self._is_alarmed()

    def _end(self, found: str) -> None:
        again = doubt.end(self._node, found)
        self._watch.confirm()
        self._seen, self._asked, self._doubted, self._alarmed = timedelta(0), {}, False, False
        log.warning("the clock is right", found=found, tried_again=again)

    async def _ask(self) -> dict[str, timedelta]:
        """The clocks of some partners less ours; those who do not answer in time tell nothing."""
        peers = [
            peer.party
            for peer in self._directory.snapshot().peers.values()
            if peer.state == "confirmed" and peer.url is not None
        ]
        asked = random.sample(peers, min(PEERS_ASKED, len(peers)))
        told = await asyncio.gather(*(self._ask_one(party) for party in asked))
        return {party: offset for party, offset in zip(asked, told, strict=True) if offset is not None}

    async def _ask_one(self, party: str) -> timedelta | None:
        began = self._node.now()
        try:
            async with asyncio.timeout(ASKED_WITHIN_SECONDS):
                outcome = await ping_peer(self._node, self._directory, party)
        except (TimeoutError, As4Error, CertificateRefused, PeerRefused) as reason:
            log.info("a partner tells no time", peer=party, reason=str(reason))
            return None
        receipt = outcome.judgement.receipt
        if receipt is None:
            return None
        ended = self._node.now()
        # Its clock is known no better than to the length of the question.
        return receipt.timestamp - min(max(receipt.timestamp, began), ended)
