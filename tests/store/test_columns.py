"""Instants and row ids."""

import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert
from sqlalchemy.dialects import sqlite

from node.store import columns
from node.store.columns import Instant, _RowIds, new_row_id, table_of
from node.store.database import Database
from node.store.row_ids import follow_stored_ids
from node.store.tables import Alarm

INSTANT = Instant()
DIALECT = sqlite.dialect()
EPOCH_OF_IDS = datetime(2024, 1, 1, tzinfo=UTC)


@given(st.datetimes(timezones=st.timezones()))
def test_an_instant_comes_back_as_the_same_moment_in_utc(moment: datetime) -> None:
    stored = INSTANT.process_bind_param(moment, DIALECT)
    assert isinstance(stored, int)
    back = INSTANT.process_result_value(stored, DIALECT)
    assert back is not None
    assert back.astimezone(UTC) == moment.astimezone(UTC)
    assert back.tzinfo is UTC


def test_instants_are_microseconds_since_1970() -> None:
    moment = datetime(1970, 1, 1, 1, 0, 1, 5, tzinfo=timezone(timedelta(hours=1)))
    assert INSTANT.process_bind_param(moment, DIALECT) == 1_000_005
    assert INSTANT.process_bind_param(datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), DIALECT) == -1_000_000


def test_a_naive_datetime_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        INSTANT.process_bind_param(datetime(2026, 1, 1), DIALECT)  # noqa: DTZ001 - the point of it


def test_row_ids_carry_the_millisecond() -> None:
    moment = datetime.now(UTC) + timedelta(days=400)  # later than any other id of this process
    assert _RowIds().next(moment) >> 22 == (moment - EPOCH_OF_IDS) // timedelta(milliseconds=1)


def test_row_ids_rise_even_when_the_clock_does_not() -> None:
    moment = datetime.now(UTC)
    clock = [moment] * 1000 + [moment - timedelta(days=365)] * 1000 + [moment + timedelta(milliseconds=1)] * 1000
    drawn = [new_row_id(now) for now in clock]
    assert drawn == sorted(set(drawn))


@pytest.mark.parametrize("back", [timedelta(hours=1), timedelta(days=365)])
def test_after_the_clock_was_set_back_ids_go_on_with_its_pace_and_random_bits(back: timedelta) -> None:
    moment = datetime(2026, 11, 25, tzinfo=UTC)
    one, two = _RowIds(), _RowIds()
    last = one.next(moment)
    two.follow(last, moment - back)  # another process, begun after that
    drawn: list[set[int]] = [set(), set()]
    for second in range(1000):
        now = moment - back + timedelta(seconds=second)
        drawn[0] |= {one.next(now) for _ in range(3)}
        drawn[1] |= {two.next(now) for _ in range(3)}
    assert [len(of_one) for of_one in drawn] == [3000, 3000]
    # The random bits let two processes draw the same id in about one of 400 runs; without them every second would.
    assert len(drawn[0] & drawn[1]) <= 9
    assert min(drawn[0] | drawn[1]) > last
    passed = (max(drawn[0]) - last >> 22) / 1000
    assert 998 <= passed <= 1002, "no further ahead than it was"


def test_once_the_clock_has_caught_up_ids_carry_its_millisecond_again() -> None:
    moment = datetime(2026, 11, 25, tzinfo=UTC)
    ids = _RowIds()
    ids.next(moment)
    before = ids.next(moment - timedelta(hours=1))
    after = moment + timedelta(seconds=1)
    caught_up = ids.next(after)
    assert caught_up > before
    assert caught_up >> 22 == (after - EPOCH_OF_IDS) // timedelta(milliseconds=1)


def test_what_is_dated_a_little_back_does_not_drive_ids_ahead() -> None:
    """Messages are judged, then wait for their commit: their rows are dated by the judgement."""
    moment = datetime(2026, 11, 25, tzinfo=UTC)
    ids = _RowIds()
    drawn = []
    for step in range(10_000):
        now = moment + timedelta(milliseconds=step)
        drawn += [ids.next(now), ids.next(now - timedelta(seconds=50))]
    assert drawn == sorted(set(drawn))
    assert (drawn[-1] >> 22) - (moment - EPOCH_OF_IDS) // timedelta(milliseconds=1) < 10_001


def test_ids_follow_those_that_are_stored(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "_row_ids", _RowIds())
    now = datetime.now(UTC)
    follow_stored_ids(database, now)
    assert new_row_id(now) >> 22 == (now - EPOCH_OF_IDS) // timedelta(milliseconds=1), "an empty store says nothing"
    year_ahead = _RowIds().next(now + timedelta(days=365))
    with database.write() as connection:
        connection.execute(
            insert(table_of(Alarm)).values(id=year_ahead, time=now, kind="other-content", peer="alpha", detail="x")
        )
    follow_stored_ids(database, now)
    assert new_row_id(now) > year_ahead


def test_row_ids_differ_between_threads() -> None:
    moment = datetime.now(UTC)
    drawn: list[int] = []

    def draw() -> None:
        drawn.extend([new_row_id(moment) for _ in range(2000)])

    threads = [threading.Thread(target=draw) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(drawn)) == 8000
    assert max(drawn) < 2**63
