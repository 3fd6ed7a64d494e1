"""Instants and row ids."""

import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from node.store.columns import Instant, _RowIds, new_row_id

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
