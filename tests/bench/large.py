"""A large attachment from one node to another: memory, rate and CPU of either side, what a kill in the middle costs.

    python -m tests.bench.large [--megabytes N] [--plain-http] [--only rates|kills]

It is a section of `make bench` too, an eighth as large, whole with `--full`. Both nodes are whole processes that speak
TLS over loopback. A record lists a file of N megabytes (2^20 octets; 1024 unless told) that no compression makes
smaller. It goes each way; then one more goes while the receiver is killed in the middle of the body, and one while the
sender is. Disk: up to ten times N, in the folder for temporary files (TMPDIR).
"""

import argparse
import contextlib
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select

from node.exchange.node import Node, open_node
from node.exchange.settlement import MESSAGE
from node.records.example import new_nonce
from node.store.payloads import SWEEP_AFTER, sweep
from tests.bench.exchange import RECORD, WRITTEN_NONCE
from tests.bench.offices import ROOT, Office, cpu_seconds, wall

MEGABYTES = 1024
MB = 1_000_000
SETTINGS = "retry_first_seconds = 0.2\nretry_longest_seconds = 1\n"
LOOK_SECONDS = 0.02
BACKSTOP_SECONDS = 1800
"""What has not come after this never will."""
_PIECE = 1 << 20
_ATTACHMENTS = """
  <Attachments>
    <Attachment>
      <Name>{name}</Name>
      <Kind>document-copy</Kind>
      <MediaType>application/octet-stream</MediaType>
      <Sha256>{sha256}</Sha256>
      <Person>p1</Person>
    </Attachment>
  </Attachments>
</ReadmissionApplication>"""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file, what it holds, and a record that lists it."""

    path: Path
    size: int
    sha256: str
    record: Path


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command came to: what it printed, its seconds by the clock and of CPU, the most memory it had (octets)."""

    printed: str
    seconds: float
    cpu: float
    most: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """From the start of the sender to the committed receipt: seconds by the clock, CPU and most memory of each side."""

    seconds: float
    sender_cpu: float
    receiver_cpu: float
    sender_most: int
    receiver_most: int


def most_memory(process: int) -> int:
    """The most that a process has ever had resident (VmHWM), in octets; 0 once it has ended."""
    with contextlib.suppress(OSError):
        found = re.search(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text(encoding="ascii"), re.M)
        if found is not None:
            return int(found[1]) * 1024
    return 0


def forget_most_memory(process: int) -> None:
    """Let `most_memory` begin anew from what is resident now (proc(5), clear_refs)."""
    Path(f"/proc/{process}/clear_refs").write_text("5", encoding="ascii")


def until(condition: Callable[[], bool], what: str) -> None:
    """Ask again until it is so. Raises TimeoutError, much later, with what never came."""
    end = wall() + BACKSTOP_SECONDS
    while not condition():
        if wall() > end:
            raise TimeoutError(f"after {BACKSTOP_SECONDS} s still not: {what}")
        time.sleep(LOOK_SECONDS)


def attachment_in(folder: Path, megabytes: int) -> Attachment:
    """A file of random octets, and the record that names it."""
    path = folder / "large.bin"
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(megabytes):
            piece = os.urandom(_PIECE)
            digest.update(piece)
            file.write(piece)
    record = folder / "application.xml"
    listed = _ATTACHMENTS.format(name=path.name, sha256=digest.hexdigest())
    alone = re.sub(r"\s*</ReadmissionApplication>", lambda _: listed, RECORD)
    record.write_text(alone.replace(WRITTEN_NONCE, new_nonce(os.urandom)), encoding="utf-8")
    return Attachment(path, megabytes * _PIECE, digest.hexdigest(), record)


def run(*words: str) -> Ended:
    """One command to its end, watched. Raises RuntimeError if it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began, most = wall(), 0
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "node", *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        while process.poll() is None:
            most = max(most, most_memory(process.pid))
            time.sleep(LOOK_SECONDS)
        seconds = wall() - began
        assert process.stdout is not None
        printed = process.stdout.read()
        process.stdout.close()
        if process.returncode:
            errors.seek(0)
            raise RuntimeError(f"{words} ended with {process.returncode}: {printed}{errors.read()}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Ended(printed, seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, most)


def queue(office: Office, peer: Office, attachment: Attachment) -> tuple[str, Ended]:
    """Queue the record with its attachment by command; the message's id."""
    words = ["send", str(attachment.record), "--to", peer.party, "--attach", str(attachment.path)]
    ended = run(*words, "--json", "--home", str(office.folder))
    return str(json.loads(ended.printed)["id"]), ended


def take_out(office: Office, message: str, attachment: Attachment, folder: Path) -> Ended:
    """`message parts`: the attachment as it was, written into a folder that is deleted then."""
    ended = run("message", "parts", message, "--out", str(folder), "--json", "--home", str(office.folder))
    written = json.loads(ended.printed)[1]
    found = hashlib.sha256()
    with Path(written["file"]).open("rb") as file:
        while piece := file.read(_PIECE):
            found.update(piece)
    if {found.hexdigest(), written["sha256"]} != {attachment.sha256}:
        raise RuntimeError(f"{message}: the attachment was changed on its way")
    shutil.rmtree(folder)
    return ended


def state_of(node: Node, message: str) -> str | None:
    """The state of a message, None if the node has none of that id."""
    with node.database.read() as connection:
        return connection.scalar(select(MESSAGE.c.state).where(MESSAGE.c.message_id == message))


class Served:
    """A node that serves, may be killed and started again; opened in this process too, to look into it."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.node = open_node(office.folder)
        self._stack = contextlib.ExitStack()
        self.process = 0
        self.start()

    def start(self) -> None:
        """Serve in a process of its own."""
        self.process = self._stack.enter_context(self.office.serving())

    def kill(self) -> None:
        """SIGKILL, and wait for its end."""
        os.kill(self.process, signal.SIGKILL)
        self._stack.close()

    def end(self) -> None:
        """Stop it and close what was opened."""
        self._stack.close()
        self.node.database.close()

    def disk(self) -> int:
        """Octets in the folder of blobs."""
        files = (self.office.folder / "blobs").rglob("*")
        return sum(path.stat().st_size for path in files if path.is_file())

    def being_written(self) -> int:
        """Octets of what is being written."""
        folder = self.office.folder / "blobs" / "writing"
        return sum(path.stat().st_size for path in folder.iterdir()) if folder.is_dir() else 0


@contextlib.contextmanager
def pair(folder: Path, tls: bool = True, settings: str = "") -> Iterator[tuple[Served, Served]]:
    """Two nodes that know each other and serve."""
    offices = [Office(folder / party, party, tls, None) for party in ("blue", "green")]
    for office in offices:
        with (office.folder / "depesha.toml").open("a", encoding="utf-8") as file:
            file.write(SETTINGS + settings)
    offices[0].know(offices[1])
    offices[1].know(offices[0])
    with contextlib.ExitStack() as stack:
        served = []
        for office in offices:
            served.append(Served(office))
            stack.callback(served[-1].end)
        yield served[0], served[1]


def deliver(sender: Served, receiver: Served, attachment: Attachment) -> tuple[str, Ended, Delivery]:
    """Queue while the sender does not serve, then let it serve: so neither disturbs the other."""
    sender.kill()
    message, queued = queue(sender.office, receiver.office, attachment)
    sender.start()
    forget_most_memory(receiver.process)
    began, before = wall(), [cpu_seconds(one.process) for one in (sender, receiver)]
    until(lambda: state_of(sender.node, message) == "delivered", f"{message} delivered")
    seconds = wall() - began
    cpu = [cpu_seconds(one.process) - was for one, was in zip((sender, receiver), before, strict=True)]
    return message, queued, Delivery(seconds, *cpu, most_memory(sender.process), most_memory(receiver.process))


def survive(sender: Served, receiver: Served, killed: Served, attachment: Attachment) -> tuple[float, int]:
    """Kill one side in the middle of the body, start it again, and see the message delivered once and whole.

    Gives the seconds from the start to the delivery, and the octets that lay unnamed until the sweep.
    """
    named = receiver.disk()
    message, _ = queue(sender.office, receiver.office, attachment)
    until(lambda: receiver.being_written() > attachment.size // 2, "half of the body is in")
    killed.kill()
    began = wall()
    killed.start()
    until(lambda: state_of(sender.node, message) == "delivered", f"{message} delivered")
    seconds = wall() - began
    with receiver.node.database.read() as connection:
        count = connection.scalar(select(func.count()).select_from(MESSAGE).where(MESSAGE.c.message_id == message))
    if count != 1:
        raise RuntimeError(f"{message}: received {count} times")
    take_out(receiver.office, message, attachment, receiver.office.folder / "out")
    left = receiver.disk()
    for one in (sender, receiver):
        sweep(one.node.blobs, one.node.database, one.node.now() + SWEEP_AFTER + timedelta(minutes=1))
    if not attachment.size <= receiver.disk() - named < attachment.size * 1.01:
        raise RuntimeError(f"{message}: {receiver.disk() - named} octets kept for {attachment.size}")
    return seconds, left - receiver.disk()


def table(megabytes: int, tls: bool, rates: bool, kills: bool) -> Iterator[str]:
    """Measure, line by line."""
    wire = "TLS" if tls else "HTTP"
    yield f"a record and {megabytes} MiB of random octets, {wire}, SQLite; MB: 10^6 octets; memory: the most resident"
    yield f"{'':34}{'seconds':>8}{'MB/s':>7}{'CPU s':>8}{'memory':>8}   {'receiver:':>9}{'CPU s':>7}{'memory':>8}"
    with tempfile.TemporaryDirectory(prefix="depesha-large-") as name:
        folder = Path(name)
        attachment = attachment_in(folder, megabytes)
        with pair(folder, tls) as (blue, green):
            for sender, receiver in ((blue, green), (green, blue)) if rates else ():
                yield from _one_way(sender, receiver, attachment, folder)
            for killed, role in ((green, "receiver"), (blue, "sender")) if kills else ():
                seconds, unnamed = survive(blue, green, killed, attachment)
                yield (
                    f"{role + ' killed in the middle, to delivery':34}{seconds:8.1f}"
                    f"   once, whole; {unnamed / MB:.0f} MB given back by the sweep"
                )


def _one_way(sender: Served, receiver: Served, attachment: Attachment, folder: Path) -> Iterator[str]:
    message, queued, delivery = deliver(sender, receiver, attachment)
    way = f"{sender.office.party} to {receiver.office.party}"
    yield _line(f"{way}: send (queued)", attachment, queued)
    yield _line(
        f"{way}: delivery", attachment, Ended("", delivery.seconds, delivery.sender_cpu, delivery.sender_most)
    ) + (f"   {'':9}{delivery.receiver_cpu:7.1f}{delivery.receiver_most / MB:8.0f}")
    yield _line(f"{way}: message parts", attachment, take_out(receiver.office, message, attachment, folder / "out"))


def _line(what: str, attachment: Attachment, ended: Ended) -> str:
    rate = attachment.size / MB / ended.seconds
    return f"{what:34}{ended.seconds:8.1f}{rate:7.0f}{ended.cpu:8.1f}{ended.most / MB:8.0f}"


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.large", description="Time a large attachment.")
    parser.add_argument("--megabytes", type=int, default=MEGABYTES, help="size of the attachment, of 2^20 octets")
    parser.add_argument("--plain-http", action="store_true", help="without TLS")
    parser.add_argument("--only", choices=["rates", "kills"], help="leave the other one out")
    asked = parser.parse_args()
    for line in table(asked.megabytes, not asked.plain_http, asked.only != "kills", asked.only != "rates"):
        print(line, flush=True)


if __name__ == "__main__":
    main()
