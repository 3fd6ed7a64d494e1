"""Finding persons: the sealed index of records, and what people have said of persons of two cases."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from node.store.columns import Instant
from node.store.tables.row import Row, row_id, wide


class SearchRow(Row, table=True):
    """What one record is found by: a row a record, deleted with its payload keys when that is erased.

    `terms` are keyed hashes, 12 hexadecimal digits each, in the order of their values, one space apart: they tell
    nothing to one without the key file but that two records share some.
    """

    __tablename__ = "search_row"
    __table_args__ = (Index(None, "case_id"),)

    message: int = row_id()
    case_id: int = wide()
    terms: str


class PersonLink(Row, table=True):
    """Two persons, each a case and an id within it, are the same, another, or twins, as somebody has said last.

    Of a pair the one of the older case (by row id, then by id within it) stands first.
    """

    __tablename__ = "person_link"
    __table_args__ = (
        UniqueConstraint("first_case", "first_person", "second_case", "second_person", name="uq_person_link_pair"),
        Index(None, "second_case"),
    )

    id: int = row_id()
    first_case: int = wide(foreign_key="exchange_case.id")
    first_person: str
    second_case: int = wide(foreign_key="exchange_case.id")
    second_person: str
    kind: str
    """same, another or twin"""
    made_at: datetime = Field(sa_type=Instant)
    made_by: str
