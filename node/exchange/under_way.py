"""The requests of the wire that are being taken, counted so that no one peer and no one address can have all of them.

Whose a request is, its signature proves, once its root part is whole; until then it counts for where it comes from. One
for which its peer has no place left waits a moment for one of the others to end: a partner with several processes comes
in bursts, and takes longer to come again than to be served.

A signed root part proves who wrote it, not who sends it: whoever has seen a message can begin to send it again as often
as he likes. So a message that came before, or is coming over another connection, goes on counting for its address.
"""

import asyncio
import ipaddress
from collections import Counter, defaultdict, deque
from collections.abc import Callable

# Of an IPv6 address the part that one host cannot change (RFC 4291, section 2.5.4).
NETWORK_BITS = 64
# So many may wait for each that is served: four processes of a partner, all of which begin at the same moment.
WAITING_FOR_EACH = 3


class TooMany(Exception):
    """A peer or an address has as many requests open as it may; `peer` names the peer, None for an address."""

    def __init__(self, reason: str, peer: str | None = None) -> None:
        super().__init__(reason)
        self.peer = peer


class UnderWay:
    """Counts of open requests: `per_peer` of a proved sender, `per_address` before their sender is proved. Three
    times `per_peer` more may wait for `patience` seconds; those count for nobody."""

    def __init__(self, per_peer: int, per_address: int, patience: float) -> None:
        self._per_peer, self._per_address, self._patience = per_peer, per_address, patience
        self._peers: Counter[str] = Counter()
        self._addresses: Counter[str] = Counter()
        self._waiting: defaultdict[str, deque[asyncio.Future[None]]] = defaultdict(deque)
        self._messages: set[tuple[str, str]] = set()
        self.count = 0
        """of peers and addresses together"""

    def enter(self, host: str | None) -> "Place":
        """A request that begins, from this address (None: not known). Raises TooMany."""
        address = _network_of(host or "")
        if self._addresses[address] >= self._per_address:
            raise TooMany(f"{address or 'one address'} has too many requests open whose sender is not known yet")
        return Place(self, address)

    def add(self, counts: Counter[str], name: str) -> None:
        """One more."""
        counts[name] += 1
        self.count += 1

    def remove(self, counts: Counter[str], name: str) -> None:
        """One less; of a name without any nothing is kept. A place of a peer goes to the one that waits longest."""
        self.count -= 1
        counts[name] -= 1
        if counts is self._peers:
            self._hand_over(name)
        if not counts[name]:
            del counts[name]

    def is_repeated(self, peer: str, message: str, came_before: Callable[[], bool]) -> bool:
        """Whether a message of this peer is under way already, or came before. That is asked only once half of the
        peer's places are taken: so many at most can be held by what is repeated."""
        if (peer, message) in self._messages:
            return True
        return self._peers[peer] >= self._per_peer // 2 and came_before()

    async def add_for(self, peer: str) -> None:
        """One more of this peer, as soon as it has a place left. Raises TooMany."""
        if self._peers[peer] < self._per_peer:
            self.add(self._peers, peer)
            return
        crowd = TooMany(f"{peer} has too many requests open", peer)
        if len(self._waiting[peer]) >= WAITING_FOR_EACH * self._per_peer:
            raise crowd
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[peer].append(place)
        try:
            await asyncio.wait({place}, timeout=self._patience)
        except asyncio.CancelledError:
            if place.done():
                self.remove(self._peers, peer)
            raise
        finally:
            self._leave_queue(peer, place)
        if not place.done():
            raise crowd

    def _hand_over(self, peer: str) -> None:
        if waiting := self._waiting.get(peer):
            waiting.popleft().set_result(None)
            self.add(self._peers, peer)

    def _leave_queue(self, peer: str, place: asyncio.Future[None]) -> None:
        if not place.done():
            self._waiting[peer].remove(place)
        if not self._waiting[peer]:
            del self._waiting[peer]


class Place:
    """One request among those under way, until `leave`."""

    def __init__(self, all_of_them: UnderWay, address: str) -> None:
        self._all = all_of_them
        self._counts: Counter[str] | None = all_of_them._addresses
        self._name = address
        self._message: tuple[str, str] | None = None
        self.is_proved = False
        self._all.add(self._counts, self._name)

    async def prove(self, peer: str, message: str, came_before: Callable[[], bool]) -> None:
        """The sender is certain: count for it from now on, no longer for the address, unless the message is repeated.

        came_before: whether this message of the peer was taken before. Raises TooMany when the peer has had no place
        left for some time, and what came_before raises.
        """
        if self._all.is_repeated(peer, message, came_before):
            self.is_proved = True
            return
        self.leave()
        self._message = (peer, message)
        self._all._messages.add(self._message)
        await self._all.add_for(peer)
        self._counts, self._name, self.is_proved = self._all._peers, peer, True

    def leave(self) -> None:
        """The request has ended."""
        if self._counts is not None:
            self._all.remove(self._counts, self._name)
            self._counts = None
        if self._message is not None:
            self._all._messages.discard(self._message)
            self._message = None


def _network_of(host: str) -> str:
    if ":" not in host:
        return host
    try:
        return str(ipaddress.IPv6Network((host.partition("%")[0], NETWORK_BITS), strict=False))
    except ValueError:  # what a proxy says need not be an address
        return host
