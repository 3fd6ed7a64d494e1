"""The tests of this folder need nginx and HAProxy: where one is missing they say so; in CI that is a failure."""

from pathlib import Path

import pytest

from tests.interop.nodes import free_port
from tests.left_out import tell_left_out
from tests.proxy.behind import OPEN, Behind
from tests.proxy.proxies import LEFT_OUT
from tests.trust_doors.homes import Home


def pytest_unconfigure(config: pytest.Config) -> None:
    """The last line of all says what was left out."""
    tell_left_out(config, LEFT_OUT)


@pytest.fixture
def behind(tmp_path: Path) -> Behind:
    """Both know each other; neither serves yet and no proxy runs."""
    north, south = Home(tmp_path / "north", "north"), Home(tmp_path / "south", "south")
    port = free_port()
    south.set(url=f"https://127.0.0.1:{port}/as4", trusted_proxies=["127.0.0.1"])
    for home, other in ((north, south), (south, north)):
        home.set(allow_unilateral_terms=True)
        home.do("peer", "add", str(other.card(tmp_path)), "--words", other.words())
        home.do("agreement", "unilateral", "--peer", other.party, *OPEN)
    return Behind(north, south, port, tmp_path)
