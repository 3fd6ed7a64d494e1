"""A newer program upgrades the tables, while none of the older serves; the older one then refuses them with words."""

import json
from pathlib import Path

import pytest
from sqlalchemy import text

from node.demo import REQUESTED, REQUESTING, home_of
from node.exchange.making import Identity, make_node
from node.operations.serving_lock import ServingHold, alone, hold_serving
from node.operations.upgrade import Upgrade, bring_up_to_date
from node.store.database import Database, open_database
from node.store.migrations import HEAD, table_version
from node.store.trouble import StoreUnavailable, Trouble
from tests.operations.programs import NEWER, ROOT, Program, errors_of, first_line, make_newer
from tests.trust_doors.homes import Said, command


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Program:
    return make_newer(tmp_path_factory.mktemp("newer"))


def this(home: Path, *words: str) -> Said:
    """A command of this program."""
    return command(*words, "--home", str(home))


def make_home(folder: Path, url: str) -> Path:
    make_node(folder, Identity("office", "An office"), settings={"database_url": url})
    return folder


def version(url: str) -> str | None:
    database = open_database(url)
    try:
        return table_version(database)
    finally:
        database.close()


@pytest.fixture
def home(tmp_path: Path, database_url: str) -> Path:
    """A node of this program, its database named in its settings."""
    return make_home(tmp_path / "home", database_url)


def test_a_node_is_upgraded_by_a_command(newer: Program, home: Path, database_url: str) -> None:
    with Program(ROOT).serving(home) as process:
        refused = newer.run(home, "message", "list")
        assert (refused.status, refused.out) == (1, "")
        assert f"of version {HEAD}, this program needs {NEWER}; nothing was changed: `depesha upgrade`" in refused.err
        refused = newer.run(home, "upgrade")
        assert refused.status in (1, 2), refused
        assert "top that one first" in refused.err or "stop all of them" in refused.err
        assert "Traceback" not in refused.err
        assert version(database_url) == HEAD
        assert process.poll() is None
    said = newer.run(home, "upgrade", "--json")
    assert (said.status, json.loads(said.out)) == (0, {"before": HEAD, "after": NEWER}), said
    again = newer.run(home, "upgrade")
    assert (again.status, again.out) == (0, f"The tables are of version {NEWER} already: nothing to do.\n")
    for words in (("message", "list"), ("serve",), ("upgrade",)):
        refused = this(home, *words)
        assert (refused.status, refused.out) == (1, "")
        assert f"of version {NEWER}, newer than this program's {HEAD}; nothing was changed" in refused.err
    assert version(database_url) == NEWER


def test_serving_upgrades_by_itself_and_says_so(newer: Program, home: Path, database_url: str) -> None:
    wrong = newer.run(home, "serve", "--plain-http", "--outside", "192.0.2.1:17443")
    assert wrong.status == 2
    assert version(database_url) == HEAD, "wrong usage upgrades nothing"
    with newer.serving(home):
        assert version(database_url) == NEWER
    told = [json.loads(line) for line in errors_of(home).splitlines()]
    assert [(one["before"], one["after"]) for one in told if one["event"] == "tables upgraded"] == [(HEAD, NEWER)]


def test_a_demonstration_that_an_older_program_made_goes_on(newer: Program, tmp_path: Path) -> None:
    homes = [home_of(tmp_path, who).home for who in (REQUESTING, REQUESTED)]
    said = newer.run(homes[0], "demo", "--once", "--json", "--dir", str(tmp_path))
    assert said.status == 0, said
    assert all(message["receipt"] for message in json.loads(said.out)["messages"])
    assert [version(f"sqlite:///{home / 'depesha.db'}") for home in homes] == [NEWER, NEWER]


def test_processes_that_start_at_once_all_serve_upgraded_tables(
    newer: Program, tmp_path: Path, postgresql_url: str
) -> None:
    home = make_home(tmp_path / "home", postgresql_url)
    with newer.starting(home) as one, newer.starting(home) as other:
        for process in (one, other):
            assert "Depesha serves" in first_line(process), errors_of(home)
    assert errors_of(home).count("tables upgraded") == 1


def test_tables_that_are_current_are_left_alone(home: Path) -> None:
    assert bring_up_to_date(home) == Upgrade(HEAD, HEAD)


def test_the_lock_is_taken_again_when_its_connection_was_lost(postgresql_url: str, tmp_path: Path) -> None:
    database = open_database(postgresql_url)
    with hold_serving(tmp_path, database) as hold:
        cut_lock_connections(database)
        hold.renew()
        with pytest.raises(StoreUnavailable, match="stop all of them"), alone(tmp_path, database):
            pass
    with alone(tmp_path, database):
        pass
    database.close()


def test_a_process_that_lost_its_lock_stops_once_the_tables_are_newer(postgresql_url: str) -> None:
    database = open_database(postgresql_url)
    hold = ServingHold(database)
    cut_lock_connections(database)
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :newer"), {"newer": NEWER})
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="newer than this program's") as caught:
            hold.renew()
        assert caught.value.reason is Trouble.OUTDATED
    hold.release()
    database.close()


def cut_lock_connections(database: Database) -> None:
    """End every connection that holds an advisory lock, as a restart of the database would."""
    with database.write() as connection:
        ended = connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database = "
                "(SELECT oid FROM pg_database WHERE datname = current_database())"
            )
        ).all()
    assert ended
