"""Many rows at once, the same on both databases."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from node.store.columns import new_row_id, table_of
from node.store.database import Database
from node.store.rows import insert_new_rows, insert_rows
from node.store.tables import Event, ExchangeCase, LogEntryKey, Message, Part

NOW = datetime(2026, 11, 25, 4, 0, 0, 123_456, tzinfo=UTC)
MESSAGE = table_of(Message)
EVENT = table_of(Event)


def message(name: str, **changes: Any) -> dict[str, Any]:
    row = {
        "id": new_row_id(NOW),
        "message_id": name,
        "direction": "in",
        "peer": "alpha",
        "state": "received",
        "service": "urn:test",
        "service_type": None,
        "action": "submit “é” 'x' %s ? :a",
        "case_id": 1,
        "conversation_id": "c",
        "timestamp": NOW,
        "time": NOW,
        "receipt_time": None,
        "digests": bytes(range(256)),
    }
    return row | changes


def stored(database: Database) -> list[dict[str, Any]]:
    with database.read() as connection:
        return [dict(row) for row in connection.execute(select(MESSAGE).order_by(MESSAGE.c.id)).mappings()]


def test_rows_are_as_core_would_have_inserted_them(database: Database) -> None:
    rows = [message("a"), message("b", receipt_time=NOW, service_type="t", attempts=0), message("c")]
    by_core, fast = rows, [row | {"id": new_row_id(NOW), "peer": "beta"} for row in rows]
    with database.write() as connection:
        for row in by_core:
            connection.execute(insert(MESSAGE), row)
        insert_rows(connection, MESSAGE, [fast[0], fast[2]])
        insert_rows(connection, MESSAGE, [fast[1]])
    found = sorted(stored(database), key=lambda row: (row["peer"], row["message_id"]))
    kept = [{name: row[name] for name in row if name not in ("id", "peer")} for row in found]
    assert kept[:3] == kept[3:]
    assert kept[0]["time"] == NOW
    assert kept[0]["attempts"] == 0
    assert kept[0]["unilateral"] is False


def test_json_comes_back(database: Database) -> None:
    details: list[Any] = [{"kind": "handed over", "n": [1, None, True]}, {}, {"é": 'quote " brace {'}]
    rows = [{"id": new_row_id(NOW), "message": 1, "kind": "notice", "detail": d, "time": NOW} for d in details]
    with database.write() as connection:
        insert_rows(connection, EVENT, rows)
    with database.read() as connection:
        assert list(connection.scalars(select(EVENT.c.detail).order_by(EVENT.c.id))) == details


def test_no_rows_is_nothing_to_do(database: Database) -> None:
    with database.write() as connection:
        insert_rows(connection, MESSAGE, [])
        assert insert_new_rows(connection, MESSAGE, []) == 0


def test_a_duplicate_among_plain_rows_is_refused(database: Database) -> None:
    with pytest.raises(IntegrityError), database.write() as connection:
        insert_rows(connection, MESSAGE, [message("a"), message("b"), message("a")])
    assert stored(database) == []


def test_new_rows_are_counted_and_duplicates_left_out(database: Database) -> None:
    with database.write() as connection:
        assert insert_new_rows(connection, MESSAGE, [message(f"m{n}") for n in range(5)]) == 5
    with database.write() as connection:
        assert insert_new_rows(connection, MESSAGE, [message(f"m{n}") for n in range(3, 8)]) == 3
        assert insert_new_rows(connection, MESSAGE, [message("m0")]) == 0
        assert insert_new_rows(connection, MESSAGE, [message("n"), message("n")]) == 1
    assert [row["message_id"] for row in stored(database)] == [*(f"m{n}" for n in range(8)), "n"]


def test_the_first_of_two_duplicates_stays(database: Database) -> None:
    with database.write() as connection:
        insert_new_rows(connection, MESSAGE, [message("m", state="received"), message("m", state="rejected")])
        insert_new_rows(connection, MESSAGE, [message("m", state="rejected")])
    assert [row["state"] for row in stored(database)] == ["received"]


def test_the_same_id_from_another_peer_or_in_the_other_direction_is_another_message(database: Database) -> None:
    with database.write() as connection:
        rows = [message("m"), message("m", peer="beta"), message("m", direction="out")]
        assert insert_new_rows(connection, MESSAGE, rows) == 3


def test_a_row_id_drawn_twice_is_no_duplicate(database: Database) -> None:
    row = message("m1")
    with database.write() as connection:
        insert_new_rows(connection, MESSAGE, [row])
    with pytest.raises(IntegrityError), database.write() as connection:
        insert_new_rows(connection, MESSAGE, [message("m2", id=row["id"])])


def test_without_a_unique_constraint_the_primary_key_tells_duplicates(database: Database) -> None:
    part = {
        "message": 1,
        "n": 0,
        "content_id": "c",
        "compressed": True,
        "size": 2**40,
        "sha256": bytes(32),
        "signed_size": 1,
        "signed_sha256": bytes(32),
    }
    with database.write() as connection:
        assert insert_new_rows(connection, table_of(Part), [part]) == 1
        assert insert_new_rows(connection, table_of(Part), [part, part | {"n": 1}]) == 1


def test_with_several_unique_constraints_the_key_must_be_named(database: Database) -> None:
    case = {"id": 1, "opener": "a", "conversation_id": "c", "alias_year": 2026, "alias_number": 1}
    case |= {"created_at": NOW, "changed_at": NOW}
    with database.write() as connection:
        with pytest.raises(ValueError, match="name the key"):
            insert_new_rows(connection, table_of(ExchangeCase), [case])
        key = ("opener", "conversation_id")
        assert insert_new_rows(connection, table_of(ExchangeCase), [case], key) == 1
        assert insert_new_rows(connection, table_of(ExchangeCase), [case | {"id": 2, "alias_number": 2}], key) == 0


def test_rows_with_differing_columns_are_a_mistake(database: Database) -> None:
    short = message("b")
    del short["receipt_time"]
    other = short | {"seen": 5}
    with database.write() as connection:
        with pytest.raises(ValueError, match="differing"):
            insert_rows(connection, MESSAGE, [message("a"), short])
        with pytest.raises(KeyError):
            insert_rows(connection, MESSAGE, [message("a"), other])
        with pytest.raises(KeyError):
            insert_rows(connection, MESSAGE, [message("a", colour="red")])
        with pytest.raises(ValueError, match="two columns"):
            insert_rows(connection, table_of(LogEntryKey), [{"id": 1}])


def test_a_naive_instant_is_refused(database: Database) -> None:
    with pytest.raises(ValueError, match="time zone"), database.write() as connection:
        insert_rows(connection, MESSAGE, [message("a", time=datetime(2026, 1, 1))])  # noqa: DTZ001 - the point of it


def test_a_missing_value_is_refused(database: Database) -> None:
    with pytest.raises(IntegrityError), database.write() as connection:
        insert_rows(connection, MESSAGE, [message("a", digests=None)])
