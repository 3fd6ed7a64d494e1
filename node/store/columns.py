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
_ROW_ID_RANDOM_BITS = 22


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970-01-01T00:00:00Z. Raises ValueError for a naive datetime: no zone is ever assumed."""
    if instant.tzinfo is None:
        raise ValueError(f"an instant needs a time zone: {instant!r}")
    return (instant - _EPOCH) // _MICROSECOND


class Instant(TypeDecorator[datetime]):
    """An aware datetime, kept as `microseconds` and read back in UTC. A naive one raises ValueError."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else microseconds(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        return None if value is None else _EPOCH + timedelta(microseconds=value)


class WideInteger(TypeDecorator[int]):
    """A 64-bit integer. On SQLite it is declared INTEGER, so that as a primary key it is the rowid itself."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Integer() if dialect.name == "sqlite" else BigInteger())


class _RowIds:
    """The row ids of this process: never the same twice, and rising even when its clock does not."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next(self, now: datetime) -> int:
        milliseconds = (now - _ROW_ID_EPOCH) // _MILLISECOND
        # One random bit less than there is room for: a burst within a millisecond counts upwards from its start.
        fresh = milliseconds << _ROW_ID_RANDOM_BITS | secrets.randbits(_ROW_ID_RANDOM_BITS - 1)
        with self._lock:
            follows = fresh >> _ROW_ID_RANDOM_BITS > self._last >> _ROW_ID_RANDOM_BITS
            self._last = fresh if follows else self._last + 1
            return self._last


_row_ids = _RowIds()


def new_row_id(now: datetime) -> int:
    """A new row id: milliseconds since 2024-01-01T00:00:00Z shifted left by 22 bits, low bits random.

    Within a process ids rise strictly. Two processes that draw in the same millisecond may, rarely, draw the same: the
    primary key then refuses the second (IntegrityError), and its writer draws again.
    """
    return _row_ids.next(now)


def table_of(model: type[SQLModel]) -> Table:
    """The Core table of a SQLModel class, for statements on the message path."""
    table: Table = model.__table__  # type: ignore[attr-defined]
    return table
