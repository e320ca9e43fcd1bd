"""Every query the hub makes, one file per noun; here are the connections and transactions."""

import asyncio
import contextlib
import hmac
from collections.abc import AsyncIterator
from hashlib import blake2b
from typing import Any
from uuid import UUID

from sqlalchemy import func, make_url
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session
from sqlmodel import SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.at_once import at_once
from hub.feed import Bus
from hub.models.columns import table_of
from hub.store import replays, sqlite
from hub.store.turnstile import Turnstile

CHECKPOINT_EVERY = 500
WRITERS = GLANCERS = 8


class Store:
    """The database. SQLite (WAL, one writing connection) or PostgreSQL, by `url`.

    `secret` is the key of `digest`: what must be recognised again, but not be read out of the database.
    """

    def __init__(self, url: str, bus: Bus, secret: str = "") -> None:
        self.url = normal_url(url)
        self.bus = bus
        self._commits = 0
        self._tidying: asyncio.Future[None] | None = None
        self.is_sqlite = self.url.startswith("sqlite")
        if self.is_sqlite:
            self._writer = sqlite.direct(self.url, "BEGIN IMMEDIATE", pool_size=1)
            self._glancer = sqlite.direct(self.url, "BEGIN", pool_size=GLANCERS)
            self._reader = sqlite.threaded(self.url, pool_size=4)
        else:
            self._writer = create_async_engine(self.url, pool_size=10, max_overflow=10)
            self._reader = self._glancer = self._writer
        self._writing = Turnstile(1 if self.is_sqlite else WRITERS)
        self._glancing = Turnstile(GLANCERS)
        info = {"secret": secret.encode()}
        self._write = async_sessionmaker(self._writer, class_=AsyncSession, expire_on_commit=False, info=info)
        self._glance = async_sessionmaker(self._glancer, class_=AsyncSession, expire_on_commit=False, info=info)
        self._read = async_sessionmaker(self._reader, class_=AsyncSession, expire_on_commit=False, info=info)

    @contextlib.asynccontextmanager
    async def write(self, *, urgent: bool = False) -> AsyncIterator[AsyncSession]:
        """One transaction: committed on leaving, rolled back on error; hints go out after the commit.

        `urgent` is for what somebody waits for, such as a provider for its answer.
        The first one of a request under an idempotency key is marked as its effect.
        """
        claim = replays.current.get()
        async with self._writing.turn(urgent=urgent), _closed(self._write()) as db:
            async with db.begin():
                yield db
                await _write_rows(db)
                if claim is not None and not claim.marked:
                    await replays.mark(db, claim)
            if claim is not None:
                claim.marked = True
            self.bus.publish(db.info.get("hints", ()))
        if self.is_sqlite:
            self._tidy()

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A consistent view, for reading only."""
        async with self._read() as db:
            yield db

    @contextlib.asynccontextmanager
    async def glance(self, *, urgent: bool = False) -> AsyncIterator[AsyncSession]:
        """For a few rows that a key or an index finds at once; `urgent` as in `write`. It waits for no writer."""
        async with self._glancing.turn(urgent=urgent), _closed(self._glance()) as db:
            yield db

    async def forget_words(self) -> None:
        """After something was erased: its words leave SQLite's full-text index as well."""
        if self.is_sqlite:
            await asyncio.to_thread(sqlite.forget_words, self.url)

    def _tidy(self) -> None:
        """Now and then copy SQLite's write-ahead log back, beside everything else."""
        self._commits += 1
        if self._commits % CHECKPOINT_EVERY == 0 and (self._tidying is None or self._tidying.done()):
            self._tidying = asyncio.ensure_future(asyncio.to_thread(sqlite.checkpoint, self.url))

    async def close(self) -> None:
        if self._tidying is not None:
            await self._tidying
        await self._glancer.dispose()
        await self._writer.dispose()
        await self._reader.dispose()


@contextlib.asynccontextmanager
async def _closed(db: AsyncSession) -> AsyncIterator[AsyncSession]:
    """As the session's own context, which has a task close it, three rounds of the event loop later."""
    try:
        yield db
    finally:
        if rest := at_once(db.close()):
            await asyncio.shield(asyncio.ensure_future(rest))


def write_at_commit(db: AsyncSession, table: type[SQLModel], **row: Any) -> None:
    """Insert this row when the transaction commits, after all others, without making an object of it."""
    db.info.setdefault("rows", {}).setdefault(table, []).append(row)


async def _write_rows(db: AsyncSession) -> None:
    rows: dict[type[SQLModel], list[dict[str, Any]]] = db.info.pop("rows", {})
    if rows:
        await db.run_sync(_insert, rows)


def _insert(session: Session, rows: dict[type[SQLModel], list[dict[str, Any]]]) -> None:
    session.flush()
    for table, values in rows.items():
        session.connection().execute(table_of(table).insert(), values)


def normal_url(url: str) -> str:
    """The URL with the async driver we use, whatever spelling came in."""
    parsed = make_url(url)
    driver = {
        "sqlite": "sqlite+aiosqlite",
        "postgresql": "postgresql+asyncpg",
        "postgres": "postgresql+asyncpg",
    }
    name = parsed.drivername.split("+")[0]
    if name not in driver:
        raise ValueError(f"HUB_DATABASE_URL is for {name!r}; give a sqlite:// or postgresql:// URL.")
    return parsed.set(drivername=driver[name]).render_as_string(hide_password=False)


def hint(db: AsyncSession, workspace_id: UUID, interaction_id: UUID, thread: str = "") -> None:
    """Tell readers, once this transaction is committed, that the interaction has changed.

    Who follows a person over all their interactions listens to the thread.
    """
    hints: set[tuple[str, str]] = db.info.setdefault("hints", set())
    hints.add((f"workspace:{workspace_id}", str(interaction_id)))
    hints.add((f"interaction:{interaction_id}", str(interaction_id)))
    if thread:
        hints.add((f"thread:{workspace_id}:{thread}", str(interaction_id)))


def digest(db: AsyncSession, *parts: object) -> str:
    """What stands in the database for something that must not be readable there."""
    key: bytes = db.info["secret"]
    return hmac.digest(key or b"-", "\0".join(map(str, parts)).encode(), "sha256").hex()


async def lock(db: AsyncSession, *key: object) -> None:
    """Hold a lock, across processes, until this transaction ends.

    On SQLite the writing transaction itself is the lock.
    """
    if db.get_bind().dialect.name == "postgresql":
        digest = blake2b("/".join(map(str, key)).encode(), digest_size=8).digest()
        number = int.from_bytes(digest, "big", signed=True)
        await db.exec(select(func.pg_advisory_xact_lock(number)))
