"""Every query the hub makes, one file per noun; here are the connections and transactions."""

import contextlib
from collections.abc import AsyncIterator
from hashlib import blake2b
from typing import Any
from uuid import UUID

from sqlalchemy import event, func, make_url, select
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.feed import Bus


class Store:
    """The database. SQLite (WAL, one writing connection) or PostgreSQL, by `url`."""

    def __init__(self, url: str, bus: Bus) -> None:
        self.url = normal_url(url)
        self.bus = bus
        self.is_sqlite = self.url.startswith("sqlite")
        if self.is_sqlite:
            self._writer = _sqlite(self.url, "BEGIN IMMEDIATE", pool_size=1)
            self._reader = _sqlite(self.url, "BEGIN", pool_size=4)
        else:
            self._writer = self._reader = create_async_engine(self.url, pool_size=10, max_overflow=10)
        self._write = async_sessionmaker(self._writer, class_=AsyncSession, expire_on_commit=False)
        self._read = async_sessionmaker(self._reader, class_=AsyncSession, expire_on_commit=False)

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """One transaction: committed on leaving, rolled back on error; hints go out after the commit."""
        async with self._write() as db:
            async with db.begin():
                yield db
            self.bus.publish(db.info.get("hints", ()))

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A consistent view, for reading only."""
        async with self._read() as db:
            yield db

    async def close(self) -> None:
        await self._writer.dispose()
        await self._reader.dispose()


def normal_url(url: str) -> str:
    """The URL with the async driver we use, whatever spelling came in."""
    parsed = make_url(url)
    driver = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
    name = parsed.drivername.split("+")[0]
    if name not in driver:
        raise ValueError(f"HUB_DATABASE_URL is for {name!r}; give a sqlite:// or postgresql:// URL.")
    return parsed.set(drivername=driver[name]).render_as_string(hide_password=False)


def hint(db: AsyncSession, workspace_id: UUID, interaction_id: UUID) -> None:
    """Tell readers, once this transaction is committed, that the interaction has changed."""
    hints: set[tuple[str, str]] = db.info.setdefault("hints", set())
    hints.add((f"workspace:{workspace_id}", str(interaction_id)))
    hints.add((f"interaction:{interaction_id}", str(interaction_id)))


async def lock(db: AsyncSession, *key: object) -> None:
    """Hold a lock, across processes, until this transaction ends.

    On SQLite the writing transaction itself is the lock.
    """
    if db.get_bind().dialect.name == "postgresql":
        digest = blake2b("/".join(map(str, key)).encode(), digest_size=8).digest()
        number = int.from_bytes(digest, "big", signed=True)
        await db.exec(select(func.pg_advisory_xact_lock(number)))


def _sqlite(url: str, begin: str, pool_size: int) -> AsyncEngine:
    engine = create_async_engine(
        url, pool_size=pool_size, max_overflow=0, pool_timeout=60, connect_args={"timeout": 10}
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=10000", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine
