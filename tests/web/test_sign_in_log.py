"""Signing in and out stand in the log, each once, with the account as its actor."""

import json

from sqlalchemy import select

from node.audit.entry import open_entry
from node.store.columns import table_of
from node.store.tables import LogEntryKey, LoggedEntry
from tests.web.browser_like import BrowserLike
from tests.web.conftest import Site, SiteMaker
from tests.web.seed import ACCOUNTS

ENTRY, KEY = table_of(LoggedEntry), table_of(LogEntryKey)
OFFICER = ACCOUNTS["officer"][0]


def logged(site: Site) -> list[tuple[str, str]]:
    query = select(ENTRY, KEY.c.wrapped).join(KEY, KEY.c.id == ENTRY.c.id).order_by(ENTRY.c.id)
    query = query.where(ENTRY.c.type.like("account.%"))
    with site.database.read() as connection:
        rows = connection.execute(query).all()
    bodies = [json.loads(open_entry(row.leaf, row.sealed, row.wrapped, site.context.kek)[1]) for row in rows]
    return [(body["type"], body["actor"]) for body in bodies]


def sign_out(browser: BrowserLike) -> None:
    token = browser.get("/cases").field("form_token")
    assert browser.post("/sign-out", {"form_token": token}).status == 303


def test_signing_in_and_out_is_logged_once_each(make_site: SiteMaker) -> None:
    site = make_site()
    browser = site.signed_in("officer")
    assert logged(site) == [("account.signed-in", OFFICER)]
    sign_out(browser)
    browser.post("/sign-out", {})
    assert logged(site) == [("account.signed-in", OFFICER), ("account.signed-out", OFFICER)]


def test_looking_at_a_link_and_a_link_that_is_wrong_log_nothing(make_site: SiteMaker) -> None:
    site = make_site()
    browser = site.browser()
    page = browser.get(site.link(OFFICER))
    fields = {"token": "wrong", "form_token": page.field("form_token")}
    assert browser.post("/sign-in", fields).status == 410
    assert logged(site) == []
