"""Large attachments through two real nodes: a kill of either in the middle of the body, and a body without end.

The attachment is larger than the memory that either may have beside what it has at rest, so that a second copy in
memory would be seen. `python -m tests.bench.large` does the same with a gibibyte over TLS, and takes its rates.
"""

import contextlib
import hashlib
import itertools
import os
import random
import re
import signal
import socket
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from node.as4 import (
    ROLE_INITIATOR,
    ROLE_RESPONDER,
    ErrorSignal,
    PartInfo,
    PartOctets,
    Party,
    UserMessage,
    read_response,
    seal,
    sign,
)
from node.exchange.directory import Directory
from node.exchange.settlement import MESSAGE
from node.store.payloads import SWEEP_AFTER, sweep
from tests.faults.homes import Home, Running, until
from tests.faults.traffic import ACTION, SERVICE

pytestmark = pytest.mark.faults

MIB = 1 << 20
SIZE = 192 * MIB
MOST_MEMORY = 250_000_000
LIMIT_MEGABYTES = 8
ENDLESS = 10 * 1000**3
"""What a peer says that it sends."""


class _Office:
    """A home, the process that serves it, and what is on its disk."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.running: Running = home.serve_ready()

    def kill_and_start(self) -> None:
        self.running.process.signal(signal.SIGKILL)
        until(lambda: self.running.process.poll() is not None, self.running.describe)
        self.running = self.home.serve_ready()

    def most_memory(self) -> int:
        """VmHWM of the process that serves now, in octets."""
        status = Path(f"/proc/{self.running.process.pid}/status").read_text(encoding="ascii")
        found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.M)
        assert found is not None, status
        return int(found[1]) * 1024

    def blobs(self) -> list[int]:
        """The sizes of all files of the blob store, those being written too."""
        sizes = []
        for path in (self.home.folder / "blobs").rglob("*"):
            with contextlib.suppress(FileNotFoundError):  # renamed or deleted meanwhile
                if path.is_file():
                    sizes.append(path.stat().st_size)
        return sizes

    def sweep(self) -> None:
        """What a serving node does a day later."""
        node = self.home.node
        sweep(node.blobs, node.database, node.now() + SWEEP_AFTER + timedelta(minutes=1))

    def state(self, message: str) -> str | None:
        with self.home.node.database.read() as connection:
            return connection.scalar(select(MESSAGE.c.state).where(MESSAGE.c.message_id == message))

    def received(self) -> int:
        with self.home.node.database.read() as connection:
            return connection.scalar(select(func.count()).where(MESSAGE.c.direction == "in")) or 0


@pytest.fixture
def offices(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[_Office, _Office]]:
    """Two nodes that serve; the second takes no more than the test's parameter says, in megabytes."""
    homes = [Home(tmp_path / party, party) for party in ("one", "two")]
    try:
        for home in homes:
            home.make(None)
        if (limit := getattr(request, "param", None)) is not None:
            with (homes[1].folder / "depesha.toml").open("a", encoding="utf-8") as file:
                file.write(f"largest_message_megabytes = {limit}\n")
        homes[0].know_by_card(homes[1])
        homes[1].know_by_card(homes[0])
        yield _Office(homes[0]), _Office(homes[1])
    finally:
        for home in homes:
            home.end()


def _attachment(folder: Path, size: int) -> tuple[Path, str]:
    path, digest, dice = folder / "large.bin", hashlib.sha256(), random.Random(size)
    with path.open("wb") as file:
        for _ in range(size // MIB):
            piece = dice.randbytes(MIB)
            digest.update(piece)
            file.write(piece)
    return path, digest.hexdigest()


def _queue(sender: _Office, receiver: _Office, *parts: Path) -> str:
    words = ["send", "--service", SERVICE, "--action", ACTION, "--to", receiver.home.party]
    sent = sender.home.do(*words, "--part", *(f"{part}:application/octet-stream" for part in parts))
    return str(sent["id"])


@pytest.mark.parametrize("killed", ["sender", "receiver"])
def test_killed_in_the_middle_of_the_body(offices: tuple[_Office, _Office], tmp_path: Path, killed: str) -> None:
    """Sent again, it is there once and whole; nothing of the first attempt stays, and memory was constant."""
    sender, receiver = offices
    path, sha256 = _attachment(tmp_path, SIZE)
    message = _queue(sender, receiver, path)
    until(lambda: sum(receiver.blobs()) > SIZE // 2, lambda: f"half of the body is in: {receiver.blobs()}")
    assert receiver.received() == 0
    (sender if killed == "sender" else receiver).kill_and_start()
    until(lambda: sender.state(message) == "delivered", lambda: f"delivered: {sender.state(message)}")
    assert receiver.received() == 1
    out = tmp_path / "out"
    [part] = receiver.home.do("message", "parts", message, "--out", str(out))
    assert part["sha256"] == sha256
    with Path(part["file"]).open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == sha256
    assert SIZE < sum(sender.blobs()) < SIZE * 1.01
    for office in offices:
        office.sweep()
        [kept] = office.blobs()
        assert SIZE < kept < SIZE * 1.01
        assert office.most_memory() < MOST_MEMORY, f"{office.home.party}: {office.most_memory()}"


@pytest.mark.parametrize("offices", [LIMIT_MEGABYTES], indirect=True)
def test_a_body_of_ten_gigabytes(offices: tuple[_Office, _Office], tmp_path: Path) -> None:
    """A partner with valid keys sends and sends: it is refused at the limit and cut off soon after; memory stays as it
    was, the disk is given back at once, and the next message is taken."""
    sender, receiver = offices
    block = os.urandom(MIB)
    told, passed = _send_endless(sender.home, receiver.home, block)
    answer = read_response(*told).signal
    assert isinstance(answer, ErrorSignal)
    assert answer.errors[0].code == "EBMS:0103"
    assert LIMIT_MEGABYTES * 1_000_000 < passed < 200_000_000
    until(lambda: receiver.blobs() == [], lambda: f"the disk is given back: {receiver.blobs()}")
    assert receiver.most_memory() < MOST_MEMORY
    assert receiver.received() == 0
    path, _ = _attachment(tmp_path, 4 * MIB)
    message = _queue(sender, receiver, path)
    until(lambda: sender.state(message) == "delivered", lambda: f"delivered: {sender.state(message)}")


def _send_endless(home: Home, peer: Home, block: bytes) -> tuple[tuple[str, bytes], int]:
    """Send what claims to have 10 GB until the peer ends the connection: (Content-Type, body) of its answer, and how
    many octets it took."""
    node = home.node
    info = PartInfo("endless@hostile.example", "application/octet-stream", compressed=False)
    header = UserMessage(
        message_id=f"{uuid.uuid4()}@hostile.example",
        timestamp=datetime.now(UTC).replace(microsecond=0),
        sender=Party(home.party, None, ROLE_INITIATOR),
        receiver=Party(peer.party, None, ROLE_RESPONDER),
        service=SERVICE,
        action=ACTION,
        conversation_id=str(uuid.uuid4()),
        parts=(info,),
    )
    signed = sign(header, [bytes(32)], node.signing, node.suite)
    directory = Directory(node)
    recipient = directory.recipient_certificate(directory.snapshot().peers[peer.party])
    wire = seal(signed.xml, [PartOctets(info, ENDLESS, lambda: itertools.repeat(block))], recipient, node.suite)
    fields = {"Host": "node", "Content-Type": wire.content_type, "Content-Length": str(wire.length)}
    head = "POST /as4 HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n"
    answer, passed = b"", 0
    with socket.create_connection(("127.0.0.1", peer.outside), timeout=60) as connection:
        connection.sendall(head.encode())
        with contextlib.suppress(ConnectionError):
            for chunk in wire.chunks():
                connection.sendall(chunk)
                passed += len(chunk)
        with contextlib.suppress(ConnectionError):
            while piece := connection.recv(MIB):
                answer += piece
    assert answer.startswith(b"HTTP/1.1 200 "), answer[:200]
    lines, _, body = answer.partition(b"\r\n\r\n")
    found = re.search(rb"\r\ncontent-type: ([^\r]+)", lines, re.I)
    assert found is not None, lines
    return (found[1].decode(), body), passed
