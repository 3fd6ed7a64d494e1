"""Two hosts on one machine: network namespaces with an address each, a router between them, and what befalls networks.

    one 10.78.1.2 ── 10.78.1.1 router 10.78.2.1 ── 10.78.2.2 two

Each host knows the others by name, from a file of its own. Only root may make them.
"""

import os
import shutil
import subprocess
from pathlib import Path

LEFT_OUT = "hosts were not made"
# `ip netns exec` lays what stands in here, by the namespace's name, over /etc.
ETC = Path("/etc/netns")
NUMBERS = {"one": 1, "two": 2}


def why_not() -> str | None:
    """Why this machine cannot make hosts, in words; None where it can."""
    if os.geteuid() != 0:
        return f"{LEFT_OUT}: only root makes network namespaces"
    for program in ("ip", "iptables"):
        if shutil.which(program) is None:
            return f"{LEFT_OUT}: {program} is not here"
    name = f"depesha-{os.getpid()}-try"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    if made.returncode:
        return f"{LEFT_OUT}: {made.stderr.strip()}"
    subprocess.run(["ip", "netns", "del", name], check=True)
    return None


class Network:
    """The namespaces, while the block runs."""

    def __init__(self) -> None:
        self._prefix = f"depesha-{os.getpid()}"
        self._addresses = {party: f"10.78.{number}.2" for party, number in NUMBERS.items()}
        self._names = {party: f"{party}.depesha.test" for party in NUMBERS}

    def __enter__(self) -> "Network":
        try:
            self._make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for host in ("router", *NUMBERS):
            subprocess.run(["ip", "netns", "del", self.namespace(host)], capture_output=True)
            shutil.rmtree(ETC / self.namespace(host), ignore_errors=True)

    def namespace(self, host: str) -> str:
        """The name of a host's namespace."""
        return f"{self._prefix}-{host}"

    def name(self, party: str) -> str:
        """The host name of a party, which its peers know."""
        return self._names[party]

    def address(self, party: str) -> str:
        """The address that it has now."""
        return self._addresses[party]

    def under(self, party: str) -> list[str]:
        """The words that start a program on the party's host."""
        return ["ip", "netns", "exec", self.namespace(party)]

    def unplug(self, party: str) -> None:
        """Nothing passes to or from it."""
        self._ip("router", "link", "set", party, "down")

    def plug_in(self, party: str) -> None:
        """What was unplugged is there again."""
        self._ip("router", "link", "set", party, "up")

    def lose_what_goes_to(self, party: str, *, opened_to: bool = False) -> None:
        """What goes to it is lost on the way; with `opened_to` only what belongs to connections that others open."""
        only = ["-p", "tcp", "-m", "conntrack", "--ctdir", "ORIGINAL"] if opened_to else []
        self._iptables("router", "-A", "FORWARD", "-o", party, *only, "-j", "DROP")

    def lose_some(self, share: float) -> None:
        """So many of all packets are lost, in both directions."""
        chance = ["-m", "statistic", "--mode", "random", "--probability", f"{share:.3f}"]
        self._iptables("router", "-A", "FORWARD", *chance, "-j", "DROP")

    def reject(self, party: str, with_what: str) -> None:
        """A firewall answers for it: tcp-reset, or an ICMP message such as icmp-host-unreachable."""
        self._iptables("router", "-A", "FORWARD", "-o", party, "-p", "tcp", "-j", "REJECT", "--reject-with", with_what)

    def swallow_what_is_large(self, octets: int) -> None:
        """Packets above so many octets are lost without a word: a link with a smaller MTU and no ICMP."""
        self._iptables("router", "-A", "FORWARD", "-m", "length", "--length", f"{octets + 1}:65535", "-j", "DROP")

    def mend(self) -> None:
        """The router loses and rejects nothing."""
        self._iptables("router", "-F", "FORWARD")

    def move(self, party: str, last_octet: int) -> None:
        """The host has another address from now on; connections to the old one are not answered, names lead there."""
        old = self._addresses[party]
        new = f"{old.rpartition('.')[0]}.{last_octet}"
        self._ip(party, "address", "del", f"{old}/24", "dev", "eth0")
        self._ip(party, "address", "add", f"{new}/24", "dev", "eth0")
        # With its address it has lost its route.
        self._ip(party, "route", "replace", "default", "via", f"10.78.{NUMBERS[party]}.1")
        self._addresses[party] = new
        self._write_names()

    def _make(self) -> None:
        for host in ("router", *NUMBERS):
            subprocess.run(["ip", "netns", "add", self.namespace(host)], check=True)
            self._ip(host, "link", "set", "lo", "up")
            (ETC / self.namespace(host)).mkdir(parents=True)
        self._write_names()
        subprocess.run([*self.under("router"), "sysctl", "-qw", "net.ipv4.ip_forward=1"], check=True)
        for party, number in NUMBERS.items():
            there = ["peer", "name", "eth0", "netns", self.namespace(party)]
            self._ip("router", "link", "add", party, "type", "veth", *there)
            self._ip("router", "address", "add", f"10.78.{number}.1/24", "dev", party)
            self._ip("router", "link", "set", party, "up")
            self._ip(party, "address", "add", f"{self._addresses[party]}/24", "dev", "eth0")
            self._ip(party, "link", "set", "eth0", "up")
            self._ip(party, "route", "add", "default", "via", f"10.78.{number}.1")
            # A packet is what it is: none is put together of several before the router has counted it.
            for host, device in (("router", party), (party, "eth0")):
                self._ip(host, "link", "set", device, "gso_max_segs", "1", "gso_max_size", "1500")

    def _write_names(self) -> None:
        """In place: what was laid over /etc is the file, not its name."""
        lines = ["127.0.0.1 localhost", *(f"{self._addresses[party]} {self._names[party]}" for party in NUMBERS)]
        for host in NUMBERS:
            (ETC / self.namespace(host) / "hosts").write_text("\n".join(lines) + "\n")

    def _ip(self, host: str, *words: str) -> None:
        subprocess.run(["ip", "-n", self.namespace(host), *words], check=True)

    def _iptables(self, host: str, *words: str) -> None:
        subprocess.run([*self.under(host), "iptables", "-w", *words], check=True)
