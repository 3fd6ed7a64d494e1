"""Two PostgreSQL databases at once, one for each node."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.conftest import TEMPLATE, _fresh_postgresql
from tests.faults.neighbours import Neighbours, neighbours_on


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
def neighbours(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Neighbours]:
    """Two nodes that serve and queue messages for each other without end."""
    urls = (None, None) if request.param == "sqlite" else request.getfixturevalue("postgresql_urls")
    with neighbours_on(urls, tmp_path) as pair:
        yield pair
