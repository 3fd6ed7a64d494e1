"""Clocks of many open cases: a look at one, and what officers ask of all of them.

    python -m tests.bench.cases [--cases N] [--database URL]

Each case was opened by the partner with an application, and its answer is awaited. One process asks everything; of
several times the shortest counts, which is that of the work itself on a machine with other things to do.
"""

import argparse
import gc
import hashlib
import tempfile
import time
import uuid
import zlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import update

from node.exchange.case_clocks import look_at_clocks
from node.exchange.case_marks import CHANGED
from node.exchange.case_standing import cases_with_state
from node.exchange.cases import CASE, NewCase, open_cases
from node.exchange.contents import PART
from node.exchange.due_list import due_now
from node.exchange.figures import figures
from node.exchange.listing import case_rows
from node.exchange.node import Node, open_node
from node.exchange.peers import add_peer
from node.exchange.settlement import MESSAGE, PAYLOAD, PAYLOAD_KEY
from node.exchange.terms_drafts import Changes, change_terms
from node.journal import start_journal
from node.store.columns import new_row_id
from node.store.payloads import payload_rows, seal_payload
from node.store.rows import insert_rows
from tests.bench.offices import ACTION, LOG_LEVEL, SERVICE, command
from tests.web.specimens import application

OWN, PARTNER = "bench", "partner"
TIMES = 5
BATCH = 500
AGE = timedelta(days=3)
"""How long ago the applications came."""
TERMS = Changes(
    template="ec-serbia",
    places=[f"{OWN}=Europe/Paris", f"{PARTNER}=Europe/Belgrade"],
    countries=[f"{OWN}=FRA", f"{PARTNER}=SRB"],
    confirm=["counting"],
    set=["reply=240 hours silence=accepted", "transfer=3 months calendars=none"],
    drop=["reply-accelerated", "error", "submission", "submission-accelerated", "transit-reply"],
)


def make(folder: Path, cases: int, database_url: str | None = None) -> Node:
    """A node in `folder` with so many cases that wait for our answer; none of their clocks was looked at yet."""
    environment = {} if database_url is None else {"DEPESHA_DATABASE_URL": database_url}
    words = ["init", "--home", str(folder), "--party", OWN, "--name", "Bench", "--url", "http://127.0.0.1:9/as4"]
    command(*words, environment=environment)
    if database_url is not None:
        with (folder / "depesha.toml").open("a", encoding="utf-8") as file:
            file.write(f'database_url = "{database_url}"\n')
    node = open_node(folder)
    with node.database.write() as connection:
        add_peer(
            connection, party=PARTNER, party_type=None, name="Partner", kind="card", state="confirmed", url=None,
            suite=None, certificates=[], depesha=True, now=node.now(),
        )  # fmt: skip
    change_terms(node, PARTNER, "returns", TERMS, "bench")
    for first in range(0, cases, BATCH):
        _open(node, first, min(BATCH, cases - first))
    return node


def _open(node: Node, first: int, count: int) -> None:
    came = node.now() - AGE + timedelta(seconds=first)
    opened = [
        NewCase(PARTNER, str(uuid.uuid4()), (OWN, PARTNER), came, domain="returns", version="1") for _ in range(count)
    ]
    record = application(occurred=came.isoformat(timespec="seconds").replace("+00:00", "Z"))
    squeeze = zlib.compressobj(1, wbits=31)
    signed = squeeze.compress(record) + squeeze.flush()
    digests = hashlib.sha256(record).digest(), hashlib.sha256(signed).digest()
    messages: list[dict[str, Any]] = []
    parts: list[dict[str, Any]] = []
    payloads, keys = [], []
    with node.database.write() as connection:
        for number, (case_id, one) in enumerate(zip(open_cases(connection, opened), opened, strict=True), first + 1):
            row_id = new_row_id(came)
            messages.append(
                {
                    "id": row_id, "message_id": f"{uuid.uuid4()}@partner", "direction": "in", "peer": PARTNER,
                    "state": "received", "service": SERVICE, "action": ACTION, "case_id": case_id,
                    "conversation_id": one.conversation_id, "timestamp": came, "time": came, "receipt_time": came,
                    "sequence": number, "seen": 0, "digests": hashlib.sha256(b"%d" % row_id).digest(),
                }
            )  # fmt: skip
            parts.append(
                {
                    "message": row_id, "n": 1, "content_id": "part-1@partner", "name": "record.xml",
                    "media_type": "application/xml", "compressed": True, "size": len(record), "sha256": digests[0],
                    "signed_size": len(signed), "signed_sha256": digests[1],
                }
            )  # fmt: skip
            payload, key = payload_rows(row_id, "part", 1, seal_payload(signed, node.kek, node.blobs))
            payloads.append(payload)
            keys.append(key)
        for table, rows in ((MESSAGE, messages), (PART, parts), (PAYLOAD, payloads), (PAYLOAD_KEY, keys)):
            insert_rows(connection, table, rows)


def measure(node: Node, cases: int) -> Iterator[str]:
    """Look at all clocks, then ask of all cases, line by line."""
    gc.collect()
    gc.freeze()  # as a node that serves does
    yield f"{cases} open cases, {node.database.dialect}; the shortest of {TIMES} times"
    looks = []
    while True:
        began = time.perf_counter()
        count = look_at_clocks(node)
        if not count:
            break
        looks.append((time.perf_counter() - began) * 1000 / count)
    yield f"{'a look at the clock of a case':34}{min(looks):9.2f} ms"
    for name, ask in _questions(node):
        yield f"{name:34}{_shortest(ask):9.1f} ms"
    with node.database.write() as connection:
        connection.execute(update(CASE).values(clock_at=CHANGED, clock_version=CASE.c.clock_version + 1))
    for name, ask in _questions(node)[:2]:
        began = time.perf_counter()
        ask()
        yield f"{name + ', all changed':34}{(time.perf_counter() - began) * 1000:9.1f} ms"


def _questions(node: Node) -> list[tuple[str, Callable[[], object]]]:
    def reading(ask: Callable[[Any], object]) -> Callable[[], object]:
        def asked() -> object:
            with node.database.read() as connection:
                return ask(connection)

        return asked

    return [
        ("case list", reading(lambda c: cases_with_state(node, c, case_rows(c, 100)))),
        ("due", reading(lambda c: due_now(node, c))),
        ("figures", reading(lambda c: figures(node, c))),
    ]


def _shortest(ask: Callable[[], object]) -> float:
    """Milliseconds."""
    found = []
    for _ in range(TIMES):
        began = time.perf_counter()
        ask()
        found.append((time.perf_counter() - began) * 1000)
    return min(found)


def main() -> None:
    """Make a node with so many cases, and measure it."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.cases", description="Time clocks of many cases.")
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--database", help="URL of an empty PostgreSQL database, in place of SQLite")
    asked = parser.parse_args()
    start_journal(LOG_LEVEL)
    with tempfile.TemporaryDirectory(prefix="depesha-bench-") as folder:
        node = make(Path(folder) / "node", asked.cases, asked.database)
        try:
            for line in measure(node, asked.cases):
                print(line, flush=True)
        finally:
            node.database.close()


if __name__ == "__main__":
    main()
