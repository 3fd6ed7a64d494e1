"""One node that knows thousands of peers, of whom many write at once, and among them one that means harm."""

import contextlib
import re
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select

from node.exchange.settlement import MESSAGE
from tests.faults.assailant import RECEIPT, Harm, attack
from tests.faults.crowd import Heard, Member, Receiver, know_all, made, speak, speaking
from tests.faults.homes import Home, Running

pytestmark = pytest.mark.faults

PROCESSES = 2
PER_PEER, PER_ADDRESS = 8, 64
LIMITS = {"connections_per_peer": PER_PEER, "unproved_per_address": PER_ADDRESS}
MULTIPLE = 6
"""How much longer than without the hostile one a good peer's message may wait, at the median."""
MOST_MEMORY = 300_000_000
COMMAND_SECONDS = 20
START_SECONDS = 20


@dataclass(frozen=True)
class Crowded:
    """The node, what it knows, and those who speak to it."""

    home: Home
    serving: Running
    receiver: Receiver
    good: list[Member]
    hostile: Member

    def conversations(self, each: int) -> tuple[list[float], dict[str, list[str]], list[str]]:
        """All good peers send so many messages at once: how long each took, ids receipted by party, other answers."""
        shares = [self.good[n::PROCESSES] for n in range(PROCESSES)]
        with contextlib.ExitStack() as stack:
            speakers = [stack.enter_context(speaking(speak, share, self.receiver, each)) for share in shares]
            for one in speakers:
                one.tell()
            heard: list[Heard] = [one.said() for one in speakers]
        receipted = {party: ids for one in heard for party, ids in one.receipted.items()}
        return [wait for one in heard for wait in one.waits], receipted, [t for one in heard for t in one.otherwise]

    def received(self) -> dict[str, list[str]]:
        """The ids of all messages received, by party."""
        found: dict[str, list[str]] = {}
        with self.home.node.database.read() as connection:
            for peer, message_id in connection.execute(
                select(MESSAGE.c.peer, MESSAGE.c.message_id).where(MESSAGE.c.direction == "in")
            ):
                found.setdefault(peer, []).append(message_id)
        return found

    def most_memory(self) -> int:
        """VmHWM of the serving process, in octets."""
        status = Path(f"/proc/{self.serving.process.pid}/status").read_text(encoding="ascii")
        [kilobytes] = re.findall(r"^VmHWM:\s+(\d+) kB", status, re.M)
        return int(kilobytes) * 1024


@contextlib.contextmanager
def crowded(folder: Path, url: str | None, peers: int, speaking_peers: int) -> Iterator[Crowded]:
    """A node that knows so many peers, and serves."""
    home = Home(folder / "one", "one")
    try:
        home.make(url)
        with (home.folder / "depesha.toml").open("a", encoding="utf-8") as file:
            file.writelines(f"{name} = {value}\n" for name, value in LIMITS.items())
        members = [made(f"peer-{n:04}") for n in range(peers)]
        know_all(home.node, members)
        began = time.monotonic()
        serving = home.serve_ready()
        print(f"starts with {peers} peers in {time.monotonic() - began:.1f} s", flush=True)
        assert time.monotonic() - began < START_SECONDS
        keys = home.node.keys
        receiver = Receiver(
            home.party,
            home.outside,
            keys.signing_certificate.public_bytes(Encoding.DER),
            keys.encryption_certificate.public_bytes(Encoding.DER),
        )
        yield Crowded(home, serving, receiver, members[:speaking_peers], members[-1])
    finally:
        home.end()


def commands_are_usable(home: Home, peers: int) -> None:
    """`peer list` and `doctor` answer."""
    for words in (("peer", "list"), ("doctor",)):
        began = time.monotonic()
        home.run(*words, "--json")
        print(f"{' '.join(words)}: {time.monotonic() - began:.1f} s", flush=True)
        assert time.monotonic() - began < COMMAND_SECONDS, words
    assert len(home.do("peer", "list")) == peers


def stands(crowd: Crowded, each: int, attackers: dict[str, Member], peers: int) -> None:
    """The same messages without and with those who attack, each from an address of its own; see what came of it."""
    commands_are_usable(crowd.home, peers)
    print(f"most memory before {crowd.most_memory() / 1e6:.0f} MB", flush=True)
    alone, _, otherwise = crowd.conversations(each)
    assert not otherwise, otherwise[:5]
    before = crowd.received()
    harms: dict[str, Harm] = {}
    with contextlib.ExitStack() as stack:
        attacking = {
            source: stack.enter_context(speaking(attack, member, crowd.receiver, source))
            for source, member in attackers.items()
        }
        for one in attacking.values():
            one.tell()
        waits, receipted, otherwise = crowd.conversations(each)
        commands_are_usable(crowd.home, peers)
        for source, one in attacking.items():
            one.tell()
            harms[source] = one.said()
    without, with_them = statistics.median(alone), statistics.median(waits)
    print(f"median wait {without * 1000:.0f} ms alone, {with_them * 1000:.0f} ms under attack", flush=True)
    for source, harm in harms.items():
        print(source, dict(harm.answers), flush=True)
    print(f"most memory {crowd.most_memory() / 1e6:.0f} MB", flush=True)
    after = crowd.received()
    for member in crowd.good:
        new = Counter(after[member.party]) - Counter(before[member.party])
        assert new == Counter(receipted[member.party]), f"{member.party}: not each exactly once"
        assert len(new) == each
    assert with_them < without * MULTIPLE
    assert crowd.most_memory() < MOST_MEMORY
    for source, member in attackers.items():
        harm = harms[source]
        if member == crowd.hostile:
            kept = after[member.party]
            assert len(kept) == len(set(kept)), "what is sent twice is kept once"
            assert harm.answers[f"good: {RECEIPT}"], "it was served, too"
            assert harm.receipted <= set(kept)
        else:
            assert not harm.receipted
        assert harm.answers["good: 503"], "it was limited"
    waits, _, otherwise = crowd.conversations(2)
    assert not otherwise, "afterwards all is as before"
    crowd.serving.stop()


@pytest.mark.short_faults
def test_fifty_of_two_thousand_and_one_hostile(tmp_path: Path) -> None:
    with crowded(tmp_path, None, 2000, 50) as crowd:
        stands(crowd, 6, {"127.0.0.2": crowd.hostile}, 2000)


def test_a_hundred_of_five_thousand_one_hostile_and_an_outsider(
    urls: tuple[str | None, str | None], tmp_path: Path
) -> None:
    """The outsider writes in the name of a partner, with keys that he has made himself."""
    with crowded(tmp_path, urls[0], 5000, 100) as crowd:
        outsider = made(crowd.good[0].party)
        stands(crowd, 20, {"127.0.0.2": crowd.hostile, "127.0.0.3": outsider}, 5000)
