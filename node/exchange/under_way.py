"""The requests of the wire that are being taken, counted so that no one peer and no one address can have all of them.

Whose a request is, its signature proves, once its root part is whole; until then it counts for where it comes from.
"""

import ipaddress
from collections import Counter

# Of an IPv6 address the part that one host cannot change (RFC 4291, section 2.5.4).
NETWORK_BITS = 64


class TooMany(Exception):
    """A peer or an address has as many requests open as it may; `peer` names the peer, None for an address."""

    def __init__(self, reason: str, peer: str | None = None) -> None:
        super().__init__(reason)
        self.peer = peer


class UnderWay:
    """Counts of open requests: `per_peer` of a proved sender, `per_address` before their sender is proved."""

    def __init__(self, per_peer: int, per_address: int) -> None:
        self._per_peer, self._per_address = per_peer, per_address
        self._peers: Counter[str] = Counter()
        self._addresses: Counter[str] = Counter()
        self.count = 0
        """of both kinds together"""

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
        """One less; of a name without any nothing is kept."""
        self.count -= 1
        counts[name] -= 1
        if not counts[name]:
            del counts[name]


class Place:
    """One request among those under way, until `leave`."""

    def __init__(self, all_of_them: UnderWay, address: str) -> None:
        self._all = all_of_them
        self._counts, self._name = all_of_them._addresses, address
        self.is_proved = False
        self._all.add(self._counts, self._name)

    def prove(self, peer: str) -> None:
        """The sender is certain: count for it from now on, no longer for the address. Raises TooMany."""
        peers = self._all._peers
        if peers[peer] >= self._all._per_peer:
            raise TooMany(f"{peer} has too many requests open", peer)
        self._all.remove(self._counts, self._name)
        self._counts, self._name, self.is_proved = peers, peer, True
        self._all.add(self._counts, self._name)

    def leave(self) -> None:
        """The request has ended."""
        self._all.remove(self._counts, self._name)


def _network_of(host: str) -> str:
    if ":" not in host:
        return host
    try:
        return str(ipaddress.IPv6Network((host.partition("%")[0], NETWORK_BITS), strict=False))
    except ValueError:  # what a proxy says need not be an address
        return host
