"""Nodes for the browser: seeded, empty, and in trouble, each served by uvicorn on a loopback port; and their pages."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import uvicorn
from sqlalchemy import update
from starlette.types import ASGIApp

from node.access import make_link, redeem
from node.exchange.alarms import settle_alarm
from node.records import Domains
from node.store.blobs import BlobStore
from node.store.columns import table_of
from node.store.database import Database
from node.store.sealing import KeyEncryptionKey
from node.store.tables import Message
from node.store.trouble import StoreUnavailable, Trouble
from node.web import Context, PageSettings, create_pages
from node.web.views import CaseReader
from tests.web.seed import ACCOUNTS, GIVEN_UP, NO_MESSAGE, NOW, OWN, SETTLED


@dataclass(frozen=True)
class Screen:
    """One page in one state: which site, who looks (None: nobody signed in), where, and the status expected."""

    name: str
    role: str | None
    address: str
    site: str = "seeded"
    status: int = 200


SCREENS = (
    Screen("sign-in", None, "/sign-in"),
    Screen("sign-in-next", None, "/sign-in?next=/cases/2026-0417"),
    Screen("sign-in-link", None, "/sign-in?token=LINK"),
    Screen("sign-in-refused", None, "/sign-in?token=spent", status=410),
    *(Screen(f"cases-{role}", role, "/cases") for role in ACCOUNTS),
    Screen("cases-trouble", "officer", "/cases?view=trouble"),
    Screen("cases-closed", "head", "/cases?view=closed"),
    Screen("cases-of-partner", "officer", "/cases?view=open&party=DEU-BAMF"),
    Screen("cases-none-of-partner", "officer", "/cases?view=closed&party=DEU-BAMF"),
    Screen("cases-empty", "officer", "/cases", "empty"),
    *(
        Screen(f"cases-empty-{view}", "officer", f"/cases?view={view}", "empty")
        for view in ("unread", "waiting-for-us", "waiting-for-partners", "trouble", "closed")
    ),
    *(Screen(f"case-{role}", role, "/cases/2026-0417") for role in ACCOUNTS),
    Screen("case-two-persons", "officer", "/cases/2026-0420"),
    Screen("case-refused", "officer", "/cases/2026-0388"),
    Screen("case-foreign", "officer", "/cases/2026-0422"),
    Screen("case-erased", "officer", "/cases/2026-0371"),
    Screen("case-unilateral", "officer", "/cases/2026-0423"),
    *(Screen(f"message-{role}", role, "/cases/2026-0417/messages/1") for role in ACCOUNTS),
    Screen("message-unread", "auditor", "/cases/2026-0417/messages/3"),
    Screen("message-opened", "officer", "/cases/2026-0417/messages/3"),
    Screen("message-queued", "officer", "/cases/2026-0402/messages/2"),
    Screen("case-notice", "officer", "/cases/2026-0402"),
    Screen("message-notice", "officer", "/cases/2026-0402/messages/3"),
    Screen("message-refused", "officer", "/cases/2026-0388/messages/2"),
    Screen("message-withdrawn", "officer", "/cases/2026-0419/messages/2"),
    Screen("message-rejected", "officer", "/cases/2026-0421/messages/1"),
    Screen("message-given-up", "officer", "/cases/2026-0422/messages/2"),
    Screen("message-unconfirmed", "officer", "/cases/2026-0423/messages/1"),
    Screen("message-erased", "officer", "/cases/2026-0371/messages/1"),
    Screen("message-two-persons", "officer", "/cases/2026-0420/messages/1"),
    *(Screen(f"alarms-{role}", role, "/queue") for role in ACCOUNTS),
    Screen("alarms-settled", "officer", f"/queue?settled={SETTLED}"),
    Screen("alarms-empty", "officer", "/queue", "empty"),
    *(Screen(f"alarm-{role}", role, f"/queue/{GIVEN_UP}") for role in ACCOUNTS),
    Screen("alarm-without-message", "it", f"/queue/{NO_MESSAGE}"),
    Screen("alarm-settled", "officer", f"/queue/{SETTLED}"),
    Screen("404", "officer", "/cases/2026-9999", status=404),
    Screen("404-signed-out", None, "/nowhere", status=404),
    Screen("error", "officer", "/cases", "broken", 500),
    Screen("unavailable", "officer", "/cases", "unavailable", 503),
)


class _Broken:
    """A reader that fails, as told."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        def fail(*given: object) -> None:
            raise self._error

        return fail


@dataclass
class Site:
    """A node whose pages are served at `base`."""

    database: Database
    app: ASGIApp
    base: str = ""
    opened: list[tuple[int, str]] = field(default_factory=list)

    def link(self, account: str) -> str:
        with self.database.write() as connection:
            return make_link(connection, account, NOW)

    def session(self, role: str) -> str:
        """A session's token for somebody of that role."""
        token = self.link(ACCOUNTS[role][0])
        with self.database.write() as connection:
            return redeem(connection, token, NOW)[0]

    def close_again(self) -> None:
        """Make what an officer opened unopened: each visit finds the same."""
        table = table_of(Message)
        with self.database.write() as connection:
            for message, _account in self.opened:
                connection.execute(update(table).where(table.c.id == message).values(opened_at=None))
        self.opened.clear()


def make_site(database: Database, kek: KeyEncryptionKey, folder: Path, domains: Domains, kind: str) -> Site:
    """The pages of one kind over the database, not served yet."""

    def mark_opened(message: int, account: str) -> None:
        site.opened.append((message, account))
        table = table_of(Message)
        with database.write() as connection:
            connection.execute(update(table).where(table.c.id == message).values(opened_at=NOW))

    settings = PageSettings(
        name="Ministry of the Interior · Serbia",
        party=OWN,
        country="SRB",
        demonstration=kind != "empty",
        secure_cookies=False,
    )
    settle = partial(
        settle_alarm, SimpleNamespace(database=database, kek=kek, blobs=BlobStore(folder), now=lambda: NOW)
    )
    context = Context(database, kek, BlobStore(folder), domains, settings, lambda: NOW, mark_opened, settle)
    reader: CaseReader | None = None
    if kind == "broken":
        reader = _Broken(RuntimeError("a fault"))  # type: ignore[assignment]
    elif kind == "unavailable":
        reader = _Broken(StoreUnavailable(Trouble.GONE, "not there"))  # type: ignore[assignment]
    site = Site(database, create_pages(context, reader))
    return site


@contextmanager
def served(site: Site) -> Iterator[Site]:
    """Serve the site on a free port of loopback."""
    config = uvicorn.Config(site.app, host="127.0.0.1", port=0, log_level="error", access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    started = threading.Event()
    server.startup = _announcing(server.startup, started)  # type: ignore[method-assign]
    thread.start()
    assert started.wait(30), "the pages were not served within 30 s"
    port = server.servers[0].sockets[0].getsockname()[1]
    site.base = f"http://127.0.0.1:{port}"
    yield site
    server.should_exit = True
    thread.join(10)


def _announcing(startup: Any, started: threading.Event) -> Any:
    async def announced(*given: Any, **named: Any) -> None:
        await startup(*given, **named)
        started.set()

    return announced
