"""Two PostgreSQL databases at once, one for each node."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.conftest import TEMPLATE, _fresh_postgresql


@pytest.fixture
def postgresql_urls(postgresql_server: str | None) -> Iterator[tuple[str, str]]:
    """Two PostgreSQL databases with the tables."""
    fresh = contextmanager(_fresh_postgresql)
    with ExitStack() as stack:
        yield (
            stack.enter_context(fresh(postgresql_server, TEMPLATE)),
            stack.enter_context(fresh(postgresql_server, TEMPLATE)),
        )
