"""Every page in a real browser: accessible, within its width, quiet, and without a person's name where none may be."""

from pathlib import Path
from typing import Any

import pytest

from tests.browser.axe import violations
from tests.browser.conftest import Visit
from tests.browser.sites import SCREENS, Screen

pytestmark = pytest.mark.browser

WIDE, PHONE, NARROW = 1280, 360, 320
ZOOMED = 640
"""What a window of 1280 leaves at 200 %."""
SPECIMENS = ("Eriksson", "Stevenson", "Ерикссон")


@pytest.mark.parametrize("screen", SCREENS, ids=[screen.name for screen in SCREENS])
def test_page(visit: Visit, axe: str, screen: Screen, request: pytest.FixtureRequest) -> None:
    page = visit(screen)
    folder = request.config.getoption("--screens", default=None)
    assert not any(name in page.title() + page.url for name in SPECIMENS)
    for width in (WIDE, ZOOMED, PHONE, NARROW):
        page.set_viewport_size({"width": width, "height": 900})
        if folder is not None and width in (WIDE, PHONE):
            _draw(page, Path(folder), f"{screen.name}{'.phone' if width == PHONE else ''}.png")
        assert page.evaluate("document.scrollingElement.scrollWidth") <= width, f"scrolls sideways at {width}"
        if width in (WIDE, PHONE):
            assert violations(page, axe) == [], f"axe at {width}"
    assert page.complaints == []


def _draw(page: Any, folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / name, full_page=True)
