"""Prepared statements give what Core gives, on both databases, and fail as Core fails."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, bindparam, delete, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import IntegrityError, OperationalError

from node.store.columns import new_row_id, table_of
from node.store.database import Database
from node.store.prepared import Prepared, among
from node.store.rows import insert_rows
from node.store.tables import Event, Message, Outbox, PeerDelivery
from node.store.trouble import StoreUnavailable, Trouble

NOW = datetime(2026, 11, 25, 4, 0, 0, 123_456, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
MESSAGE = table_of(Message)
OUTBOX = table_of(Outbox)
EVENT = table_of(Event)
DELIVERY = table_of(PeerDelivery)

OF_PEER = Prepared(select(MESSAGE).where(MESSAGE.c.peer == bindparam("of")).order_by(MESSAGE.c.message_id))
RECEIPTED = Prepared(
    update(MESSAGE)
    .where(MESSAGE.c.message_id == bindparam("of"), MESSAGE.c.state == "queued")
    .values(state="delivered", receipt_time=bindparam("at"), disputed_time=bindparam("disputed"))
)


def message(name: str, **changes: Any) -> dict[str, Any]:
    row = {
        "id": new_row_id(NOW),
        "message_id": name,
        "direction": "out",
        "peer": "alpha",
        "state": "queued",
        "service": "urn:test",
        "action": "submit “é” 'x' %s ? :a",
        "case_id": 1,
        "conversation_id": "c",
        "timestamp": NOW,
        "time": NOW,
        "digests": bytes(range(256)),
    }
    return row | changes


@pytest.fixture
def three(database: Database) -> Database:
    with database.write() as connection:
        insert_rows(connection, MESSAGE, [message("a"), message("b"), message("c", peer="beta")])
    return database


def test_rows_are_those_of_core(three: Database) -> None:
    with three.read() as connection:
        by_core = connection.execute(select(MESSAGE).where(MESSAGE.c.peer == "alpha").order_by(MESSAGE.c.id)).all()
        prepared = OF_PEER.rows(connection, of="alpha")
        assert [row._asdict() for row in prepared] == [dict(row._mapping) for row in by_core]
        assert (prepared[0].time, prepared[0].unilateral, prepared[0].receipt_time) == (NOW, False, None)
        assert OF_PEER.rows(connection, of="gamma") == []
        assert OF_PEER.first(connection, of="gamma") is None
        assert OF_PEER.scalar(connection, of="gamma") is None
        assert OF_PEER.scalar(connection, of="beta") == prepared_id(three, "c")


def prepared_id(database: Database, name: str) -> int:
    with database.read() as connection:
        return int(connection.scalar(select(MESSAGE.c.id).where(MESSAGE.c.message_id == name)) or 0)


def test_a_change_counts_what_it_changed_and_goes_with_its_transaction(three: Database) -> None:
    with three.write() as connection:
        assert RECEIPTED.run(connection, of="a", at=LATER, disputed=True) == 1
        assert RECEIPTED.run(connection, of="none", at=LATER, disputed=True) == 0
        (row,) = [row for row in OF_PEER.rows(connection, of="alpha") if row.message_id == "a"]
        assert (row.state, row.receipt_time, row.disputed_time) == ("delivered", LATER, True)
    with pytest.raises(ZeroDivisionError), three.write() as connection:
        1 / RECEIPTED.run(connection, of="b", at=LATER, disputed=False) / 0
    with three.read() as connection:
        assert [row.state for row in OF_PEER.rows(connection, of="alpha")] == ["delivered", "queued"]


def test_many_changes_at_once(three: Database) -> None:
    changes = [{"of": name, "at": NOW + timedelta(minutes=n), "disputed": n > 1} for n, name in enumerate("abcd")]
    with three.write() as connection:
        assert RECEIPTED.run_many(connection, changes) == 3
        assert RECEIPTED.run_many(connection, []) == 0
        assert RECEIPTED.run_many(connection, changes[:1]) == 0
        rows = [*OF_PEER.rows(connection, of="alpha"), *OF_PEER.rows(connection, of="beta")]
    assert [(row.receipt_time, row.disputed_time) for row in rows] == [
        (one["at"], one["disputed"]) for one in changes[:3]
    ]


@pytest.mark.parametrize("count", [0, 1, 2, 5000])
def test_a_list_of_any_length_is_one_value(three: Database, count: int) -> None:
    ids = [*[prepared_id(three, name) for name in ("a", "c")][:count], *range(max(0, count - 2))]
    by_id = Prepared(select(MESSAGE.c.message_id).where(among(MESSAGE.c.id, "ids")).order_by(MESSAGE.c.message_id))
    by_name = Prepared(delete(MESSAGE).where(among(MESSAGE.c.message_id, "names"), MESSAGE.c.direction == "out"))
    with three.write() as connection:
        assert [row.message_id for row in by_id.rows(connection, ids=ids)] == ["a", "c"][:count]
        assert by_name.run(connection, names=["c", "it's", 'a "b" \\'][:count]) == min(count, 1)


def test_a_list_is_looked_up_by_the_index(database: Database) -> None:
    by_id = Prepared(select(MESSAGE.c.message_id).where(among(MESSAGE.c.id, "ids")))
    with database.read() as connection:
        plan = by_id._plan(connection.dialect)
        if database.dialect == "sqlite":
            steps = [row[-1] for row in connection.exec_driver_sql("EXPLAIN QUERY PLAN " + plan.text, ("[1,2]",))]
            assert steps[0] == "SEARCH message USING INTEGER PRIMARY KEY (rowid=?)"
        else:
            connection.execute(text("SET LOCAL enable_seqscan = off"))
            told = connection.exec_driver_sql("EXPLAIN " + plan.text, {"ids": [1, 2]}).scalars().all()
            assert any("Index" in line for line in told)


def test_the_statement_may_depend_on_the_kind_of_database(database: Database) -> None:
    def upsert(kind: str) -> Any:
        make = postgresql_insert if kind == "postgresql" else sqlite_insert
        put = make(DELIVERY).values(party=bindparam("party"), failures=1)
        changed = put.on_conflict_do_update(index_elements=["party"], set_={"failures": DELIVERY.c.failures + 1})
        return changed.returning(DELIVERY.c.failures)

    failed = Prepared(upsert)
    with database.write() as connection:
        assert [failed.scalar(connection, party="alpha") for _ in range(3)] == [1, 2, 3]


def test_json_and_absent_values(database: Database) -> None:
    noted = Prepared(
        insert(EVENT).values(
            id=bindparam("id"), message=7, kind="notice", detail=bindparam("detail"), time=bindparam("time")
        )
    )
    found = Prepared(select(EVENT.c.detail).where(EVENT.c.message == bindparam("message")).order_by(EVENT.c.id))
    last = Prepared(select(func.max(EVENT.c.time)).where(EVENT.c.message == bindparam("message")))
    details = [{"n": [1, None, "é"]}, {}]
    with database.write() as connection:
        for detail in details:
            noted.run(connection, id=new_row_id(NOW), detail=detail, time=NOW)
        assert [row.detail for row in found.rows(connection, message=7)] == details
        assert last.scalar(connection, message=7) == NOW
        assert last.scalar(connection, message=8) is None


def test_the_first_of_many_and_rows_locked_for_this_transaction(three: Database) -> None:
    due = (
        select(OUTBOX.c.message)
        .where(OUTBOX.c.next_attempt_at <= bindparam("now"))
        .order_by(OUTBOX.c.message)
        .limit(bindparam("limit"))
    )
    due_locked = Prepared(due.with_for_update(skip_locked=True, of=OUTBOX))
    row = {"peer": "alpha", "case_id": 1, "next_attempt_at": NOW, "gives_up_at": LATER}
    with three.write() as connection:
        insert_rows(connection, OUTBOX, [row | {"message": n} for n in (1, 2, 3)])
        assert [one.message for one in due_locked.rows(connection, now=NOW, limit=2)] == [1, 2]
        assert due_locked.rows(connection, now=NOW - timedelta(seconds=1), limit=2) == []


@pytest.mark.parametrize("given", [{}, {"of": "alpha", "off": 1}, {"off": "alpha"}])
def test_other_values_than_asked_for_are_a_mistake(database: Database, given: dict[str, Any]) -> None:
    with database.read() as connection, pytest.raises((ValueError, KeyError)):
        OF_PEER.rows(connection, **given)


def test_nothing_runs_outside_a_transaction(database: Database) -> None:
    with database.engine.connect() as connection, pytest.raises(RuntimeError, match="within a transaction"):
        RECEIPTED.run(connection, of="a", at=NOW, disputed=False)


def test_a_broken_constraint_is_an_integrity_error(three: Database) -> None:
    twice = Prepared(
        update(MESSAGE).where(MESSAGE.c.message_id == bindparam("of")).values(message_id="a", peer="alpha")
    )
    for change in (
        lambda connection: twice.run(connection, of="b"),
        lambda connection: twice.run_many(connection, [{"of": "c"}, {"of": "b"}]),
    ):
        with pytest.raises(IntegrityError) as raised, three.write() as connection:
            change(connection)
        assert raised.value.params is None
    with three.read() as connection:
        assert len(OF_PEER.rows(connection, of="alpha")) == 2


def test_a_write_in_a_reading_transaction_is_our_own_trouble(three: Database) -> None:
    with pytest.raises(StoreUnavailable) as raised, three.read() as connection:
        RECEIPTED.run(connection, of="a", at=NOW, disputed=False)
    assert raised.value.reason is Trouble.READ_ONLY


def _lose(connection: Connection, database: Database) -> None:
    process = connection.scalar(text("SELECT pg_backend_pid()"))
    with database.read() as other:
        other.execute(text("SELECT pg_terminate_backend(:process)"), {"process": process})
    OF_PEER.rows(connection, of="alpha")


def test_a_lost_connection_is_our_own_trouble_and_given_up(database: Database) -> None:
    if database.dialect == "sqlite":
        with database.write() as connection:
            connection.execute(text("ALTER TABLE message RENAME TO elsewhere"))
            with pytest.raises(OperationalError, match="no such table"):
                OF_PEER.rows(connection, of="alpha")
            connection.execute(text("ALTER TABLE elsewhere RENAME TO message"))
    else:
        with pytest.raises(StoreUnavailable) as raised, database.write() as connection:
            _lose(connection, database)
        assert raised.value.reason is Trouble.GONE
    with database.write() as connection:
        assert OF_PEER.rows(connection, of="alpha") == []
