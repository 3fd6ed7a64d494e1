"""Accounts: who there is, and names that are never given twice."""

from datetime import UTC, datetime, timedelta

import pytest

from node.access import AccountError, LinkError, add_user, list_users, make_link, redeem, remove_user, session_account
from node.store.database import Database

NOW = datetime(2026, 11, 25, 13, 5, tzinfo=UTC)


def test_accounts_are_listed_by_name_with_role_and_unit(database: Database) -> None:
    with database.write() as connection:
        add_user(connection, "Vesna Marić", "auditor", None, NOW)
        add_user(connection, "Ana Kostić", "officer", "Consulate in Lyon", NOW)
    with database.read() as connection:
        assert [(one.name, one.role, one.unit) for one in list_users(connection)] == [
            ("Ana Kostić", "officer", "Consulate in Lyon"),
            ("Vesna Marić", "auditor", None),
        ]


@pytest.mark.parametrize("name", ["", " Ana", "Ana ", "A\nB", "A\u202eB", "x" * 81])
def test_names_that_would_mislead_are_refused(database: Database, name: str) -> None:
    with database.write() as connection, pytest.raises(AccountError):
        add_user(connection, name, "officer", None, NOW)


def test_an_unknown_role_is_refused_and_the_known_ones_are_named(database: Database) -> None:
    with database.write() as connection, pytest.raises(AccountError, match="officer, it, auditor, head"):
        add_user(connection, "Ana Kostić", "administrator", None, NOW)


def test_a_name_is_never_given_again_even_after_removal(database: Database) -> None:
    with database.write() as connection:
        add_user(connection, "Ana Kostić", "officer", None, NOW)
        with pytest.raises(AccountError, match="is an account already"):
            add_user(connection, "Ana Kostić", "it", None, NOW)
        remove_user(connection, "Ana Kostić", NOW)
        with pytest.raises(AccountError, match="has been removed"):
            add_user(connection, "Ana Kostić", "officer", None, NOW)


def test_removal_ends_sessions_and_links_at_once(database: Database) -> None:
    with database.write() as connection:
        add_user(connection, "Ana Kostić", "officer", None, NOW)
        session, _person = redeem(connection, make_link(connection, "Ana Kostić", NOW), NOW)
        link = make_link(connection, "Ana Kostić", NOW)
        remove_user(connection, "Ana Kostić", NOW + timedelta(minutes=1))
    with database.write() as connection:
        assert session_account(connection, session, NOW) is None
        with pytest.raises(LinkError):
            redeem(connection, link, NOW)
        assert list_users(connection) == ()


def test_removing_whom_there_is_not_says_so(database: Database) -> None:
    with database.write() as connection, pytest.raises(AccountError, match="depesha user list"):
        remove_user(connection, "Nobody", NOW)
