"""What all tables share: one metadata, constraint names that migrations can rely on, and the columns for ids."""

from typing import Any

from sqlalchemy import MetaData
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from node.store.columns import WideInteger

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Row(SQLModel, registry=registry(metadata=metadata)):
    """A row of one of our tables."""


def row_id(*, foreign_key: str | None = None) -> Any:
    """A primary key, or a part of one, made by the writer and never counted by the database."""
    options: dict[str, Any] = {} if foreign_key is None else {"foreign_key": foreign_key}
    return Field(primary_key=True, sa_type=WideInteger, sa_column_kwargs={"autoincrement": False}, **options)


def wide(default: Any = ..., *, foreign_key: str | None = None) -> Any:
    """A 64-bit integer: a reference to a row id, a size or a counter."""
    options: dict[str, Any] = {} if foreign_key is None else {"foreign_key": foreign_key}
    return Field(default, sa_type=WideInteger, **options)
