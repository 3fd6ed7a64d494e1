"""Two administrations that know each other, over real sockets; ours on both databases, theirs on SQLite by default."""

import contextlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, delete, insert, select

from node.exchange.making import Identity, make_node
from node.exchange.node import Node, open_node
from node.store.database import Database, open_database
from node.store.tables import metadata
from tests.conftest import TEMPLATE
from tests.conftest import _fresh_postgresql as fresh_postgresql
from tests.exchange.clock import Clock
from tests.exchange.offices import Known, Office, known
from tests.exchange.scripted import ScriptedPeer
from tests.exchange.turns import as_told, by_messages

OURS, THEIRS, STRANGER = "ours", "theirs", "stranger"


@dataclass(frozen=True)
class World:
    """Our office, which is under test, their office, and somebody with keys whom neither knows."""

    ours: Office
    theirs: Office
    stranger: Node
    clock: Clock


WorldMaker = Callable[..., Awaitable[World]]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Node]:
    """Nodes with keys, by party; their stores are not used."""
    folder = tmp_path_factory.mktemp("made")
    nodes = {}
    for party in (OURS, THEIRS, STRANGER):
        make_node(folder / party, Identity(party, f"Office of {party}"))
        nodes[party] = open_node(folder / party)
        nodes[party].database.close()
    return nodes


@pytest.fixture(scope="session")
def shared_postgresql(postgresql_server: str | None) -> Iterator[tuple[str, Callable[[], None]]]:
    """One PostgreSQL database for all tests of this folder, and what makes it as new: faster than to make another."""
    for url in fresh_postgresql(postgresql_server, TEMPLATE):
        database = open_database(url)
        with database.read() as connection:
            found = {table: connection.execute(select(table)).mappings().all() for table in metadata.sorted_tables}

        def renew(database: Database = database, found: dict[Table, Any] = found) -> None:
            database.close()  # a test may have cut its connections
            with database.write() as connection:
                for table in reversed(metadata.sorted_tables):
                    connection.execute(delete(table))
                for table, rows in found.items():
                    for row in rows:
                        connection.execute(insert(table).values(**row))

        yield url, renew
        database.close()


@pytest.fixture
def postgresql_url(shared_postgresql: tuple[str, Callable[[], None]]) -> Iterator[str]:
    url, renew = shared_postgresql
    yield url
    renew()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def their_database(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'theirs.db')}")
    yield opened
    opened.close()


def turns_are_told(database: Database) -> None:
    """Whatever a test did: each case's row says of the case what its messages say."""
    with database.read() as connection:
        assert as_told(connection) == by_messages(connection)


@pytest.fixture
async def make_world(
    request: pytest.FixtureRequest,
    made: dict[str, Node],
    tmp_path: Path,
    database: Database,
    their_database: Database,
    clock: Clock,
) -> AsyncIterator[WorldMaker]:
    """Makes the world: settings are our office's; without `send` our courier rests, as theirs always does unless asked.

    `depesha`: they know each other as nodes of this kind. Tests marked `theirs_on_both_databases` look at what their
    office does: it takes the database that varies, ours the other.
    """
    swapped = request.node.get_closest_marker("theirs_on_both_databases") is not None
    our_own, their_own = (their_database, database) if swapped else (database, their_database)
    async with contextlib.AsyncExitStack() as stack:

        async def make(
            *,
            send: bool = True,
            they_send: bool = False,
            they_serve: bool = True,
            their_clock: Clock = clock,
            depesha: bool = False,
            **settings: Any,
        ) -> World:
            ours = Office(made[OURS], tmp_path / OURS, our_own, clock, **settings)
            theirs = Office(made[THEIRS], tmp_path / THEIRS, their_own, their_clock)
            ours.know(known(theirs), depesha=depesha)
            theirs.know(known(ours), depesha=depesha)
            for office in (ours, theirs) if they_serve else (ours,):
                await stack.enter_async_context(office.serving())
            if send:
                await stack.enter_async_context(ours.sending())
            if they_send:
                await stack.enter_async_context(theirs.sending())
            return World(ours, theirs, made[STRANGER], clock)

        yield make
    turns_are_told(database)


@pytest.fixture
async def world(make_world: WorldMaker) -> World:
    """Both offices serve, ours sends."""
    return await make_world()


@dataclass(frozen=True)
class Stage:
    """Our office, which sends, and a peer that answers what the test says."""

    ours: Office
    peer: ScriptedPeer
    stranger: Node
    clock: Clock


StageMaker = Callable[..., Awaitable[Stage]]


@pytest.fixture
async def make_stage(
    made: dict[str, Node], tmp_path: Path, database: Database, clock: Clock
) -> AsyncIterator[StageMaker]:
    """Makes the stage; settings are our office's."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(send: bool = True, **settings: Any) -> Stage:
            ours = Office(made[OURS], tmp_path / OURS, database, clock, **settings)
            peer = await stack.enter_async_context(ScriptedPeer(made[THEIRS], clock).listening())
            ours.know(Known(made[THEIRS], peer.url))
            if send:
                await stack.enter_async_context(ours.sending())
            return Stage(ours, peer, made[STRANGER], clock)

        yield make
    turns_are_told(database)


@pytest.fixture
async def stage(make_stage: StageMaker) -> Stage:
    """Our office sends to a scripted peer."""
    return await make_stage()
