"""A process that queues messages without end: `python -m tests.faults.traffic HOME PEER LEDGER BACKLOG LARGE`.

SIGTERM ends it. While there is any file in the folder LARGE, it queues messages with a large attachment only.

It submits as the command line does, in a process beside the serving one, and may be killed at any moment.
"""

import hashlib
import json
import os
import random
import signal
import sys
import threading
import uuid
from pathlib import Path

from sqlalchemy import func, select

from node.exchange.cases import CASE
from node.exchange.directory import Directory
from node.exchange.due import OUTBOX
from node.exchange.node import Node, open_node
from node.exchange.parts_to_send import PartToSend
from node.exchange.submission import Submission, submit
from node.store.trouble import StoreUnavailable
from tests.faults import records
from tests.faults.ledger import Ledger

SERVICE = "urn:example:faults:1"
ACTION = "Report"
BEGUN = "Queues messages."
# So many cases go on for ever; other messages open a case of their own.
LONG_CASES = 6
LOOK_SECONDS = 0.05
# Above 64 KiB a part is a blob; above 256 KiB of message it goes out as a stream.
LARGE = 300_000
SIZES = (None, None, None, None, None, 3_000, 90_000, LARGE)
# The others are records, which are judged by their schema and rules.
OTHERS = 0.7


def queue_one(node: Node, directory: Directory, ledger: Ledger, peer: str, case: str | None, size: int | None) -> str:
    """Queue a message with a part that says which it is, and an attachment of `size` random bytes; returns its id."""
    intent = str(uuid.uuid4())
    contents = [json.dumps({"intent": intent, "from": node.party}).encode()]
    parts = [PartToSend.of_bytes(contents[0], "application/json")]
    if size is not None:
        contents.append(os.urandom(size))
        parts.append(PartToSend.of_bytes(contents[1], "application/octet-stream"))
    ledger.begin(intent, [hashlib.sha256(content).hexdigest() for content in contents])
    request = Submission(peer=peer, service=SERVICE, action=ACTION, parts=parts, case=case, actor="traffic")
    return _submitted(node, directory, ledger, intent, request)


def queue_record(node: Node, directory: Directory, ledger: Ledger, peer: str, case: str | None) -> str:
    """Queue a valid record of a domain, which both sides judge by its schema and rules; returns its message id."""
    intent = str(uuid.uuid4())
    domain = node.domains.find(records.SERVICE)
    assert domain is not None
    content = records.valid_record(domain)
    ledger.begin(intent, [hashlib.sha256(content).hexdigest()])
    parts = [PartToSend.of_bytes(content, "application/xml", "record.xml")]
    request = Submission(
        peer=peer, service=records.SERVICE, action=records.ACTION, parts=parts, case=case, actor="traffic"
    )
    return _submitted(node, directory, ledger, intent, request)


def _submitted(node: Node, directory: Directory, ledger: Ledger, intent: str, request: Submission) -> str:
    submitted = submit(node, directory.snapshot(), request)
    ledger.accepted(intent, submitted.id)
    return submitted.id


def some_case(node: Node) -> str | None:
    """A case of our own that goes on, one that the peer may have opened, or None for a new one."""
    kind = random.random()
    if kind < 0.5:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{node.party}/{random.randrange(LONG_CASES)}"))
    if kind < 0.8:
        with node.database.read() as connection:
            known = connection.scalars(select(CASE.c.conversation_id).order_by(CASE.c.id).limit(50)).all()
        return random.choice(known) if known else None
    return None


def main(home: str, peer: str, ledger_path: str, backlog: str, large: str) -> None:
    """Queue until told to stop; with `backlog` messages in the outbox, wait."""
    large_only = Path(large)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    node = open_node(Path(home))
    directory = Directory(node)
    ledger = Ledger(Path(ledger_path))
    print(BEGUN, flush=True)
    while not stop.is_set():
        try:
            with node.database.read() as connection:
                waiting = connection.scalar(select(func.count()).select_from(OUTBOX)) or 0
            if waiting < int(backlog):
                if any(large_only.iterdir()):
                    queue_one(node, directory, ledger, peer, some_case(node), LARGE)
                elif random.random() < OTHERS:
                    queue_one(node, directory, ledger, peer, some_case(node), random.choice(SIZES))
                else:
                    queue_record(node, directory, ledger, peer, some_case(node))
                continue
        except StoreUnavailable as trouble:
            # Locked for long by others: nothing was accepted, and the ledger does not say so.
            print(trouble, file=sys.stderr, flush=True)
        stop.wait(LOOK_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
