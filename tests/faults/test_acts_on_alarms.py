"""A person settles an alarm, or confirms a message, and the command dies: it was done whole, or not at all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from node.exchange import outbox
from node.exchange.directory import Directory
from node.exchange.listing import find_message
from node.exchange.settlement import ALARM, LOG_ENTRY, MESSAGE
from node.store.columns import new_row_id, table_of
from node.store.tables import Outbox, Payload
from tests.faults.homes import BACKSTOP_SECONDS, Home
from tests.faults.kills import KILLED
from tests.faults.points import ON_ALARMS
from tests.faults.traffic import queue_one

PAYLOAD, OUTBOX = table_of(Payload), table_of(Outbox)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A node that knows a peer; neither serves."""
    home, peer = (Home(tmp_path / party, party) for party in ("one", "two"))
    for one in (home, peer):
        one.make(None)
    home.know_by_certificate(peer)
    return home


@pytest.fixture
def unconfirmed(home: Home) -> str:
    """A message of ours that the peer seems to have, with its alarm."""
    node = home.node
    message_id = queue_one(node, Directory(node), home.ledger, "two", "a case", 1000)
    with node.database.write() as connection:
        row = find_message(connection, message_id)["id"]
        outbox.block(connection, row)
        connection.execute(update(MESSAGE).where(MESSAGE.c.id == row).values(state="unconfirmed"))
        alarm = {"id": new_row_id(node.now()), "time": node.now(), "kind": "unconfirmed", "peer": "two"}
        connection.execute(insert(ALARM).values(**alarm, message=row, detail="EBMS:0004: duplicate"))
    return message_id


def found(home: Home) -> dict[str, Any]:
    """What the act changes, all at once."""
    with home.node.database.read() as connection:

        def count(query: Any) -> int:
            return connection.scalar(select(func.count()).select_from(query.subquery())) or 0

        return {
            "open": count(select(ALARM.c.id).where(ALARM.c.settled_at.is_(None))),
            "notes": count(select(PAYLOAD.c.n).where(PAYLOAD.c.kind == "note")),
            "entries": count(
                select(LOG_ENTRY.c.id).where(LOG_ENTRY.c.type.in_(["alarm.settled", "message.peer-has-it"]))
            ),
        }


NOTHING, ALL = {"open": 1, "notes": 0, "entries": 0}, {"open": 0, "notes": 1, "entries": 1}


def dies_at(home: Home, point: str, *words: str) -> None:
    running = home.run(*words, "--note", "they have it", crash_at=point)
    assert running.ended_within(BACKSTOP_SECONDS) == KILLED, running.describe()


def settle(home: Home, message_id: str) -> tuple[str, ...]:
    return "alarm", "settle", home.do("alarm", "list")[0]["id"]


def confirm(home: Home, message_id: str) -> tuple[str, ...]:
    return "message", "confirm", message_id


ACTS: dict[str, Callable[[Home, str], tuple[str, ...]]] = {"settle": settle, "confirm": confirm}


@pytest.mark.parametrize("act", ACTS)
def test_an_act_that_dies_was_done_whole_or_not_at_all(home: Home, unconfirmed: str, act: str) -> None:
    words = ACTS[act](home, unconfirmed)
    dies_at(home, f"{act}: before commit", *words)
    assert found(home) == NOTHING
    dies_at(home, f"{act}: after commit", *words)
    assert found(home) == ALL
    again = home.run(*words, "--note", "again")
    assert again.process.poll() == 1, "it says that it was done already"
    assert found(home) == ALL
    with home.node.database.read() as connection:
        waiting = connection.execute(select(OUTBOX.c.message)).all()
    assert len(waiting) == (1 if act == "settle" else 0), "only a confirmed message lets the next in its case go"


def test_every_point_of_such_acts_is_killed_at() -> None:
    assert {f"{act}: {when} commit" for act in ACTS for when in ("before", "after")} == set(ON_ALARMS)
