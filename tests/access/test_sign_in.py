"""Links work once and for 15 minutes; sessions for 8 hours; the database holds no token."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from node.access import (
    AccountError,
    LinkError,
    add_user,
    link_account,
    make_link,
    redeem,
    remove_user,
    session_account,
    sign_out,
)
from node.store.columns import table_of
from node.store.database import Database
from node.store.tables import BrowserSession, SignInLink

NOW = datetime(2026, 11, 25, 13, 5, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


@pytest.fixture
def ana(database: Database) -> str:
    with database.write() as connection:
        return add_user(connection, "Ana Kostić", "officer", None, NOW).name


def test_a_link_signs_in_once(database: Database, ana: str) -> None:
    with database.write() as connection:
        link = make_link(connection, ana, NOW)
    with database.write() as connection:
        session, person = redeem(connection, link, NOW)
    assert person.name == ana
    with database.read() as connection:
        assert session_account(connection, session, NOW) == person
    with database.write() as connection, pytest.raises(LinkError):
        redeem(connection, link, NOW)


def test_looking_at_a_link_does_not_use_it_up(database: Database, ana: str) -> None:
    with database.write() as connection:
        link = make_link(connection, ana, NOW)
        for _ in range(3):
            assert link_account(connection, link, NOW).name == ana
        redeem(connection, link, NOW)
        with pytest.raises(LinkError):
            link_account(connection, link, NOW)


def test_a_link_ends_after_15_minutes(database: Database, ana: str) -> None:
    end = NOW + timedelta(minutes=15)
    with database.write() as connection:
        early, late = make_link(connection, ana, NOW), make_link(connection, ana, NOW)
        redeem(connection, early, end - MOMENT)
        with pytest.raises(LinkError):
            redeem(connection, late, end)


def test_a_session_ends_after_8_hours_or_by_signing_out(database: Database, ana: str) -> None:
    end = NOW + timedelta(hours=8)
    with database.write() as connection:
        session, _person = redeem(connection, make_link(connection, ana, NOW), NOW)
        other, _person = redeem(connection, make_link(connection, ana, NOW), NOW)
        assert session_account(connection, session, end - MOMENT) is not None
        assert session_account(connection, session, end) is None
        sign_out(connection, other)
        sign_out(connection, other)
        assert session_account(connection, other, NOW) is None
        assert session_account(connection, session, NOW) is not None


@pytest.mark.parametrize("token", ["", "x", "é" * 43, "A" * 43])
def test_what_is_no_token_is_refused(database: Database, ana: str, token: str) -> None:
    with database.write() as connection:
        make_link(connection, ana, NOW)
        with pytest.raises(LinkError):
            redeem(connection, token, NOW)
        assert session_account(connection, token, NOW) is None


def test_the_database_holds_only_digests(database: Database, ana: str) -> None:
    with database.write() as connection:
        link = make_link(connection, ana, NOW)
        session, _person = redeem(connection, link, NOW)
        stored = [
            bytes(digest)
            for table in (table_of(SignInLink), table_of(BrowserSession))
            for digest in connection.scalars(select(table.c.token_sha256))
        ]
    assert len(stored) == 2
    assert all(len(digest) == 32 for digest in stored)
    assert not {link.encode(), session.encode()} & set(stored)


def test_tokens_have_256_random_bits_and_never_repeat(database: Database, ana: str) -> None:
    with database.write() as connection:
        links = [make_link(connection, ana, NOW) for _ in range(20)]
    assert len(set(links)) == 20
    assert all(len(link) == 43 for link in links)


def test_old_links_and_sessions_are_cleared_away(database: Database, ana: str) -> None:
    with database.write() as connection:
        redeem(connection, make_link(connection, ana, NOW), NOW)
        make_link(connection, ana, NOW)
    later = NOW + timedelta(days=1)
    with database.write() as connection:
        redeem(connection, make_link(connection, ana, later), later)
        assert len(connection.execute(select(table_of(SignInLink))).all()) == 1
        assert len(connection.execute(select(table_of(BrowserSession))).all()) == 1


def test_no_link_for_whom_there_is_not(database: Database, ana: str) -> None:
    with database.write() as connection:
        remove_user(connection, ana, NOW)
        for name in (ana, "Nobody"):
            with pytest.raises(AccountError):
                make_link(connection, name, NOW)
