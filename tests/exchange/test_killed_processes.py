"""What a killed process had under way is taken up by another at once, not when its claim would have run out."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import text

from node.exchange import outbox
from node.exchange.delivery import Courier
from node.store.database import Database
from node.store.presence import Presence, is_gone
from tests.exchange.conftest import StageMaker
from tests.exchange.offices import text_part
from tests.interop.nodes import until

# A process that takes up what is due and then stands still.
CLAIMS = """
import sys, time
from datetime import timedelta
from node.exchange import outbox
from node.exchange.node import utc_now
from node.exchange.retry import RetrySchedule
from node.store.database import open_database
from node.store.presence import Presence

database = open_database(sys.argv[1])
presence = Presence(database)
hour = timedelta(hours=1)
claims = outbox.claim(database, presence.name(), utc_now(), 10, hour, RetrySchedule(hour, hour, hour))
print(len(claims), presence.name(), flush=True)
time.sleep(600)
"""


@contextmanager
def another_process(database: Database, claims: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """It has claimed so many; gives the process and its name."""
    url = database.engine.url.render_as_string(hide_password=False)
    process = subprocess.Popen([sys.executable, "-c", CLAIMS, url], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        count, name = process.stdout.readline().split()
        assert int(count) == claims
        yield process, name
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def kill(process: subprocess.Popen[str]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def known_to_be_gone(database: Database, name: str) -> bool:
    """What another process learns of the one of this name."""
    with database.read() as connection:
        return is_gone(connection, name)


async def test_what_a_killed_process_had_claimed_is_delivered_by_the_next(make_stage: StageMaker) -> None:
    """Its claim holds for an hour more; no clock is moved."""
    stage = await make_stage(send=False)
    sent = stage.ours.submit("theirs", text_part("x"))
    with another_process(stage.ours.node.database, claims=1) as (process, _):
        assert stage.ours.state(sent) == "sending"
        kill(process)
        async with stage.ours.sending():
            shown = await stage.ours.reaches(sent, "delivered")
    assert shown["attempts"] == 2
    assert stage.peer.ids() == [sent]


async def test_another_process_that_lives_keeps_its_claims_until_it_is_killed(make_stage: StageMaker) -> None:
    stage = await make_stage(send=False)
    if stage.ours.node.database.dialect == "sqlite":
        return  # one process serves a home
    held = stage.ours.submit("theirs", text_part("x"))
    with another_process(stage.ours.node.database, claims=1) as (process, name):
        async with stage.ours.sending():
            other = stage.ours.submit("theirs", text_part("y"))
            await stage.ours.reaches(other, "delivered")
            for _ in range(3):
                stage.ours.courier._looked_for_dead = -1e9
                stage.ours.courier.wake()
                await asyncio.sleep(0)
                await stage.ours.reaches(stage.ours.submit("theirs", text_part("z")), "delivered")
            (row,) = stage.ours.waiting()
            assert (row["claimed_by"], stage.ours.state(held)) == (name, "sending")
            kill(process)
            await stage.ours.reaches(held, "delivered")


async def test_a_silent_peer_whose_probe_died_is_probed_again_at_once(make_stage: StageMaker) -> None:
    stage = await make_stage(send=False)
    sent = stage.ours.submit("theirs", text_part("x"))
    with stage.ours.node.database.write() as connection:
        outbox.peer_failed(
            connection, "theirs", stage.clock() - timedelta(hours=1), "no connection", stage.ours.node.retries, 0, None
        )
    with another_process(stage.ours.node.database, claims=1) as (process, _):
        kill(process)
        async with stage.ours.sending():
            await stage.ours.reaches(sent, "delivered")


async def test_a_courier_gives_up_its_name_when_it_ends(make_stage: StageMaker) -> None:
    stage = await make_stage()
    database = stage.ours.node.database
    await stage.ours.reaches(stage.ours.submit("theirs", text_part("x")), "delivered")
    if database.dialect == "sqlite":
        return
    name = stage.ours.courier._worker
    with database.read() as connection:
        assert not is_gone(connection, name)
    stage.ours.courier.stop()
    second = Courier(stage.ours.node, stage.ours.directory)
    task = asyncio.create_task(second.run())
    await stage.ours.reaches(stage.ours.submit("theirs", text_part("y")), "delivered")
    second.stop()
    await task
    until(lambda: known_to_be_gone(database, second._worker), 20, "the process is known to be gone")


def test_a_process_that_lost_its_connection_makes_itself_known_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    presence = Presence(database)
    first = presence.name()
    if database.dialect == "sqlite":
        assert presence.name() == first
        return
    assert presence._connection is not None
    backend = presence._connection.scalar(text("SELECT pg_backend_pid()"))
    with database.read() as connection:
        assert not is_gone(connection, first)
        connection.execute(text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": backend})
    with database.read() as connection:
        assert is_gone(connection, first)
    monkeypatch.setattr("node.store.presence.LOOK_SECONDS", 0)
    again = presence.name()
    with database.read() as connection:
        assert not is_gone(connection, again)
    presence.close()
    # The server gives the lock back when it notices that the connection was closed.
    until(lambda: known_to_be_gone(database, again), 20, "the process is known to be gone")


def test_two_processes_never_have_one_name(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    if database.dialect == "sqlite":
        return
    numbers = iter([7, 7, 8])
    monkeypatch.setattr("node.store.presence.secrets.randbits", lambda bits: next(numbers))
    one, two = Presence(database), Presence(database)
    assert (one.name(), two.name()) == ("7", "8")
    one.close()
    two.close()


@pytest.mark.parametrize("name", ["", "x", "0x1", "²", str(2**31), "-1"])
def test_what_is_no_name_of_a_process_is_not_known_to_be_gone(database: Database, name: str) -> None:
    with database.read() as connection:
        assert not is_gone(connection, name)
