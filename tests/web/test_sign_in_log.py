"""Signing in and out stand in the log, each once, with the account's handle as its actor and nobody's name."""

import json
import re

from sqlalchemy import select

from node.access import find_user
from node.audit.entry import open_entry
from node.store.columns import table_of
from node.store.tables import LogEntryKey, LoggedEntry
from tests.web.browser_like import BrowserLike
from tests.web.conftest import Site, SiteMaker
from tests.web.seed import ACCOUNTS, REFUSED

ENTRY, KEY = table_of(LoggedEntry), table_of(LogEntryKey)
OFFICER = ACCOUNTS["officer"][0]


def logged(site: Site) -> list[tuple[str, str]]:
    query = select(ENTRY, KEY.c.wrapped).join(KEY, KEY.c.id == ENTRY.c.id).order_by(ENTRY.c.id)
    query = query.where(ENTRY.c.type.like("account.%") | ENTRY.c.type.like("alarm.%"))
    with site.database.read() as connection:
        rows = connection.execute(query).all()
    bodies = [json.loads(open_entry(row.leaf, row.sealed, row.wrapped, site.context.kek)[1]) for row in rows]
    assert not any(name in json.dumps(body, ensure_ascii=False) for body in bodies for name, _ in ACCOUNTS.values())
    return [(body["type"], body["actor"]) for body in bodies]


def handle(site: Site) -> str:
    with site.database.read() as connection:
        found = find_user(connection, OFFICER).handle
    assert re.fullmatch("account-[0-9a-f]{16}", found)
    return found


def sign_out(browser: BrowserLike) -> None:
    token = browser.get("/cases").field("form_token")
    assert browser.post("/sign-out", {"form_token": token}).status == 303


def test_signing_in_and_out_is_logged_once_each(make_site: SiteMaker) -> None:
    site = make_site()
    browser = site.signed_in("officer")
    assert logged(site) == [("account.signed-in", handle(site))]
    sign_out(browser)
    browser.post("/sign-out", {})
    assert logged(site) == [("account.signed-in", handle(site)), ("account.signed-out", handle(site))]


def test_looking_at_a_link_and_a_link_that_is_wrong_log_nothing(make_site: SiteMaker) -> None:
    site = make_site()
    browser = site.browser()
    page = browser.get(site.link(OFFICER))
    fields = {"token": "wrong", "form_token": page.field("form_token")}
    assert browser.post("/sign-in", fields).status == 410
    assert logged(site) == []


def test_what_a_person_does_on_a_page_is_logged_by_the_handle(make_site: SiteMaker) -> None:
    site = make_site()
    browser = site.signed_in("officer")
    token = browser.get(f"/queue/{REFUSED}").field("form_token")
    assert browser.post(f"/queue/{REFUSED}", {"form_token": token, "note": "sent anew"}).status == 303
    assert logged(site)[-1] == ("alarm.settled", handle(site))
    browser.get("/cases/2026-0417/messages/3")
    assert [account for _, account in site.opened] == [handle(site)]
