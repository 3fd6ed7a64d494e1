"""`user …` as it is typed: what it changes and what the log keeps of it."""

import json
import re
from pathlib import Path

import pytest
from sqlalchemy import select, text

from node.audit.entry import open_entry
from node.exchange.settlement import LOG_ENTRY
from node.store.columns import table_of
from node.store.tables import LogEntryKey
from tests.trust_doors.homes import Home

KEY = table_of(LogEntryKey)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home", "north")


def logged(home: Home) -> list[tuple[str, dict[str, str | None]]]:
    """Type and facts of every entry about an account, oldest first."""
    node = home.node()
    query = select(LOG_ENTRY, KEY.c.wrapped).join(KEY, KEY.c.id == LOG_ENTRY.c.id).order_by(LOG_ENTRY.c.id)
    with node.database.read() as connection:
        rows = [row for row in connection.execute(query) if row.type.startswith("account.")]
    bodies = [json.loads(open_entry(row.leaf, row.sealed, row.wrapped, node.kek)[1]) for row in rows]
    assert {body["actor"] for body in bodies} <= {"command line"}
    assert "anna" not in json.dumps(bodies)
    return [(body["type"], body["facts"]) for body in bodies]


def test_another_role_for_a_person_who_is_there_is_given_and_logged(home: Home) -> None:
    home.do("user", "add", "anna", "--role", "officer", "--unit", "Lyon")
    assert home.do("user", "add", "anna", "--role", "auditor")["role"] == "auditor"
    (listed,) = home.do("user", "list")
    handle = listed.pop("handle")
    assert re.fullmatch("account-[0-9a-f]{16}", handle)
    told = {"mail": None, "away_from": None, "away_until": None}
    assert listed == {"name": "anna", "role": "auditor", "unit": "Lyon", "removed": None} | told
    changed = [facts for type, facts in logged(home) if type == "account.changed"]
    assert changed == [
        {"account": handle, "role": "auditor", "unit": "Lyon", "role_before": "officer", "unit_before": "Lyon"}
    ]


def test_a_unit_is_changed_and_taken_away(home: Home) -> None:
    home.do("user", "add", "anna", "--role", "officer", "--unit", "Lyon")
    home.do("user", "add", "anna", "--role", "officer", "--unit", "Graz")
    assert home.do("user", "list")[0]["unit"] == "Graz"
    home.do("user", "add", "anna", "--role", "officer", "--unit", "")
    assert home.do("user", "list")[0]["unit"] is None


def test_due_is_asked_by_the_name_of_an_officer(home: Home) -> None:
    for name, role in (("anna", "officer"), ("igor", "it")):
        home.do("user", "add", name, "--role", role, "--unit", "Lyon")
    assert home.do("due", "--officer", "anna", "--unit", "Lyon") == []
    for name, unit in (("igor", "Lyon"), ("anna", "Graz"), ("nobody", "Lyon")):
        assert name in home.refuses("due", "--officer", name, "--unit", unit)


def test_adding_a_link_and_removing_are_logged_and_a_link_alone_changes_nothing(home: Home) -> None:
    home.do("user", "add", "anna", "--role", "officer")
    home.do("user", "add", "anna", "--role", "officer")
    home.do("user", "remove", "anna")
    assert [type for type, _ in logged(home)] == [
        "account.added",
        "account.link-made",
        "account.link-made",
        "account.removed",
    ]
    assert home.do("user", "list") == []
    (removed,) = home.do("user", "list", "--all")
    assert (removed["name"], removed["removed"] is None) == ("anna", False)
    assert {facts["account"] for _, facts in logged(home)} == {removed["handle"]}, "it can still be looked up"


def test_an_unknown_role_changes_and_logs_nothing(home: Home) -> None:
    home.do("user", "add", "anna", "--role", "officer")
    before = logged(home)
    assert "'boss'" in home.refuses("user", "add", "anna", "--role", "boss")
    assert home.do("user", "list")[0]["role"] == "officer"
    assert logged(home) == before


def test_tables_of_an_unknown_program_are_left_alone(home: Home) -> None:
    with home.node().database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    for verb in (("serve",), ("upgrade",)):
        assert "which this program does not know; nothing was changed" in home.refuses(*verb)
    assert "`depesha upgrade` upgrades them" in home.refuses("user", "list")
