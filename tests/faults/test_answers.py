"""A peer that answers late, twice, about another message, by another's word, never, or without end.

Whatever it does, nothing counts as delivered without its own receipt for that very message, others are served
meanwhile, and once it answers as it should the message is delivered, once.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.as4 import SigningIdentity
from node.exchange.contents import answer_of
from node.exchange.directory import Directory
from node.exchange.listing import find_message
from node.trust.certificates import SELF_MADE, Issuer, Use, make_certificate, subject_of
from tests.faults.fake_peer import PIECE, Behaviour, FakePeer, Request, faking, response
from tests.faults.homes import Home, Running, until
from tests.faults.traffic import queue_one

pytestmark = pytest.mark.faults

MB = 1_000_000
ATTEMPT_SECONDS = 3
# The limit of an answer, and what a connection holds on its way.
MOST_TAKEN = 32 * MB
MOST_GROWTH = 40 * MB
TEN_GB = 10_000_000_000


def honest(peer: FakePeer, request: Request) -> None:
    peer.answer(request, peer.receipt(request))


@dataclass
class Sender:
    """A node that serves, one peer that a test makes ill, and one that is well."""

    home: Home
    running: Running
    ill: FakePeer
    well: FakePeer

    def queue(self, peer: FakePeer) -> str:
        node = self.home.node
        return queue_one(node, Directory(node), self.home.ledger, peer.home.party, None, 3000)

    def message(self, message_id: str) -> dict[str, object]:
        with self.home.node.database.read() as connection:
            return dict(find_message(connection, message_id))

    def is_delivered(self, message_id: str) -> bool:
        row = self.message(message_id)
        return row["state"] == "delivered"

    def settles(self, message_id: str) -> None:
        """It is delivered, by the receipt that its peer made for it."""
        peer = next(one for one in (self.ill, self.well) if message_id in one.requests)
        until(lambda: self.is_delivered(message_id), lambda: f"delivered: {self.message(message_id)}")
        row = self.message(message_id)
        assert answer_of(self.home.node, int(str(row["id"]))) == peer.receipts[message_id]
        assert not row["disputed_time"]

    def others_are_served(self) -> None:
        message_id = self.queue(self.well)
        until(lambda: message_id in self.well.requests, lambda: "the other peer gets its message")
        self.settles(message_id)

    def resident_bytes(self) -> int:
        status = Path(f"/proc/{self.running.process.pid}/status").read_text(encoding="ascii")
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024


@pytest.fixture
def sender(tmp_path: Path) -> Iterator[Sender]:
    homes = [Home(tmp_path / party, party) for party in ("one", "ill", "well")]
    try:
        for home in homes:
            home.make(None)
        settings = homes[0].folder / "depesha.toml"
        settings.write_text(
            settings.read_text().replace("attempt_seconds = 60", f"attempt_seconds = {ATTEMPT_SECONDS}")
        )
        for peer in homes[1:]:
            homes[0].know_by_card(peer)
        with faking(homes[1], honest) as ill, faking(homes[2], honest) as well:
            yield Sender(homes[0], homes[0].serve_ready(), ill, well)
    finally:
        for home in homes:
            home.end()


def first_receipt(sender: Sender) -> bytes:
    """A receipt of the ill peer for a message that went well before."""
    message_id = sender.queue(sender.ill)
    until(lambda: message_id in sender.ill.requests, lambda: "it gets its message")
    sender.settles(message_id)
    return sender.ill.receipts[message_id]


def a_stranger(party: str) -> SigningIdentity:
    key = Ed25519PrivateKey.generate()
    subject = subject_of(party, "somebody else")
    certificate = make_certificate(
        SELF_MADE[Use.SIGNING], key.public_key(), subject, Issuer(subject, key), datetime.now(UTC)
    )
    return SigningIdentity(key, certificate)


def about_another(sender: Sender) -> Behaviour:
    receipt = first_receipt(sender)
    return lambda peer, request: peer.answer(request, receipt)


def by_another_peer(sender: Sender) -> Behaviour:
    identity = sender.well.home.node.signing
    return lambda peer, request: peer.answer(request, peer.receipt(request, identity))


def by_another_certificate(sender: Sender) -> Behaviour:
    identity = a_stranger(sender.ill.home.party)
    return lambda peer, request: peer.answer(request, peer.receipt(request, identity))


def never(sender: Sender) -> Behaviour:
    def hold(peer: FakePeer, request: Request) -> None:
        request.connection.recv(1)  # the sender leaves

    return hold


def half(sender: Sender) -> Behaviour:
    def part_of_it(peer: FakePeer, request: Request) -> None:
        whole = response(peer.receipt(request))
        peer.write(request, whole[: len(whole) // 2])
        request.connection.recv(1)

    return part_of_it


def without_end(head: bytes, piece: bytes) -> Callable[[Sender], Behaviour]:
    def behaviour(peer: FakePeer, request: Request) -> None:
        peer.write(request, head)
        while not peer.over.is_set():
            peer.write(request, piece)

    return lambda sender: behaviour


WITH_LENGTH = f"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\nContent-Length: {TEN_GB}\r\n\r\n".encode()
WITHOUT_LENGTH = b"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\nConnection: close\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNK = f"{PIECE:x}\r\n".encode() + bytes(PIECE) + b"\r\n"

WRONG: dict[str, tuple[Callable[[Sender], Behaviour], str]] = {
    "a receipt for another message": (about_another, "proves nothing"),
    "another peer's receipt": (by_another_peer, "proves nothing"),
    "a receipt by another certificate": (by_another_certificate, "proves nothing"),
    "never": (never, "no whole answer in time"),
    "half an answer": (half, "no whole answer in time"),
}
ENDLESS: dict[str, tuple[Callable[[Sender], Behaviour], str]] = {
    "10 GB": (without_end(WITH_LENGTH, bytes(PIECE)), "longer than"),
    "without a length": (without_end(WITHOUT_LENGTH, bytes(PIECE)), "longer than"),
    "chunks": (without_end(CHUNKED, CHUNK), "longer than"),
    "a head": (without_end(b"HTTP/1.1 200 OK\r\n", b"X-More: " + b"x" * 1000 + b"\r\n"), ""),
    "a line of a head": (without_end(b"HTTP/1.1 200 OK\r\nX-More: ", b"x" * 1000), ""),
    "one interim answer after the other": (without_end(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 40), ""),
}


def fails_until_well(sender: Sender, make: Callable[[Sender], Behaviour], said: str) -> None:
    """While the peer does that, nothing is delivered and the reason is said; then it is."""
    sender.ill.behaviour = make(sender)
    message_id = sender.queue(sender.ill)
    until(lambda: sender.ill.requests[message_id] >= 2, lambda: f"tried again: {sender.message(message_id)}")
    row = sender.message(message_id)
    assert row["state"] in ("queued", "sending")
    assert said in str(row["error_detail"]), row
    sender.others_are_served()
    sender.ill.behaviour = honest
    sender.settles(message_id)


@pytest.mark.parametrize("how", WRONG)
def test_what_proves_nothing_is_no_delivery(sender: Sender, how: str) -> None:
    fails_until_well(sender, *WRONG[how])


@pytest.mark.parametrize("how", ENDLESS)
def test_an_answer_without_end_is_left(sender: Sender, how: str) -> None:
    """Little of it is taken, and kept nowhere."""
    first_receipt(sender)
    before, sent = sender.resident_bytes(), sender.ill.octets_sent
    attempts_before = sum(sender.ill.requests.values())
    fails_until_well(sender, *ENDLESS[how])
    attempts = sum(sender.ill.requests.values()) - attempts_before
    assert sender.ill.octets_sent - sent < MOST_TAKEN * attempts
    assert sender.resident_bytes() - before < MOST_GROWTH


def test_an_answer_that_comes_late(sender: Sender) -> None:
    """The first attempt is over when its receipt comes; the second gets the same, and it counts."""
    second = threading.Event()

    def late(peer: FakePeer, request: Request) -> None:
        receipt = peer.receipt(request)
        if peer.requests.total() == 1:
            second.wait()
            with suppress(OSError):
                peer.answer(request, receipt)
            return
        second.set()
        peer.answer(request, receipt)

    sender.ill.behaviour = late
    message_id = sender.queue(sender.ill)
    until(lambda: message_id in sender.ill.requests, lambda: "it gets its message")
    sender.settles(message_id)
    assert sender.message(message_id)["attempts"] == 2


def test_an_answer_that_comes_twice(sender: Sender) -> None:
    """The second copy lies on a connection that is kept, when the next message goes out: it is not its answer."""

    def twice(peer: FakePeer, request: Request) -> None:
        peer.write(request, response(peer.receipt(request)) * 2)

    sender.ill.behaviour = twice
    for _ in range(10):
        message_id = sender.queue(sender.ill)
        until(lambda one=message_id: one in sender.ill.requests, lambda: "it gets its message")  # type: ignore[misc]
        sender.settles(message_id)
