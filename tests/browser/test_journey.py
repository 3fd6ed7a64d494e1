"""An officer's way through the pages without JavaScript, by keyboard, and on paper."""

import re
from typing import Any

import pytest

from node.access import find_user
from tests.browser.conftest import Visit, screen_named
from tests.browser.sites import Site
from tests.web.specimens import PICTURE

pytestmark = pytest.mark.browser


def test_from_the_link_to_signing_out_without_javascript(visit: Visit, sites: dict[str, Site]) -> None:
    page = visit(screen_named("sign-in-link"), javascript=False)
    page.get_by_role("button", name="Sign in").click()
    assert page.url.endswith("/cases")
    page.get_by_label("Partner").select_option(label="France, Ministry of the Interior")
    page.get_by_role("button", name="Show").click()
    page.locator('a[href="/cases/2026-0417"]').click()
    assert page.get_by_role("heading", level=1).inner_text() == "Eriksson, Anna Maria"
    page.get_by_role("link", name="Read the new message").click()
    with sites["seeded"].database.read() as connection:
        handle = find_user(connection, "Ana Kostić").handle
    assert [account for _message, account in sites["seeded"].opened] == [handle]
    page.get_by_role("navigation", name="You are here").get_by_role("link", name="2026-0417").click()
    assert page.get_by_role("link", name="Read the new message").count() == 0
    page.get_by_role("link", name="Read message 1").click()
    assert not page.get_by_text("Needs spectacles").is_visible()
    page.get_by_text("Show it").click()
    assert page.get_by_text("Needs spectacles").is_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Photograph of a person").click()
    assert download.value.suggested_filename == "2026-0417-1-2.png"
    assert download.value.path().read_bytes() == PICTURE
    page.get_by_role("link", name="Signed message (XML)").click()
    assert "Envelope" in page.content()
    page.go_back()
    page.get_by_role("button", name="Sign out").click()
    assert page.url.endswith("/sign-in")
    page.goto(sites["seeded"].base + "/cases")
    assert "/sign-in?next=" in page.url


def test_a_link_from_another_site_brings_no_session_and_opens_nothing(visit: Visit, sites: dict[str, Site]) -> None:
    site = sites["seeded"]
    page = visit(screen_named("cases-officer"))
    # Another site by the browser's measure: localhost is not 127.0.0.1.
    page.goto(site.base.replace("127.0.0.1", "localhost") + "/sign-in")
    page.evaluate("address => { location.href = address }", f"{site.base}/cases/2026-0417/messages/3")
    page.get_by_role("link", name="Go on").wait_for()
    assert site.opened == []
    page.get_by_role("link", name="Go on").click()
    page.get_by_role("heading", level=1, name="Further particulars from France").wait_for()
    assert len(site.opened) == 1


def test_the_keyboard_goes_through_a_case_as_the_eye_does(visit: Visit) -> None:
    page = visit(screen_named("case-officer"))
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent.trim().replace(/\\s+/g, ' ')"))
    assert reached == [
        "Skip to main content",
        "Depesha",
        "Sign out",
        "Cases",
        "Needs attention 5",
        "Cases",
        "Read the new message",
        "Read message 3",
        "Read message 2",
        "Read message 1",
        "Photograph of a person (p1)",
        "Copy of a document (p1)",
    ]


def test_the_skip_link_leads_past_the_menu(visit: Visit) -> None:
    page = visit(screen_named("case-officer"))
    page.keyboard.press("Tab")
    assert page.get_by_role("link", name="Skip to main content").bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Cases"
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


def test_what_can_be_clicked_is_large_enough(visit: Visit) -> None:
    page = visit(screen_named("case-officer"), width=360)
    for place in page.locator("button, a.govuk-button").all():
        box = place.bounding_box()
        assert box["height"] >= 24
        assert box["width"] >= 24


@pytest.mark.parametrize("name", ["case-officer", "message-officer"])
def test_on_paper_there_is_no_menu_and_a_foot_that_says_who_printed(visit: Visit, name: str) -> None:
    page = visit(screen_named(name))
    page.emulate_media(media="print")
    for hidden in ("nav", ".tools", ".skip", ".doing"):
        assert not any(place.is_visible() for place in page.locator(hidden).all()), hidden
    foot = page.get_by_text(re.compile("Printed on .* by Ana Kostić"))
    assert foot.is_visible()
    assert "Contains personal data" in foot.inner_text()
    assert _sheets(page.pdf(format="A4")) <= 4


def _sheets(pdf: bytes) -> int:
    found = re.search(rb"/Type\s*/Pages\b.*?/Count (\d+)", pdf, re.S) or re.search(rb"/Count (\d+)", pdf)
    assert found is not None
    return int(found[1])


def test_forced_colours_keep_marks_and_text(visit: Visit) -> None:
    page: Any = visit(screen_named("case-officer"))
    page.emulate_media(forced_colors="active")
    marks = page.locator(".marks svg")
    assert marks.count() > 0
    assert all(mark.is_visible() for mark in marks.all())
