"""Two PostgreSQL databases at once, one for each node."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.conftest import TEMPLATE, _fresh_postgresql
from tests.faults import clocks, namespaces
from tests.faults.homes import Home
from tests.faults.neighbours import Neighbours, neighbours_on
from tests.left_out import tell_left_out


@pytest.fixture
def postgresql_urls(postgresql_server: str | None) -> Iterator[tuple[str, str]]:
    """Two PostgreSQL databases with the tables."""
    fresh = contextmanager(_fresh_postgresql)
    with ExitStack() as stack:
        yield (
            stack.enter_context(fresh(postgresql_server, TEMPLATE)),
            stack.enter_context(fresh(postgresql_server, TEMPLATE)),
        )


@pytest.fixture(params=["sqlite", "postgresql"])
def urls(request: pytest.FixtureRequest) -> tuple[str | None, str | None]:
    """The databases of two nodes, of each kind; None for a file in the home."""
    if request.param == "sqlite":
        return None, None
    found: tuple[str, str] = request.getfixturevalue("postgresql_urls")
    return found


@pytest.fixture
def homes(tmp_path: Path) -> Iterator[tuple[Home, Home]]:
    """Two homes that are not made yet."""
    one, two = Home(tmp_path / "one", "one"), Home(tmp_path / "two", "two")
    yield one, two
    for home in (one, two):
        home.end()


@pytest.fixture
def neighbours(urls: tuple[str | None, str | None], tmp_path: Path) -> Iterator[Neighbours]:
    """Two nodes that serve and queue messages for each other without end."""
    with neighbours_on(urls, tmp_path) as pair:
        yield pair


def pytest_unconfigure(config: pytest.Config) -> None:
    """The last lines of all say what was left out."""
    for what in (namespaces.LEFT_OUT, clocks.SKIPPED):
        tell_left_out(config, what)
