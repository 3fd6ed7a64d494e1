"""Offices over real sockets, as in the tests of the exchange; here on SQLite only: the wire knows no database."""

import pytest

from tests.exchange.conftest import (
    clock,
    made,
    make_stage,
    make_world,
    stage,
    their_database,
    world,
)

__all__ = ["clock", "made", "make_stage", "make_world", "stage", "their_database", "world"]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url
