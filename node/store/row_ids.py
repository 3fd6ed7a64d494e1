"""Row ids of a process go on from those that are stored, also when the clock stands before them at its start.

The order of ids is the order in which messages of a case are delivered and lists are shown. A clock that was set back,
an hour or a year, must not put what is new before what is old.
"""

from datetime import datetime

from sqlalchemy import func, select, union_all

from node.store.columns import WideInteger, row_ids_follow
from node.store.database import Database
from node.store.tables import metadata


def follow_stored_ids(database: Database, now: datetime) -> None:
    """Let the row ids of this process rise above all that are stored. Raises StoreUnavailable."""
    columns = [column for table in metadata.sorted_tables for column in table.primary_key if column.name == "id"]
    highest = union_all(*(select(func.max(column).label("id")) for column in columns if _is_row_id(column.type)))
    with database.read() as connection:
        row_ids_follow(connection.scalar(select(func.max(highest.subquery().c.id))) or 0, now)


def _is_row_id(kind: object) -> bool:
    return isinstance(kind, WideInteger)
