"""Many rows at once: the inserts of the message path, without the ORM and without compiling a statement each time.

On SQLite one prepared statement runs for every row; on PostgreSQL one statement takes whole columns as arrays and goes
there and back once. Both cost about half of what Core's executemany does.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import JSON, Column, Connection, Dialect, Table, UniqueConstraint
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from node.store.columns import Instant, microseconds
from node.store.prepared import run_by_driver, run_many_by_driver

Row = Mapping[str, Any]
_Column = Sequence[Any]


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert these rows. All have the same columns; absent ones get their default.

    Raises sqlalchemy.exc.IntegrityError when one breaks a constraint, ValueError for rows with differing columns.
    """
    _insert(connection, table, rows, None)


def insert_new_rows(connection: Connection, table: Table, rows: Sequence[Row], key: Sequence[str] | None = None) -> int:
    """Insert the rows for which there is none yet with the same `key`; return how many were inserted.

    Without `key` that is the table's one unique constraint, else its primary key. A count below len(rows) means that
    some were duplicates, of earlier rows or of each other. Another clash (a row id drawn twice) is no duplicate and
    raises IntegrityError.
    """
    return _insert(connection, table, rows, tuple(key) if key is not None else _duplicate_key(table))


def _duplicate_key(table: Table) -> tuple[str, ...]:
    unique = [c for c in table.constraints if isinstance(c, UniqueConstraint)]
    if len(unique) > 1:
        raise ValueError(f"{table.name} has several unique constraints: name the key")
    return tuple(c.name for c in (unique[0].columns if unique else table.primary_key.columns))


@dataclass(frozen=True, slots=True)
class _Plan:
    """How rows with certain columns are inserted: the driver's SQL, and what it wants of each row."""

    sql: str
    by_column: bool
    width: int
    values: Callable[[Row], tuple[Any, ...]]
    conversions: tuple[tuple[int, Callable[[_Column], _Column]], ...]
    defaults: tuple[Any, ...]


def _insert(connection: Connection, table: Table, rows: Sequence[Row], key: tuple[str, ...] | None) -> int:
    if not rows:
        return 0
    plan = _plan(table, tuple(rows[0]), key, connection.dialect)
    if any(len(row) != plan.width for row in rows):
        raise ValueError(f"rows for {table.name} with differing columns")
    columns: list[_Column] = list(zip(*map(plan.values, rows), strict=True))
    for index, convert in plan.conversions:
        columns[index] = convert(columns[index])
    columns += [(default,) * len(rows) for default in plan.defaults]
    if plan.by_column:
        return run_by_driver(connection, plan.sql, tuple(map(list, columns)))
    return run_many_by_driver(connection, plan.sql, list(zip(*columns, strict=True)))


@lru_cache(maxsize=256)
def _plan(table: Table, names: tuple[str, ...], key: tuple[str, ...] | None, dialect: Dialect) -> _Plan:
    if len(names) < 2:
        raise ValueError(f"rows for {table.name} need at least two columns")
    quote = dialect.identifier_preparer.quote
    defaults = {
        c.name: c.default.arg
        for c in table.columns
        if c.name not in names and isinstance(c.default, ScalarElementColumnDefault)
    }
    columns = [table.columns[name] for name in (*names, *defaults)]
    target = f"INSERT INTO {quote(table.name)} ({', '.join(quote(c.name) for c in columns)})"
    by_column = dialect.name == "postgresql"
    if by_column:
        arrays = ", ".join(f"%b::{_array_type(c, dialect)}" for c in columns)
        # Without the condition SQL cannot tell ON CONFLICT from a join's ON.
        sql = f"{target} SELECT * FROM unnest({arrays}) WHERE true"  # noqa: S608 - names are those of our tables
    else:
        sql = f"{target} VALUES ({', '.join('?' * len(columns))})"
    if key is not None:
        sql += f" ON CONFLICT ({', '.join(map(quote, key))}) DO NOTHING"
    conversions = [(index, _CONVERSIONS.get(type(c.type))) for index, c in enumerate(columns[: len(names)])]
    return _Plan(
        sql,
        by_column,
        len(names),
        itemgetter(*names),
        tuple((index, convert) for index, convert in conversions if convert is not None),
        tuple(defaults.values()),
    )


def _array_type(column: Column[Any], dialect: Dialect) -> str:
    name = column.type.compile(dialect=dialect)
    # JSON goes there as text: the driver knows no array of JSON.
    return f"TEXT[]::{name}[]" if isinstance(column.type, JSON) else f"{name}[]"


_CONVERSIONS: dict[type, Callable[[_Column], _Column]] = {
    Instant: lambda values: [None if value is None else microseconds(value) for value in values],
    JSON: lambda values: [json.dumps(value) for value in values],
}
