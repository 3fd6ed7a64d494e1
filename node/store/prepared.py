"""Statements of the message path, compiled once and run by the driver itself within a Core transaction.

To put a Core statement together, find it in Core's cache and read its result through Core costs more than to run it. A
`Prepared` is made once, as a constant of its module, with a `bindparam` for each value that changes; it runs on the
connection of a `Database.write()` or `read()` block and takes part in that transaction. Column types convert values as
Core does, and errors come out as Core's (sqlalchemy.exc).
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from sqlalchemy import (
    JSON,
    BindParameter,
    Column,
    ColumnElement,
    Connection,
    Delete,
    Dialect,
    Insert,
    Select,
    Update,
    func,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.type_api import TypeEngine

Statement = Select[Any] | Insert | Update | Delete
Values = Mapping[str, Any]
_Convert = Callable[[Any], Any]
_Found = TypeVar("_Found")


class _Among(ColumnElement[bool]):
    """`column` IN a list that is given as one value, so that the statement is the same however long that is."""

    inherit_cache = False
    # Its type stays unknown: of a boolean one SQLite would be asked whether it equals 1, and forget its index.

    def __init__(self, column: Column[Any], name: str) -> None:
        self.column = column
        self.name = name


@compiles(_Among, "sqlite")
def _among_json(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    values = func.json_each(BindParameter(element.name, type_=JSON())).table_valued("value")
    text: str = compiler.process(element.column.in_(select(values.c.value)), **options)
    return text


@compiles(_Among, "postgresql")
def _among_array(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    from sqlalchemy.dialects.postgresql import ARRAY

    values: BindParameter[Any] = BindParameter(element.name, type_=ARRAY(element.column.type))
    text: str = compiler.process(element.column == func.any(values), **options)
    return text


def among(column: Column[Any], name: str) -> ColumnElement[bool]:
    """`column` IN the list that the statement is given as `name`: integers or texts, in any number."""
    return _Among(column, name)


@dataclass(frozen=True, slots=True)
class _Plan:
    """A statement as a driver takes it: its SQL, what is bound to it and how, and how its rows are read."""

    text: str
    fixed: Mapping[str, Any]
    given: tuple[tuple[str, _Convert | None], ...]
    order: tuple[str, ...] | None
    make_row: Callable[[Sequence[Any]], Any]
    results: tuple[tuple[int, _Convert], ...]

    def bound(self, values: Values) -> Any:
        """The values as the driver takes them. Raises ValueError unless exactly those that are asked for are given."""
        if len(values) != len(self.given):
            raise ValueError(f"given {sorted(values)}, expected {sorted(name for name, _ in self.given)}")
        all_ = dict(self.fixed)
        for name, convert in self.given:
            all_[name] = values[name] if convert is None else convert(values[name])
        return all_ if self.order is None else [all_[name] for name in self.order]

    def rows(self, found: Sequence[Sequence[Any]]) -> list[Any]:
        """Rows of the driver as named tuples, with the values of their columns' types."""
        if not self.results:
            return [*map(self.make_row, found)]
        rows = []
        for one in found:
            row = list(one)
            for index, convert in self.results:
                row[index] = convert(row[index])
            rows.append(self.make_row(row))
        return rows


class Prepared:
    """A statement that is compiled when it first runs on a kind of database.

    `statement` is the same for both kinds, or made for the kind that it is given ("sqlite", "postgresql"). Each method
    takes the values of its `bindparam`s by name. Raises what Core would: sqlalchemy.exc.IntegrityError,
    OperationalError and the like.
    """

    def __init__(self, statement: Statement | Callable[[str], Statement]) -> None:
        self._statement = statement
        self._plans: dict[str, _Plan] = {}

    def rows(self, connection: Connection, **values: Any) -> list[Any]:
        """All rows, as named tuples."""
        plan = self._plan(connection.dialect)
        return plan.rows(_run(connection, plan.text, plan.bound(values)))

    def first(self, connection: Connection, **values: Any) -> Any | None:
        """The first row, None if there is none."""
        rows = self.rows(connection, **values)
        return rows[0] if rows else None

    def scalar(self, connection: Connection, **values: Any) -> Any | None:
        """The first column of the first row, None if there is none."""
        rows = self.rows(connection, **values)
        return rows[0][0] if rows else None

    def run(self, connection: Connection, **values: Any) -> int:
        """Run a statement without a result; returns how many rows it changed."""
        plan = self._plan(connection.dialect)
        return run_by_driver(connection, plan.text, plan.bound(values))

    def run_many(self, connection: Connection, values: Sequence[Values]) -> int:
        """Run it once for each of `values`; returns how many rows were changed in all."""
        if not values:
            return 0
        plan = self._plan(connection.dialect)
        bound = [*map(plan.bound, values)]
        if len(bound) == 1:
            return run_by_driver(connection, plan.text, bound[0])
        return run_many_by_driver(connection, plan.text, bound)

    def _plan(self, dialect: Dialect) -> _Plan:
        plan = self._plans.get(dialect.name)
        if plan is None:
            statement = self._statement
            plan = self._plans[dialect.name] = _planned(
                statement(dialect.name) if callable(statement) else statement, dialect
            )
        return plan


def _planned(statement: Statement, dialect: Dialect) -> _Plan:
    compiled = statement.compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler)
    fixed: dict[str, Any] = {}
    given: dict[str, _Convert | None] = {}  # a name may stand in several places, for values of one type
    for bind, name in compiled.bind_names.items():
        convert = _converts_bound(bind.type, dialect)
        if bind.required:
            given[name] = convert
        else:
            value = bind.effective_value
            fixed[name] = value if convert is None else convert(value)
    columns = [*statement.exported_columns]
    results = [(index, _converts_found(column.type, dialect)) for index, column in enumerate(columns)]
    make: Callable[..., Any] = namedtuple
    row = make("Row", [column.key or "" for column in columns], rename=True)
    return _Plan(
        str(compiled),
        fixed,
        tuple(given.items()),
        tuple(compiled.positiontup) if compiled.positional and compiled.positiontup is not None else None,
        row._make,
        tuple((index, convert) for index, convert in results if convert is not None),
    )


def _converts_bound(of: TypeEngine[Any], dialect: Dialect) -> _Convert | None:
    return of.dialect_impl(dialect).bind_processor(dialect)


def _converts_found(of: TypeEngine[Any], dialect: Dialect) -> _Convert | None:
    return of.dialect_impl(dialect).result_processor(dialect, None)


def _run(connection: Connection, text: str, bound: Any) -> Sequence[Sequence[Any]]:
    def run(cursor: Any) -> Sequence[Sequence[Any]]:
        cursor.execute(text, bound)
        found: Sequence[Sequence[Any]] = cursor.fetchall()
        return found

    return _by_driver(connection, text, run)


def run_by_driver(connection: Connection, text: str, bound: Any) -> int:
    """Run the driver's SQL with the values that it binds, within the transaction of `connection`; returns how many rows
    it changed. Raises what Core would."""

    def run(cursor: Any) -> int:
        cursor.execute(text, bound)
        count: int = cursor.rowcount
        return count

    return _by_driver(connection, text, run)


def run_many_by_driver(connection: Connection, text: str, bound: Sequence[Any]) -> int:
    """As `run_by_driver`, once for each of `bound`; returns how many rows were changed in all."""

    def run(cursor: Any) -> int:
        cursor.executemany(text, bound)
        count: int = cursor.rowcount
        return count

    return _by_driver(connection, text, run)


def _by_driver(connection: Connection, text: str, run: Callable[[Any], _Found]) -> _Found:
    """What `run` makes of a cursor of the driver, within the transaction of `connection`."""
    # SQLite would commit by itself what is written outside a transaction.
    if not connection.in_transaction():
        raise RuntimeError("a prepared statement runs within a transaction")
    cursor = connection.connection.cursor()
    try:
        found = run(cursor)
    except BaseException as error:
        _raise_as_core(connection, error, text, cursor)
    cursor.close()
    return found


def _raise_as_core(connection: Connection, error: BaseException, text: str, cursor: Any) -> NoReturn:
    """As Core does for a statement of its own: wrap what the driver raised, and give up a connection that is lost."""
    connection._handle_dbapi_exception(error, text, None, cursor, None)
