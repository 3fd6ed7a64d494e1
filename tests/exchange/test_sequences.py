"""The mark of each peer's numbers, whatever stands beyond it; on both databases."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select

from node.exchange import sequences
from node.exchange.peers import PEER, add_peer
from node.exchange.sequences import advance_marks, highest_seen, missing_numbers
from node.exchange.settlement import MESSAGE
from node.store import prepared
from node.store.columns import new_row_id
from node.store.database import Database

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture
def known(database: Database) -> Database:
    with database.write() as connection:
        for party in ("peer", "other"):
            add_peer(
                connection, party=party, party_type=None, name="x", kind="pinned", state="confirmed", url=None,
                suite=None, certificates=(), now=NOW,
            )  # fmt: skip
    return database


def come(connection: Connection, *numbers: int | None, peer: str = "peer", direction: str = "in") -> None:
    for number in numbers:
        row = new_row_id(NOW)
        connection.execute(
            insert(MESSAGE).values(
                id=row, message_id=f"m{row}", direction=direction, peer=peer, state="received", service="s",
                action="a", case_id=1, conversation_id="c", timestamp=NOW, time=NOW, digests=bytes(32), attempts=1,
                unilateral=False, disputed_time=False, sequence=number,
            )
        )  # fmt: skip


def mark(connection: Connection, peer: str = "peer") -> int:
    return connection.execute(select(PEER.c.sequence_in).where(PEER.c.party == peer)).scalar_one()


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What prepared statements run, as the driver gets it."""
    ran: list[str] = []
    for name in ("_run", "run_by_driver"):
        run = getattr(prepared, name)

        def noting(connection: Connection, text: str, bound: Any, run: Callable[..., Any] = run) -> Any:
            ran.append(text)
            return run(connection, text, bound)

        monkeypatch.setattr(prepared, name, noting)
    return ran


def test_the_mark_is_the_highest_number_below_which_none_is_missing(
    known: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sequences, "_BATCH", 3)
    with known.write() as connection:
        come(connection, 1, 2, 3, 4, 5, 6, 7, 9, 10, None)
        come(connection, 8, peer="other")
        come(connection, 8, direction="out")
        advance_marks(connection, ["peer"])
        assert (mark(connection), mark(connection, "other")) == (7, 0)
        assert highest_seen(connection, "peer") == 10
        assert missing_numbers(connection, "peer", 5) == [(8, 8)]
        assert missing_numbers(connection, "other", 5) == [(1, 7)]
        come(connection, 8)
        advance_marks(connection, ["peer", "other"])
        assert (mark(connection), mark(connection, "other")) == (10, 0)
        assert missing_numbers(connection, "peer", 5) == []


def test_the_same_number_twice_is_no_gap(known: Database) -> None:
    with known.write() as connection:
        come(connection, 1, 2, 2, 3)
        advance_marks(connection, ["peer"])
        assert mark(connection) == 3
        assert missing_numbers(connection, "peer", 5) == []


def test_a_mark_before_a_gap_costs_one_look_however_much_stands_beyond(known: Database, statements: list[str]) -> None:
    with known.write() as connection:
        come(connection, *range(2, 1200))
        advance_marks(connection, ["peer"])
        assert len(statements) == 2, "the mark, and whether the next number is there"
        assert mark(connection) == 0
        come(connection, 1)
        advance_marks(connection, ["peer"])
        assert mark(connection) == 1199


def test_gaps_are_told_beyond_one_batch(known: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequences, "_BATCH", 2)
    with known.write() as connection:
        come(connection, 2, 3, 4, 8, 9, 11, 2**53)
        assert missing_numbers(connection, "peer", 9) == [(1, 1), (5, 7), (10, 10), (12, 2**53 - 1)]
        assert missing_numbers(connection, "peer", 2) == [(1, 1), (5, 7)]


def test_the_mark_never_falls(known: Database) -> None:
    """Another process had moved it further after we looked."""
    with known.write() as connection:
        come(connection, 1, 2)
        advance_marks(connection, ["peer"])
        read = sequences._mark
        try:
            sequences._mark = lambda connection, peer: 0
            connection.execute(MESSAGE.delete().where(MESSAGE.c.sequence == 2))
            advance_marks(connection, ["peer"])
        finally:
            sequences._mark = read
        assert mark(connection) == 2


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_numbers_are_found_by_their_index(known: Database, statements: list[str]) -> None:
    """On SQLite: PostgreSQL reads a small table whole."""
    with known.write() as connection:
        highest_seen(connection, "peer")
        advance_marks(connection, ["peer"])
        read = [statement for statement in statements if "message" in statement]
        assert len(read) == 2
        for statement in read:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", ("x",) * statement.count("?")).all()
            assert all("ix_message_numbered" in step.detail for step in plan if "SEARCH" in step.detail), plan
            assert not any("SCAN message" in step.detail or "TEMP B-TREE" in step.detail for step in plan), plan
