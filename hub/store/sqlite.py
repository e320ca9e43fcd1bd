"""SQLite for SQLAlchemy: a threaded engine for long reads, a direct one for what takes microseconds.

A hop to a thread and back costs more than a statement by key, and a busy loop pays it four times a
statement. The direct connection therefore runs on the event loop; it never waits for a lock there
(it tries again later) and never copies the write-ahead log back (`checkpoint` does, in a thread).
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import URL, AsyncAdaptedQueuePool, Connection, Pool, event, make_url
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import await_only

T = TypeVar("T")
BUSY_SECONDS = 10.0
BUSY_PAUSE_SECONDS = 0.003
_PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "cache_size=-32000")


class Direct(SQLiteDialect_pysqlite):
    """The standard library's sqlite3 behind an async engine: nothing is awaited, nothing hops to a thread."""

    driver = "direct"
    is_async = True
    supports_statement_cache = True

    @classmethod
    def get_pool_class(cls, url: URL) -> type[Pool]:
        return AsyncAdaptedQueuePool


registry.register("sqlite.direct", __name__, "Direct")


def direct(url: str, begin: str, pool_size: int) -> AsyncEngine:
    """An engine whose statements run on the event loop: for short transactions and reads by key only."""
    engine = create_async_engine(
        make_url(url).set(drivername="sqlite+direct"), pool_size=pool_size, max_overflow=0, pool_timeout=60,
        connect_args={"timeout": 0, "isolation_level": None, "check_same_thread": False},
    )  # fmt: skip
    _prepare(engine, begin, "wal_autocheckpoint=0")
    return engine


def threaded(url: str, pool_size: int) -> AsyncEngine:
    """An engine whose statements run in threads, one a connection: for reading long."""
    path = make_url(url).database or ""

    async def connect(*_args: Any, **_kwargs: Any) -> _Connection:
        made = _Connection()
        await made.open(path)
        return made

    engine = create_async_engine(
        url, pool_size=pool_size, max_overflow=0, pool_timeout=60, connect_args={"async_creator_fn": connect}
    )
    _prepare(engine, "BEGIN")
    return engine


def checkpoint(url: str) -> None:
    """Copy the write-ahead log into the database as far as nobody is in the way. Blocks: call it in a thread."""
    connection = sqlite3.connect(make_url(url).database or "", timeout=0)
    try:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    except sqlite3.OperationalError:
        pass
    finally:
        connection.close()


def forget_words(url: str) -> None:
    """Take what was deleted out of the full-text index, which keeps words until it is merged. Blocks: in a thread."""
    connection = sqlite3.connect(make_url(url).database or "", timeout=BUSY_SECONDS)
    try:
        with connection:
            connection.execute("PRAGMA secure_delete=ON")
            connection.execute("INSERT INTO message_search(message_search) VALUES ('optimize')")
    finally:
        connection.close()


def _prepare(engine: AsyncEngine, begin: str, *pragmas: str) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in (*_PRAGMAS, *pragmas):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        """Begin; while another process holds the lock, let others go on and try again."""
        until = time.monotonic() + BUSY_SECONDS
        cursor = connection.connection.cursor()
        while True:
            try:
                cursor.execute(begin)
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
            await_only(asyncio.sleep(BUSY_PAUSE_SECONDS))


class _InThread:
    """Runs a connection's calls one after the other in a thread of its own; one that is begun is finished."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reader")

    async def __call__(self, call: Callable[[], T]) -> T:
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, call))

    def stop(self) -> None:
        self._thread.shutdown(wait=False)


class _Connection:
    """What SQLAlchemy's aiosqlite dialect expects of a connection; all its calls are made in its thread."""

    isolation_level = None

    def __init__(self) -> None:
        self._run = _InThread()

    async def open(self, path: str) -> None:
        self._conn = self._connection = await self._run(
            lambda: sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        )

    def cursor(self) -> "_Cursor":
        return _Cursor(self._conn.cursor(), self._run)

    async def create_function(self, *args: Any, **kwargs: Any) -> None:
        self._conn.create_function(*args, **kwargs)

    async def commit(self) -> None:
        await self._run(self._conn.commit)

    async def rollback(self) -> None:
        await self._run(self._conn.rollback)

    async def close(self) -> None:
        await self._run(self._conn.close)
        self.stop()

    def stop(self) -> None:
        self._run.stop()


class _Cursor:
    def __init__(self, cursor: sqlite3.Cursor, run: _InThread) -> None:
        self._cursor = cursor
        self._run = run
        self._rows: list[Any] = []

    async def __aenter__(self) -> "_Cursor":
        return self

    @property
    def description(self) -> Any:
        return self._cursor.description

    @property
    def rowcount(self) -> int:
        return self._cursor.rowcount

    @property
    def lastrowid(self) -> int | None:
        return self._cursor.lastrowid

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> "_Cursor":
        """Run it and fetch all, in one visit to the thread."""
        self._rows = await self._run(lambda: self._cursor.execute(statement, parameters).fetchall())
        return self

    async def executemany(self, statement: str, parameters: Sequence[Sequence[Any]]) -> "_Cursor":
        await self._run(lambda: self._cursor.executemany(statement, parameters))
        return self

    async def fetchall(self) -> list[Any]:
        return self._rows

    async def close(self) -> None:
        self._rows = []
