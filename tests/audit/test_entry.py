"""Entries: what they say, what their leaf commits to, and that they are sealed."""

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from node.audit.entry import append, append_rows, canonical, entry, open_entry
from node.store.columns import table_of
from node.store.database import Database
from node.store.sealing import KeyEncryptionKey, SealBroken
from node.store.tables import LogEntryKey, LoggedEntry

AT = datetime(2026, 11, 25, 3, 24, 57, 184_000, tzinfo=timezone(timedelta(hours=1)))
SALT = bytes(range(32))

names = st.text(st.characters(max_codepoint=127), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_bodies_are_rfc_8785(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@pytest.mark.parametrize("value", [1.5, 2**53, -(2**53), {"é": 1}, {1: 2}, [b"x"], {"a": [{"b": 0.0}]}, "\ud800"])
def test_what_rfc_8785_readers_might_read_differently_is_refused(value: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - several texts, one meaning
        canonical(value)


def test_an_entry_by_hand() -> None:
    made = entry("received", AT, "node", {"size": 7}, peer="beta", case="c-1", message="m-1", salt=SALT)
    body = (
        b'{"actor":"node","at":"2026-11-25T02:24:57.184000Z","case":"c-1","facts":{"size":7},'
        b'"message":"m-1","peer":"beta","type":"received","v":1}'
    )
    assert made.body == body
    assert made.leaf == b"\x01" + hashlib.sha256(b"depesha/entry/v1\n" + SALT + body).digest()


def test_the_same_facts_under_another_salt_have_another_leaf() -> None:
    first, second = (entry("received", AT, "node", {}) for _ in range(2))
    assert first.body == second.body
    assert first.leaf != second.leaf
    assert len(first.leaf) == 33


def test_a_naive_time_and_a_short_salt_are_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        entry("received", datetime(2026, 1, 1), "node", {})  # noqa: DTZ001 - the point of it
    with pytest.raises(ValueError, match="32 bytes"):
        entry("received", AT, "node", {}, salt=b"short")


def test_an_appended_entry_is_sealed_and_opens(database: Database, kek: KeyEncryptionKey) -> None:
    made = entry("received", AT, "node", {"size": 7}, message="m-1", message_row=11, case_row=12)
    with database.write() as connection:
        append(connection, [made], kek)
        append(connection, [], kek)
    with database.read() as connection:
        row = connection.execute(select(table_of(LoggedEntry))).one()
        wrapped = connection.execute(select(table_of(LogEntryKey).c.wrapped)).scalar_one()
    assert (row.type, row.time, row.message, row.case_id, row.position) == ("received", AT, 11, 12, None)
    assert row.time.tzinfo is UTC
    assert b"m-1" not in row.sealed
    assert open_entry(row.leaf, row.sealed, wrapped, kek) == (made.salt, made.body)
    assert json.loads(made.body)["facts"] == {"size": 7}


def test_an_entry_under_another_leaf_is_refused(kek: KeyEncryptionKey) -> None:
    rows = append_rows([entry("received", AT, "node", {"n": n}) for n in range(2)], kek)
    with pytest.raises(SealBroken, match="commits to"):
        open_entry(rows.entries[0]["leaf"], rows.entries[1]["sealed"], rows.keys[1]["wrapped"], kek)
