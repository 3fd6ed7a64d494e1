"""Offices for adapters: those of the exchange's tests."""

from tests.exchange.conftest import (
    clock,
    made,
    make_world,
    postgresql_url,
    shared_postgresql,
    their_database,
    world,
)

__all__ = ["clock", "made", "make_world", "postgresql_url", "shared_postgresql", "their_database", "world"]
