"""Inserting what may be there already, on both databases."""

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession


def insert(db: AsyncSession, table: type[SQLModel]) -> postgresql.Insert | sqlite.Insert:
    """The database's own statement, which can be told what to do on conflict."""
    return postgresql.insert(table) if db.get_bind().dialect.name == "postgresql" else sqlite.insert(table)
