"""Administrations for tests: a node with its store and clock, its listener on loopback, its courier."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import uvicorn
from sqlalchemy import Table, func, select

from node.app import outside_app
from node.audit.sequencer import sequence
from node.exchange import outbox
from node.exchange.agreements import open_unilateral
from node.exchange.delivery import Courier
from node.exchange.directory import Directory
from node.exchange.endpoint import Endpoint
from node.exchange.listing import list_messages, show_message
from node.exchange.node import Node
from node.exchange.parts_to_send import PartToSend
from node.exchange.peers import add_peer
from node.exchange.settlement import ALARM, MESSAGE
from node.exchange.submission import Submission, Submitted, submit
from node.store.blobs import BlobStore
from node.store.database import Database
from tests.exchange.clock import Clock, until

SERVICE = "urn:example:dispatches:1"
ACTION = "Dispatch"
AGREEMENT = "urn:example:agreement:1"
RECORDS = "urn:depesha:returns:1"
APPLICATION = "ReadmissionApplication"
PAIRS = ((SERVICE, ACTION), (RECORDS, APPLICATION))
ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "schemas" / "returns" / "1" / "examples"

# The next attempt comes when a test moves the clock, never by itself.
SETTINGS = {
    "retry_first_seconds": 60,
    "retry_longest_seconds": 600,
    "attempt_seconds": 10,
    "retry_hours": 48,
    "allow_unilateral_terms": True,
}


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    return bound


class Office:
    """One administration. `url` is where its wire answers once it is serving."""

    def __init__(self, made: Node, folder: Path, database: Database, clock: Clock, **settings: Any) -> None:
        folder.mkdir(exist_ok=True)
        self.clock = clock
        self.node = replace(
            made,
            home=folder,
            settings=made.settings.model_copy(update={**SETTINGS, **settings}),
            database=database,
            blobs=BlobStore(folder / "blobs"),
            now=clock,
        )
        self.node.__dict__["domains"] = made.domains  # read once for all tests
        self.directory = Directory(self.node)
        self.courier = Courier(self.node, self.directory)
        self.endpoint = Endpoint(self.node, self.directory, self.courier.wake)
        self._reserved = _bound(0)  # keeps the port while nothing listens on it
        self._port = self._reserved.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}/as4"

    @property
    def party(self) -> str:
        return self.node.party

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Answer the wire while the block runs; once it has ended, another may run at the same address."""
        if self.endpoint.stopping:
            self.endpoint = Endpoint(self.node, self.directory, self.courier.wake)
        config = uvicorn.Config(outside_app(self.endpoint), log_config=None, access_log=False, lifespan="off")
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        # Started and closed by hand: `serve` looks only ten times a second whether it should end.
        await server.startup(sockets=[_bound(self._port)])
        try:
            yield
        finally:
            for listener in server.servers:
                listener.close()
            for connection in list(server.server_state.connections):
                connection.shutdown()
            await until(lambda: not server.server_state.connections, f"connections to {self.party} are closed")
            await self.endpoint.close()

    @contextlib.asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Deliver while the block runs."""
        task = asyncio.create_task(self.courier.run())
        try:
            yield
        finally:
            self.courier.stop()
            await task

    def know(self, other: "Known", *, depesha: bool = False, pairs: Sequence[tuple[str, str]] | None = None) -> None:
        """Pin another party as it is known to us, and open these pairs with it by our own word."""
        keys = other.node.keys
        with self.node.database.write() as connection:
            add_peer(
                connection,
                party=other.party,
                party_type=None,
                name=f"Office of {other.party}",
                kind="pinned",
                state="confirmed",
                url=other.url,
                suite=keys.suite,
                certificates=[("signing", keys.signing_certificate), ("encryption", keys.encryption_certificate)],
                depesha=depesha,
                now=self.node.now(),
            )
            for service, action in PAIRS if pairs is None else pairs:
                open_unilateral(
                    connection,
                    peer=other.party,
                    ref=AGREEMENT,
                    service=service,
                    service_type=None,
                    action=action,
                    now=self.node.now(),
                )

    def configured(self) -> None:
        """Let what was changed of peers and agreements be seen: the directory looks at most once a second."""
        self.clock.advance(seconds=2)

    def submit(self, to: str, *parts: PartToSend, service: str = SERVICE, action: str = ACTION, **more: Any) -> str:
        """Queue a message and let the courier know; its id."""
        return self.submitted(to, *parts, service=service, action=action, **more).id

    def submitted(
        self, to: str, *parts: PartToSend, service: str = SERVICE, action: str = ACTION, **more: Any
    ) -> Submitted:
        """Queue a message and let the courier know."""
        request = Submission(peer=to, service=service, action=action, parts=parts, **more)
        done = submit(self.node, self.directory.snapshot(), request)
        self.courier.wake()
        return done

    def shown(self, message: str) -> dict[str, Any]:
        """A message as `message show --json` prints it."""
        with self.node.database.read() as connection:
            return show_message(connection, message)

    def listed(self, **filters: Any) -> list[dict[str, Any]]:
        """Messages as `message list --json` prints them."""
        with self.node.database.read() as connection:
            return list_messages(connection, **filters)

    def state(self, message: str) -> str:
        """The state of a message."""
        state: str = self.shown(message)["state"]
        return state

    def row(self, message: str, direction: str | None = None) -> dict[str, Any]:
        """The row of a message."""
        query = select(MESSAGE).where(MESSAGE.c.message_id == message)
        if direction is not None:
            query = query.where(MESSAGE.c.direction == direction)
        with self.node.database.read() as connection:
            return dict(connection.execute(query).mappings().one())

    def rows(self, table: Table) -> list[dict[str, Any]]:
        """All rows of a table."""
        with self.node.database.read() as connection:
            return [dict(row) for row in connection.execute(select(table)).mappings()]

    def count(self, table: Table) -> int:
        """How many rows a table has."""
        with self.node.database.read() as connection:
            return connection.scalar(select(func.count()).select_from(table)) or 0

    def alarms(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Alarms that wait for a person."""
        return [row for row in self.rows(ALARM) if row["settled_at"] is None and kind in (None, row["kind"])]

    def waiting(self) -> list[dict[str, Any]]:
        """The rows of the outbox."""
        return self.rows(outbox.OUTBOX)

    def blob_files(self) -> set[str]:
        """The names of the blobs on disk."""
        return {path.name for path in (self.node.home / "blobs").rglob("*") if path.is_file()}

    def sequenced(self) -> None:
        """Give every log entry its position."""
        while sequence(self.node.database):
            continue

    async def reaches(self, message: str, *states: str) -> dict[str, Any]:
        """The message once it is in one of these states."""

        def there() -> dict[str, Any] | None:
            shown = self.shown(message)
            return shown if shown["state"] in states else None

        shown = await until(there, f"{message} is {' or '.join(states)}")
        assert shown is not None
        return shown

    async def attempted(self, message: str, attempts: int, state: str = "queued") -> dict[str, Any]:
        """The message once so many attempts have come to an end and it is in `state`."""

        def there() -> dict[str, Any] | None:
            shown = self.shown(message)
            return shown if shown["attempts"] >= attempts and shown["state"] == state else None

        shown = await until(there, f"{message} is {state} after attempt {attempts}")
        assert shown is not None
        assert shown["attempts"] == attempts
        return shown

    async def received(self, message: str) -> dict[str, Any]:
        """The message once it has been received here."""
        await until(lambda: any(one["id"] == message for one in self.listed(limit=1000)), f"{message} is received")
        return self.shown(message)

    def retry_now(self, **span: float) -> None:
        """Let the pause before the next attempt pass (an hour, or `span`), and wake the courier."""
        self.clock.advance(**(span or {"hours": 1}))
        self.courier.wake()


@dataclass(frozen=True)
class Known:
    """What another party must be told to exchange with one: the node whose keys it has, and an address."""

    node: Node
    url: str

    @property
    def party(self) -> str:
        return self.node.party


def known(office: Office) -> Known:
    """An office as its peers know it."""
    return Known(office.node, office.url)


def text_part(text: str, name: str | None = None) -> PartToSend:
    """A small part."""
    return PartToSend.of_bytes(text.encode(), "text/plain", name)


def record_part(name: str = "good/application.xml") -> PartToSend:
    """A record from the examples of the domain."""
    return PartToSend.of_bytes((EXAMPLES / name).read_bytes(), "application/xml")


@contextlib.contextmanager
def writes_refused(database: Database) -> Iterator[None]:
    """The database of this kind as it is when nothing can be written any more: read-only."""
    if database.dialect == "sqlite":
        _pragma(database, "query_only=ON")
        try:
            yield
        finally:
            _pragma(database, "query_only=OFF")
        return
    name = database.engine.url.database
    _alter(database, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    database.close()
    try:
        yield
    finally:
        _alter(database, f"ALTER DATABASE {name} RESET default_transaction_read_only")
        database.close()


def _pragma(database: Database, setting: str) -> None:
    """On the one connection that writes, which stays open."""
    connection = database.engine.raw_connection()
    connection.driver_connection.execute(f"PRAGMA {setting}")  # type: ignore[union-attr]
    connection.close()


def _alter(database: Database, statement: str) -> None:
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("SET default_transaction_read_only = off")
        connection.exec_driver_sql(statement)
