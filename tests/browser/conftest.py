"""Chromium, the sites, and visits to them. `--screens FOLDER` also writes a picture of every page."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from node.records import load_domains
from node.store.blobs import BlobStore
from node.store.database import open_database
from node.store.sealing import KeyEncryptionKey
from node.web.visits import cookie_name
from tests.browser.axe import axe_source
from tests.browser.sites import SCREENS, Screen, Site, make_site, served
from tests.web.seed import OWN, seed

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox",  # tests run as root in containers, where its sandbox cannot start
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
KINDS = ("seeded", "empty", "broken", "unavailable")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screens", default=None, help="folder for pictures of every page at 1280 and 360 px")


@pytest.fixture(scope="session")
def axe() -> str:
    return axe_source()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium; where it is missing the tests are skipped, which in CI is a failure."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    with playwright.sync_playwright() as started:
        if path is None and not Path(started.chromium.executable_path).exists():
            if os.environ.get("CI") == "true":
                pytest.fail("Chromium is missing, and in CI nothing may be skipped")
            pytest.skip("these tests need Chromium")
        opened = started.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def sites(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[dict[str, Site]]:
    """All kinds of sites by name. `empty` has accounts and nothing else."""
    kek = KeyEncryptionKey(bytes(range(32)))
    domains = load_domains()
    with ExitStack() as stack:
        made = {}
        for kind in KINDS:
            folder = tmp_path_factory.mktemp(kind)
            database = open_database(f"sqlite:///{shutil.copy(sqlite_template, folder / 'depesha.db')}")
            stack.callback(database.close)
            seed(database, kek, BlobStore(folder / "blobs"), cases=kind == "seeded")
            made[kind] = stack.enter_context(served(make_site(database, kek, folder / "blobs", domains, kind)))
        yield made


Visit = Callable[..., Any]


@pytest.fixture
def visit(browser: Any, sites: dict[str, Site]) -> Iterator[Visit]:
    """Opens a screen in a browser of its own and returns the page; `page.complaints` is what it says is wrong."""
    with ExitStack() as stack:
        yield lambda screen, **options: stack.enter_context(visited(browser, sites, screen, **options))


@contextmanager
def visited(
    browser: Any, sites: dict[str, Site], screen: Screen, width: int = 1280, height: int = 900, javascript: bool = True
) -> Iterator[Any]:
    site = sites[screen.site]
    context = browser.new_context(viewport={"width": width, "height": height}, java_script_enabled=javascript)
    if screen.role is not None:
        cookie = {"name": cookie_name(OWN, secure=False), "value": site.session(screen.role), "url": site.base}
        context.add_cookies([cookie | {"httpOnly": True, "sameSite": "Strict"}])
    page = context.new_page()
    page.complaints = []
    page.on("console", lambda said: page.complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    address = screen.address.replace("LINK", site.link("Ana Kostić")) if "LINK" in screen.address else screen.address
    answer = page.goto(site.base + address)
    assert answer.status == screen.status
    # Chromium reports the status of a page that is an error page, rightly, as an error.
    page.complaints = [text for text in page.complaints if not text.startswith("Failed to load resource")]
    page.evaluate("document.fonts.ready") if javascript else None
    yield page
    context.close()
    site.close_again()


def screen_named(name: str) -> Screen:
    return next(screen for screen in SCREENS if screen.name == name)
