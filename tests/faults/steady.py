"""A process that queues messages at an even pace: `python -m tests.faults.steady HOME PEER LEDGER BACKLOG A_SECOND`.

Records of a domain, other messages, attachments now and then. SIGTERM ends it; it may be killed at any moment.
"""

import random
import signal
import sys
import threading
import uuid
from pathlib import Path

from sqlalchemy import func, select

from node.exchange.directory import Directory
from node.exchange.due import OUTBOX
from node.exchange.node import open_node
from node.store.trouble import StoreUnavailable
from tests.faults.ledger import Ledger
from tests.faults.traffic import LARGE, queue_one, queue_record, some_case

READY = "queues until SIGTERM"
RECORDS = 0.5
ATTACHMENTS = ((0.02, LARGE), (0.07, 90_000), (0.2, 3_000))
"""up to which share of the messages which size"""


def _attachment() -> int | None:
    drawn = random.random()
    return next((size for share, size in ATTACHMENTS if drawn < share), None)


def main(home: str, peer: str, ledger_path: str, backlog: str, a_second: str) -> None:
    """Queue until told to stop; with `backlog` messages in the outbox, none."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    print(READY, flush=True)
    node = open_node(Path(home))
    directory = Directory(node)
    ledger = Ledger(Path(ledger_path))
    while not stop.wait(random.expovariate(float(a_second))):
        try:
            with node.database.read() as connection:
                waiting = connection.scalar(select(func.count()).select_from(OUTBOX)) or 0
            if waiting >= int(backlog):
                continue
            case = some_case(node) if random.random() < 0.5 else str(uuid.uuid4())
            if random.random() < RECORDS:
                queue_record(node, directory, ledger, peer, case)
            else:
                queue_one(node, directory, ledger, peer, case, _attachment())
        except StoreUnavailable as trouble:
            # Locked for long by others: nothing was accepted, and the ledger does not say so.
            print(trouble, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
