"""An administration with its programming interface on a loopback port, on both databases."""

import asyncio
import contextlib
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
import uvicorn
from starlette.applications import Starlette

from node.access.programs import add_program
from node.app import api_of, inside_app
from node.exchange.node import Node
from node.exchange.submission import Submissions
from node.store.database import Database, open_database
from tests.exchange.clock import Clock
from tests.exchange.conftest import OURS, THEIRS, clock, made, postgresql_url, shared_postgresql
from tests.exchange.offices import EXAMPLES, Known, Office

__all__ = ["clock", "made", "postgresql_url", "shared_postgresql"]

ROOT = Path(__file__).parents[2]
PEER = THEIRS
ROLES = ("officer", "head", "auditor", "it")
RECORD = (EXAMPLES / "good/application.xml").read_bytes()
ATTACHED = [
    (name, (EXAMPLES / "attachments" / name).read_bytes(), media_type)
    for name, media_type in (("photograph-p1.jpg", "image/jpeg"), ("passport-p1.pdf", "application/pdf"))
]
PATIENCE = 30.0


@dataclass
class Site:
    """The interface of `office`; `tokens` are of programs with a role each, for all units."""

    office: Office
    base: str
    tokens: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, role: str | None = "officer", **more: Any) -> requests.Response:
        """One request, as the program of that role; `token` names another."""
        token = more.pop("token", None) or (self.tokens[role] if role else None)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= more.pop("headers", {})
        return requests.request(method, self.base + path, headers=headers, timeout=PATIENCE, **more)

    def program(self, name: str, role: str, **more: Any) -> str:
        """Add a program; its token, or its handle where it has a key."""
        with self.office.node.database.write() as connection:
            program, token = add_program(connection, name, role, self.office.node.now(), **more)
        return token or program.handle

    def send(self, record: bytes = RECORD, attached: Any = ATTACHED, **more: Any) -> requests.Response:
        """Send a record to the peer."""
        fields = {"to": PEER} | more.pop("fields", {})
        files = [("record", ("application.xml", record, "application/xml"))]
        files += [("attachment", one) for one in attached]
        return self.ask("POST", "/messages", data=fields, files=files, **more)


class Server:
    """Serves an application in a thread, with the loop that it has there."""

    def __init__(self, app: Any, close: Any) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
        self._thread = threading.Thread(target=asyncio.run, args=(self._run(close),))

    async def _run(self, close: Any) -> None:
        await self._server.serve(sockets=[self._socket])
        await close()

    def __enter__(self) -> "Server":
        # Connections wait in the socket until the loop takes them.
        self._socket.listen()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.should_exit = True
        self._thread.join()


@pytest.fixture
def site(made: dict[str, Node], tmp_path: Path, database: Database, clock: Clock) -> Iterator[Site]:
    """Our office knows the peer, whose address nobody answers."""
    with serving(made, tmp_path, database, clock) as found:
        yield found


@pytest.fixture(scope="module")
def sqlite_site(
    made: dict[str, Node], tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> Iterator[Site]:
    """The same for the tests of a file together, which change nothing."""
    folder = tmp_path_factory.mktemp("together")
    database = open_database(f"sqlite:///{shutil.copy(sqlite_template, folder / 'depesha.db')}")
    with serving(made, folder, database, Clock()) as found:
        yield found
    database.close()


@contextlib.contextmanager
def serving(made: dict[str, Node], folder: Path, database: Database, clock: Clock) -> Iterator[Site]:
    office = Office(made[OURS], folder / OURS, database, clock)
    office.know(Known(made[THEIRS], "http://127.0.0.1:9/as4"))
    submissions = Submissions(office.node, office.directory, office.courier.wake)
    addresses = {"https://depesha.example/api/v1"}
    api = api_of(office.node, office.directory, submissions, lambda: frozenset(addresses))
    app = inside_app(office.node, office.endpoint, Starlette(), with_outside=False, api=api)
    with Server(app, submissions.close) as server:
        found = Site(office, f"http://127.0.0.1:{server.port}/api/v1")
        addresses.add(found.base)
        found.tokens = {role: found.program(role, role) for role in ROLES}
        yield found
