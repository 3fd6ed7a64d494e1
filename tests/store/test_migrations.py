"""The migrations make what the table classes say, on both databases."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, select, text

import node.store.migrations as migrations
from node.exchange.sequences import highest_seen
from node.store.columns import table_of
from node.store.database import Database, open_database
from node.store.migrations import HEAD, require_current, upgrade
from node.store.tables import Configuration, LogState, metadata
from node.store.trouble import StoreUnavailable, Trouble


@pytest.fixture
def empty(empty_database_url: str) -> Iterator[Database]:
    database = open_database(empty_database_url, create=True)
    yield database
    database.close()


def indexes(connection: Connection) -> set[str]:
    if connection.dialect.name == "sqlite":
        query = "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    else:
        query = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'"
    return {sql for sql in connection.scalars(text(query)) if "alembic" not in sql}


def tables_without_rowid(connection: Connection) -> set[str]:
    if connection.dialect.name != "sqlite":
        return set()
    return set(connection.scalars(text("SELECT name FROM sqlite_master WHERE sql LIKE '%WITHOUT ROWID%'")))


def test_the_newest_script_is_the_version_that_the_program_needs() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_migrations_and_table_classes_agree(database: Database) -> None:
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_migrations_and_table_classes_make_the_same_indexes(empty: Database) -> None:
    metadata.create_all(empty.engine)
    with empty.read() as connection:
        made = indexes(connection), tables_without_rowid(connection)
    metadata.drop_all(empty.engine)
    upgrade(empty)
    with empty.read() as connection:
        assert (indexes(connection), tables_without_rowid(connection)) == made
    assert len(made[0]) > 10


def test_a_new_database_has_an_empty_log_and_a_configuration(database: Database) -> None:
    with database.read() as connection:
        state = connection.execute(select(table_of(LogState))).one()
        configuration = connection.execute(select(table_of(Configuration))).one()
    assert state.size == 0
    assert state.root.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert state.frontier == b""
    assert state.frozen is False
    assert (configuration.id, configuration.version) == (1, 1)


def test_upgrading_again_changes_nothing(database: Database) -> None:
    require_current(database)
    upgrade(database)
    require_current(database)


def test_tables_of_the_first_version_are_upgraded_with_what_they_hold(empty: Database) -> None:
    """Written by hand, as a node of that version wrote it."""
    upgrade(empty, "0001")
    columns = "id, message_id, direction, peer, state, service, action, case_id, conversation_id, timestamp, time, "
    columns += "attempts, sequence, digests, unilateral, disputed_time"
    values = [f":{name.strip()}" for name in columns.split(",")]
    row = {
        "direction": "in", "peer": "alpha", "state": "received", "service": "s", "action": "a", "case_id": 1,
        "conversation_id": "c", "timestamp": 5, "time": 6, "attempts": 1, "digests": bytes(32), "unilateral": False,
        "disputed_time": False,
    }  # fmt: skip
    with empty.write() as connection:
        assert "ix_message_numbered" not in " ".join(indexes(connection))
        for n, sequence in enumerate((1, 2, None, 2**53), start=1):
            numbered = row | {"id": n, "message_id": f"m{n}", "sequence": sequence}
            connection.execute(text(f"INSERT INTO message ({columns}) VALUES ({', '.join(values)})"), numbered)
        everything = connection.execute(text("SELECT * FROM message ORDER BY id")).all()
    with pytest.raises(StoreUnavailable, match="depesha upgrade"):
        require_current(empty)
    upgrade(empty)
    require_current(empty)
    with empty.read() as connection:
        assert connection.execute(text("SELECT * FROM message ORDER BY id")).all() == everything
        assert "ix_message_numbered" in " ".join(indexes(connection))
        assert highest_seen(connection, "alpha") == 2**53
    with empty.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_processes_that_start_at_once_upgrade_once(empty: Database) -> None:
    failures: list[BaseException] = []

    def start() -> None:
        try:
            upgrade(empty)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    require_current(empty)


def test_without_tables_the_message_says_what_to_run(empty: Database) -> None:
    with pytest.raises(StoreUnavailable, match="put your copy of it back") as caught:
        require_current(empty)
    assert caught.value.reason is Trouble.OUTDATED


@pytest.mark.parametrize(
    ("version", "remedy"), [("0000", "`depesha upgrade` upgrades them"), ("9999", "use the Depesha that made them")]
)
def test_tables_of_another_version_are_refused_with_a_remedy(database: Database, version: str, remedy: str) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})
    with pytest.raises(StoreUnavailable, match=remedy):
        require_current(database)
    if version > HEAD:
        with pytest.raises(StoreUnavailable, match=remedy):
            upgrade(database)


def test_a_migration_that_fails_leaves_nothing_behind(empty: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr("alembic.op.bulk_insert", fail)
        with pytest.raises(RuntimeError, match="power cut"):
            upgrade(empty)
    with pytest.raises(StoreUnavailable, match="no tables"):
        require_current(empty)
    upgrade(empty)
    require_current(empty)


def test_accounts_of_the_first_tables_get_a_random_handle(empty: Database) -> None:
    upgrade(empty, "0001")
    with empty.write() as connection:
        for name in ("ana", "vesna"):
            connection.execute(
                text("INSERT INTO account (name, role, created_at) VALUES (:name, 'officer', 0)"), {"name": name}
            )
    upgrade(empty)
    with empty.read() as connection:
        handles = connection.scalars(text("SELECT handle FROM account")).all()
    assert len(set(handles)) == 2
    assert all(re.fullmatch("account-[0-9a-f]{16}", handle) for handle in handles)


def test_cases_of_the_tables_before_get_their_turns_from_their_messages(empty: Database) -> None:
    upgrade(empty, "0004")
    messages = {
        # case: (direction, state, detail, opened_at, service) of its messages, the oldest first
        1: [("out", "delivered", None, None, "s"), ("in", "received", None, None, "s")],
        2: [("in", "received", None, 5, "s"), ("out", "given-up", None, None, "s")],
        3: [("out", "refused", "withdrawn by a person", None, "s")],
        4: [("out", "queued", None, None, "s"), ("in", "received", None, None, "urn:depesha:notice:1")],
        5: [],
    }
    with empty.write() as connection:
        for case_id in messages:
            connection.execute(
                text(
                    "INSERT INTO exchange_case (id, opener, conversation_id, alias_year, alias_number, created_at, "
                    "changed_at) VALUES (:id, 'us', :name, 2026, :id, 0, 0)"
                ),
                {"id": case_id, "name": f"c{case_id}"},
            )
        rows = [(case_id, n, *one) for case_id, them in messages.items() for n, one in enumerate(them)]
        for case_id, n, direction, state, detail, opened, service in rows:
            connection.execute(
                text(
                    "INSERT INTO message (id, message_id, direction, peer, state, service, action, case_id, "
                    "conversation_id, timestamp, time, attempts, digests, unilateral, disputed_time, error_detail, "
                    "opened_at) VALUES (:id, :name, :direction, 'them', :state, :service, 'a', :case_id, 'c', 0, 0, "
                    "1, :digests, :no, :no, :detail, :opened)"
                ),
                {
                    "id": 10 * case_id + n, "name": f"m{case_id}-{n}", "direction": direction, "state": state,
                    "service": service, "case_id": case_id, "digests": bytes(32), "no": False, "detail": detail,
                    "opened": opened,
                },
            )  # fmt: skip
    upgrade(empty)
    with empty.read() as connection:
        found = connection.execute(text("SELECT last_message, turn, unread FROM exchange_case ORDER BY id"))
        assert [tuple(row) for row in found] == [
            (11, "ours", 1),
            (21, "trouble", 0),
            (30, "ours", 0),
            (40, "theirs", 0),
            (None, "nobody", 0),
        ]
