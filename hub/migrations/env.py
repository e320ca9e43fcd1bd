"""How Alembic reaches the database: through the same async drivers as the hub."""

import asyncio
from typing import Literal

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import AutoString, SQLModel

import hub.models  # noqa: F401 - declares the tables
from hub.models.columns import JSON_TYPE, UtcDateTime

_SEARCH = ("message_search",)


def _ours(_object: object, name: str | None, kind: str, *_: object) -> bool:
    """Full-text tables and indexes are written by hand, so autogenerate leaves them alone."""
    return not (name or "").startswith(_SEARCH) and not (name or "").startswith("ix_message_search")


def _render(kind: str, item: object, _context: object) -> str | Literal[False]:
    """Column types by the names of `hub.models.columns`."""
    if isinstance(item, UtcDateTime):
        return "UtcDateTime()"
    if kind == "type" and item is JSON_TYPE:
        return "JSON_TYPE"
    return "sa.String()" if isinstance(item, AutoString) else False


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        include_object=_ours,
        render_item=_render,
    )
    with context.begin_transaction():
        context.run_migrations()


async def _online() -> None:
    engine = create_async_engine(context.config.get_main_option("sqlalchemy.url") or "")
    async with engine.connect() as connection:
        await connection.run_sync(_run)
        await connection.commit()
    await engine.dispose()


asyncio.run(_online())
