"""Settling what waits for a person, in a browser that runs no script."""

import re

import pytest
from sqlalchemy import update

from node.store.columns import table_of
from node.store.tables import Alarm
from tests.browser.conftest import Visit, screen_named
from tests.browser.sites import Site
from tests.web.seed import GIVEN_UP

pytestmark = pytest.mark.browser

SETTLE = re.compile("^Settle ?: No receipt came in time, Answer$")


def test_it_is_found_in_the_menu_and_settled_by_keyboard(visit: Visit, sites: dict[str, Site]) -> None:
    page = visit(screen_named("cases-officer"), javascript=False)
    try:
        page.get_by_role("link", name="Needs attention 5").click()
        page.get_by_role("link", name=SETTLE).focus()
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Settle it").click()
        assert page.title().startswith("Error:")
        assert page.evaluate("document.activeElement.className").startswith("govuk-error-summary")
        page.get_by_label("What was found and done").fill("Sent by fax; they have it.")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url("**/queue?settled=*")
        assert "Settled: No receipt came in time." in page.get_by_role("status").inner_text()
        assert page.get_by_role("link", name="Needs attention 4").count() == 1
        assert page.get_by_role("link", name=SETTLE).count() == 0
    finally:
        table = table_of(Alarm)
        with sites["seeded"].database.write() as connection:
            connection.execute(update(table).where(table.c.id == GIVEN_UP).values(settled_at=None))
