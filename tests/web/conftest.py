"""A seeded node with its pages, on both databases."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Table, delete, insert, select, update
from starlette.applications import Starlette

from node.access import add_user, make_link
from node.exchange.alarms import settle_alarm
from node.exchange.turns import message_read
from node.records import Domains, load_domains
from node.store.blobs import BlobStore
from node.store.columns import table_of
from node.store.database import Database, open_database
from node.store.sealing import KeyEncryptionKey
from node.store.tables import Message, metadata
from node.web import Context, PageSettings, create_pages
from tests.web.browser_like import BrowserLike
from tests.web.seed import ACCOUNTS, NOW, OWN, seed


@dataclass
class Site:
    """The pages of a seeded node; `now` may be moved, `opened` holds what was marked opened, and by whom."""

    database: Database
    context: Context
    app: Starlette
    now: datetime = NOW
    opened: list[tuple[int, str]] = field(default_factory=list)

    def browser(self) -> BrowserLike:
        return BrowserLike(self.app)

    def link(self, account: str) -> str:
        with self.database.write() as connection:
            return "/sign-in?token=" + make_link(connection, account, self.now)

    def add_account(self, name: str, role: str, unit: str | None) -> str:
        with self.database.write() as connection:
            return add_user(connection, name, role, unit, self.now).name

    def signed_in(self, role: str) -> BrowserLike:
        """A browser in which somebody of that role has signed in."""
        return self.signed_in_as(ACCOUNTS[role][0])

    def signed_in_as(self, account: str) -> BrowserLike:
        browser = self.browser()
        page = browser.get(self.link(account))
        fields = {name: page.field(name) for name in ("token", "form_token")}
        assert browser.post("/sign-in", fields).status == 303
        return browser


SiteMaker = Callable[..., Site]


@pytest.fixture(scope="session")
def domains() -> Domains:
    return load_domains()


@dataclass(frozen=True)
class Seeded:
    """What `seed` writes, written once a session: to copy its rows takes a tenth of the time."""

    rows: list[tuple[Table, list[dict[str, Any]]]]
    blobs: Path

    def put_into(self, database: Database, blobs: Path) -> None:
        with database.write() as connection:
            for table, rows in self.rows:
                # The migrations write a row of their own.
                connection.execute(delete(table))
                connection.execute(insert(table), rows)
        shutil.copytree(self.blobs, blobs, dirs_exist_ok=True)


@pytest.fixture(scope="session")
def seeded(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, kek: KeyEncryptionKey) -> Seeded:
    """The rows and blobs of a seeded node."""
    folder = tmp_path_factory.mktemp("seeded")
    database = open_database(f"sqlite:///{shutil.copy(sqlite_template, folder / 'depesha.db')}")
    seed(database, kek, BlobStore(folder / "blobs"))
    with database.read() as connection:
        found = [(table, connection.execute(select(table)).mappings().all()) for table in metadata.sorted_tables]
    database.close()
    return Seeded([(table, [dict(row) for row in rows]) for table, rows in found if rows], folder / "blobs")


@pytest.fixture
def make_site(
    database: Database, kek: KeyEncryptionKey, blobs: BlobStore, domains: Domains, seeded: Seeded, tmp_path: Path
) -> SiteMaker:
    """Makes the pages over the database, with settings of the test's own."""
    content = seeded

    def make(seeded: bool = True, **settings: object) -> Site:
        if seeded:
            content.put_into(database, tmp_path / "blobs")

        def mark_opened(message: int, account: str) -> None:
            site.opened.append((message, account))
            table = table_of(Message)
            with database.write() as connection:
                opened = update(table).where(table.c.id == message).values(opened_at=site.now)
                message_read(connection, connection.execute(opened.returning(table.c.case_id)).scalar_one())

        given = PageSettings(name="Ministry of the Interior · Serbia", party=OWN, country="SRB", **settings)  # type: ignore[arg-type]
        node = SimpleNamespace(database=database, kek=kek, blobs=blobs, now=lambda: site.now)
        settle = partial(settle_alarm, node)
        context = Context(database, kek, blobs, domains, given, lambda: site.now, mark_opened, settle)
        site = Site(database, context, create_pages(context))
        return site

    return make


@pytest.fixture
def site(make_site: SiteMaker) -> Site:
    return make_site()
