"""Column types that are the same on both databases, and the row ids that their writers make.

Instants are whole microseconds since 1970 in a BIGINT: exact, ordered and alike everywhere. Row ids are made by the
writer, so that a message's rows can be built before the transaction and inserted many at once.
"""

import secrets
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Integer, Table
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlmodel import SQLModel

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MILLISECOND = timedelta(milliseconds=1)
_ROW_ID_EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
ROW_ID_RANDOM_BITS = 22
_LONGEST_ROW_ID = 19  # digits
# Rows of one transaction are dated by the moment when their message was judged, which may lie a little before others'.
# Only what lies further back than this speaks of a clock that was set back.
_STALE_MILLISECONDS = 60_000


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970-01-01T00:00:00Z. Raises ValueError for a naive datetime: no zone is ever assumed."""
    if instant.tzinfo is None:
        raise ValueError(f"an instant needs a time zone: {instant!r}")
    return (instant - _EPOCH) // _MICROSECOND


def instant_of(at: int) -> datetime:
    """The instant so many microseconds after 1970 began, in UTC."""
    return _EPOCH + timedelta(microseconds=at)


def row_id_of(text: str) -> int | None:
    """The row id that a text writes in digits; None for a text that is none."""
    if not text.isascii() or not text.isdigit() or len(text) > _LONGEST_ROW_ID:
        return None
    found = int(text)
    return found if found < 2**63 else None


class Instant(TypeDecorator[datetime]):
    """An aware datetime, kept as `microseconds` and read back in UTC. A naive one raises ValueError."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else microseconds(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        return None if value is None else instant_of(value)


class WideInteger(TypeDecorator[int]):
    """A 64-bit integer. On SQLite it is declared INTEGER, so that as a primary key it is the rowid itself."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Integer() if dialect.name == "sqlite" else BigInteger())


class _RowIds:
    """The row ids of this process: never the same twice, and rising even when its clock does not.

    After its clock was set back it goes on from its last id, as many milliseconds ahead of its clock, until the clock
    has come that far by itself.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0
        self._ahead = 0

    def next(self, now: datetime) -> int:
        """The next id at `now`."""
        milliseconds = (now - _ROW_ID_EPOCH) // _MILLISECOND
        random = secrets.randbits(ROW_ID_RANDOM_BITS - 1)
        with self._lock:
            last = self._last >> ROW_ID_RANDOM_BITS
            if milliseconds > last:
                self._ahead = 0
            elif milliseconds + self._ahead < last - _STALE_MILLISECONDS:
                self._ahead = last + 1 - milliseconds
            # One random bit less than there is room for: a burst within a millisecond counts upwards from its start.
            fresh = milliseconds + self._ahead << ROW_ID_RANDOM_BITS | random
            follows = fresh >> ROW_ID_RANDOM_BITS > last
            self._last = fresh if follows else self._last + 1
            return self._last

    def follow(self, highest: int, now: datetime) -> None:
        """Give no id below `highest`, which is stored already."""
        milliseconds = (now - _ROW_ID_EPOCH) // _MILLISECOND
        with self._lock:
            if highest > self._last:
                self._last = highest
                # Each process goes on from there with random bits of its own, not all from the same number.
                self._ahead = max(0, (highest >> ROW_ID_RANDOM_BITS) + 1 - milliseconds)


_row_ids = _RowIds()


def new_row_id(now: datetime) -> int:
    """A new row id: milliseconds since 2024-01-01T00:00:00Z shifted left by 22 bits, low bits random.

    Within a process ids rise strictly. Two processes that draw in the same millisecond may, rarely, draw the same: the
    primary key then refuses the second (IntegrityError), nothing of its transaction is kept, and whoever asked for it,
    a peer or a program, asks again.
    """
    return _row_ids.next(now)


def row_ids_follow(highest: int, now: datetime) -> None:
    """Let row ids of this process rise above `highest`, whatever its clock says (`row_ids`)."""
    _row_ids.follow(highest, now)


def table_of(model: type[SQLModel]) -> Table:
    """The Core table of a SQLModel class, for statements on the message path."""
    table: Table = model.__table__  # type: ignore[attr-defined]
    return table
