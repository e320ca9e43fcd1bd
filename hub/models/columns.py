"""Column types and defaults that every table uses: ids, aware UTC times, JSON."""

from collections.abc import Callable
from datetime import UTC, datetime
from inspect import Signature
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import JSON, DateTime, Table, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import SQLModel
from uuid_utils.compat import uuid7

JSON_TYPE = JSON().with_variant(JSONB(), "postgresql")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC on both engines (SQLite alone would give it back naive)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("times must be aware")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


T = TypeVar("T")


def _factory(make: Callable[[], T]) -> Callable[[], T]:
    """Spare pydantic finding out, for every row anew, that this takes no argument."""
    make.__signature__ = Signature()  # type: ignore[attr-defined]
    return make


def table_of(model: type[SQLModel]) -> Table:
    """For statements that make no objects."""
    table: Table = model.__table__  # type: ignore[attr-defined]
    return table


@_factory
def no_items() -> list[Any]:
    return []


@_factory
def no_entries() -> dict[str, Any]:
    return {}


@_factory
def new_id() -> UUID:
    """A time-ordered UUID (version 7)."""
    return uuid7()


@_factory
def utcnow() -> datetime:
    return datetime.now(UTC)
