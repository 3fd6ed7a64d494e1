"""Two nodes on two hosts with addresses of their own, over TLS, as they are served for others, and a router between.

What befalls that network is what befalls real ones: cables, routes, firewalls, addresses. Nobody helps but by mending
it. Afterwards all is as it must be (see `neighbours.rest`).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.faults.homes import Running
from tests.faults.namespaces import Network, why_not
from tests.faults.neighbours import Pair, at_work, more, rest
from tests.faults.relayed import ImpatientHome
from tests.left_out import leave_out

pytestmark = pytest.mark.faults

PORT = 9443
ARRIVALS = 10
ATTEMPTS = 4


class HostedHome(ImpatientHome):
    """A home that is served on a host of its own, known by the host's name."""

    def __init__(self, folder: Path, party: str, network: Network) -> None:
        super().__init__(folder, party)
        self.network = network
        self.url = f"https://{network.name(party)}:{PORT}/as4"

    def serve(self, crash_at: str | None = None) -> Running:
        """The serving node, on all addresses of its host."""
        words = ["node", "serve", "--outside", f"0.0.0.0:{PORT}", "--inside", "127.0.0.1:9444"]
        return self._start([*words, "--home", str(self.folder)], "serve", crash_at)

    def reach(self) -> None:
        """The network is whole."""
        self.network.mend()

    def _start(
        self, words: list[str], name: str, crash_at: str | None, environment: Mapping[str, str] = MappingProxyType({})
    ) -> Running:
        self.under = self.network.under(self.party) if name == "serve" else ()
        return super()._start(words, name, crash_at, environment)


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Pair[HostedHome]]:
    """Two nodes on two hosts, which serve and queue messages for each other without end."""
    if (reason := why_not()) is not None:
        leave_out(reason)
    with Network() as network:
        pair = Pair(HostedHome(tmp_path / "one", "one", network), HostedHome(tmp_path / "two", "two", network))
        with at_work(pair, (None, None)):
            yield pair


def arrive_again(pair: Pair[HostedHome]) -> None:
    """The network is mended; wait until messages arrive on both sides."""
    pair.one.network.mend()
    for home in pair.both:
        more(home.count_received, ARRIVALS, f"messages arrive again at {home.party}")


def both_try_in_vain(pair: Pair[HostedHome]) -> None:
    """Wait until both have tried for a while, and nothing passes."""
    for home in pair.both:
        more(home.count_attempts_in_vain, ATTEMPTS, f"attempts of {home.party} fail")


@pytest.mark.short_faults
def test_cables_routes_firewalls_and_addresses(hosts: Pair[HostedHome]) -> None:
    """Each trouble in turn, each mended; the nodes run on."""
    network = hosts.one.network

    hosts.say("unplugged")
    network.unplug("two")
    both_try_in_vain(hosts)
    network.plug_in("two")
    arrive_again(hosts)

    hosts.say("what goes to one of them is lost")
    network.lose_what_goes_to("two")
    both_try_in_vain(hosts)
    arrive_again(hosts)

    hosts.say("only connections to one of them are lost")
    network.lose_what_goes_to("two", opened_to=True)
    more(hosts.one.count_attempts_in_vain, ATTEMPTS, "attempts to reach it fail")
    more(hosts.two.count_delivered, ARRIVALS, "it still delivers, and has its receipts")
    arrive_again(hosts)

    for answer in ("tcp-reset", "icmp-host-unreachable"):
        hosts.say(f"a firewall answers {answer}")
        network.reject("two", answer)
        network.reject("one", answer)
        both_try_in_vain(hosts)
        arrive_again(hosts)

    hosts.say("large packets vanish")
    network.swallow_what_is_large(576)
    both_try_in_vain(hosts)
    arrive_again(hosts)

    hosts.say("two packets of a hundred are lost")
    network.lose_some(0.02)
    for home in hosts.both:
        more(home.count_received, ARRIVALS, f"messages arrive all the same at {home.party}")
    arrive_again(hosts)

    for octet in (77, 2):
        hosts.say(f"the address of one of them ends in {octet} from now on")
        network.move("two", octet)
        arrive_again(hosts)

    rest(hosts)
