"""A node that is started on a database that is behind what it had kept: an old copy, or a promoted replica."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import func, select
from sqlalchemy.engine import make_url

from node.audit.kept_head import Head, head_of, keep_head, read_head
from node.exchange.behind import KIND, MORE_NUMBERS
from node.exchange.directory import Directory
from node.exchange.lost_memory import PEER_LOST, WE_LOST
from node.exchange.node import KEYS
from node.exchange.peers import PEER
from node.exchange.settlement import MESSAGE
from node.store.database import open_database
from node.store.migrations import upgrade
from tests.conftest import _start_postgresql
from tests.faults.homes import BACKSTOP_SECONDS, Home, until
from tests.faults.kills import KILLED
from tests.faults.points import ON_OWN_LOG
from tests.faults.traffic import queue_one


def number(home: Home, peer: Home) -> int:
    with home.node.database.read() as connection:
        return int(connection.scalar(select(PEER.c.sequence_out).where(PEER.c.party == peer.party)) or 0)


def alarms(home: Home) -> list[str]:
    return [alarm["kind"] for alarm in home.do("alarm", "list")]


def settle(home: Home, kind: str) -> None:
    [alarm] = [one for one in home.do("alarm", "list") if one["kind"] == kind]
    home.do("alarm", "settle", alarm["id"], "--note", "compared with the partner")


def kept_size(home: Home) -> int:
    head = read_head(home.folder / KEYS)
    return 0 if head is None else head.size


def delivered(home: Home) -> int:
    with home.node.database.read() as connection:
        return connection.scalar(select(func.count()).select_from(MESSAGE).where(MESSAGE.c.state == "delivered")) or 0


def received_numbers(home: Home) -> list[int]:
    with home.node.database.read() as connection:
        return list(connection.scalars(select(MESSAGE.c.sequence).where(MESSAGE.c.direction == "in")))


def exchange(home: Home, peer: Home, count: int) -> None:
    """Send so many messages while both serve; each is delivered."""
    before = delivered(home)
    for _ in range(count):
        queue_one(home.node, Directory(home.node), home.ledger, peer.party, None, None)
    until(lambda: delivered(home) == before + count, lambda: f"{count} messages of {home.party} are delivered")


def know_each_other(one: Home, two: Home) -> None:
    one.know_by_card(two)
    two.know_by_card(one)


def test_killed_while_it_holds_or_releases(homes: tuple[Home, Home]) -> None:
    """Held once, however often it dies: numbers are moved on once, one alarm is raised."""
    one, two = homes
    for home in homes:
        home.make(None)
    know_each_other(one, two)
    began = number(one, two)
    keep_head(one.folder / KEYS, Head(50, bytes(32)))

    def dies(point: str) -> None:
        running = one.serve(point)
        assert running.ended_within(BACKSTOP_SECONDS) == KILLED, running.describe()

    dies("behind: before commit")
    assert (number(one, two), alarms(one)) == (began, [])
    dies("behind: after commit")
    moved = number(one, two)
    assert moved > began + MORE_NUMBERS
    assert alarms(one) == [KIND]
    settle(one, KIND)
    dies("released: before commit")
    dies("released: after commit")
    running = one.serve_ready()
    until(lambda: read_head(one.folder / KEYS) == head_of(one.node.database)[0], lambda: "the head is kept anew")
    running.stop()
    assert (number(one, two), alarms(one)) == (moved, [])
    assert not head_of(one.node.database)[1]


def test_every_point_of_these_is_killed_at() -> None:
    assert {f"{what}: {when} commit" for what in ("behind", "released") for when in ("before", "after")} == set(
        ON_OWN_LOG
    )


@pytest.mark.faults
def test_a_peer_that_goes_on_from_an_old_copy_of_all_it_has(homes: tuple[Home, Home]) -> None:
    """Its file beside the keys is as old as its database, so it cannot know; its partner's node sees it and says so."""
    one, two = homes
    for home in homes:
        home.make(None)
    know_each_other(one, two)
    serving = [home.serve_ready() for home in homes]
    exchange(one, two, 2)
    exchange(two, one, 2)
    serving[1].stop()
    two.node.database.close()
    copy = two.folder.with_name("copy")
    shutil.copytree(two.folder, copy)
    serving[1] = two.serve_ready()
    exchange(one, two, 3)
    exchange(two, one, 3)
    assert alarms(one) == alarms(two) == []
    serving[1].stop()
    two.node.database.close()
    shutil.rmtree(two.folder)
    copy.rename(two.folder)
    serving[1] = two.serve_ready()
    assert alarms(two) == []
    exchange(two, one, 1)
    assert alarms(one) == [PEER_LOST]
    exchange(one, two, 1)
    assert WE_LOST in alarms(two), "a partner's message has seen more than the old copy knows to have sent"
    for one_serving in serving:
        one_serving.stop()


@pytest.mark.faults
def test_a_replica_that_is_promoted_behind(homes: tuple[Home, Home]) -> None:
    """The server of the database is lost, and its replica lacks the last messages: nothing is sent from it, and no
    number is given twice, until a person settles the alarm."""
    one, two = homes
    folders = [Path(tempfile.mkdtemp(prefix="depesha-pg-")) for _ in range(2)]
    primary = _start_postgresql(folders[0])
    standby = None
    try:
        with psycopg.connect(primary.get_uri(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE node")
        url = database_url(primary.get_uri())
        database = open_database(url)
        upgrade(database)
        database.close()
        one.make(url)
        two.make(None)
        know_each_other(one, two)
        serving = [home.serve_ready() for home in homes]
        exchange(one, two, 3)
        replica(primary, folders[1])
        exchange(one, two, 4)
        last = number(one, two)
        until(lambda: kept_size(one) == 2 * 7, lambda: f"all entries are kept: {kept_size(one)}")
        serving[0].kill()
        one.node.database.close()
        primary.cleanup()
        standby = _start_postgresql(folders[1])
        settings = one.folder / "depesha.toml"
        settings.write_text(settings.read_text().replace(url, database_url(standby.get_uri())))
        del one.__dict__["node"]
        assert number(one, two) < last, "the replica is behind"
        serving[0] = one.serve_ready()
        until(lambda: KIND in alarms(one), lambda: "the node says that its database is behind")
        assert number(one, two) > last
        before = received_numbers(two)
        queue_one(one.node, Directory(one.node), one.ledger, "two", None, None)
        exchange(two, one, 2)  # taken in meanwhile
        assert received_numbers(two) == before, "nothing is sent while it is held"
        settle(one, KIND)
        until(lambda: len(received_numbers(two)) > len(before), lambda: "what waited is sent")
        numbers = received_numbers(two)
        assert len(set(numbers)) == len(numbers)
        for running in serving:
            running.stop()
    finally:
        for server in (primary, standby):
            if server is not None:
                server.cleanup()
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


def database_url(server: str) -> str:
    """The node's database on a server."""
    url = make_url(server).set(drivername="postgresql+psycopg", database="node")
    return url.render_as_string(hide_password=False)


def replica(primary: Any, folder: Path) -> None:
    """A copy of all that a server has at this moment, as its replica would have it that receives nothing any more.

    By PostgreSQL's own steps (its manual, 25.3.4): the wheel's pg_basebackup is of another version than its server.
    """
    began = Path(primary.pgdata)
    with psycopg.connect(primary.get_uri(), autocommit=True) as connection:
        connection.execute("SELECT pg_backup_start('replica', true)")
        left_out = shutil.ignore_patterns("postmaster.pid", "postmaster.opts", ".s.PGSQL.*")
        shutil.copytree(began, folder, dirs_exist_ok=True, ignore=left_out)
        [label] = connection.execute("SELECT labelfile FROM pg_backup_stop(false)").fetchall()
    (folder / "backup_label").write_text(label[0])
    shutil.copytree(began / "pg_wal", folder / "pg_wal", dirs_exist_ok=True)
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, began.owner(), began.group())
    folder.chmod(0o700)
