"""SQLite for SQLAlchemy: a threaded engine for long reads, a direct one for what takes microseconds.

A hop to a thread and back costs more than a statement by key, and a busy loop pays it four times a
statement. The direct connection therefore runs on the event loop; it never waits for a lock there
(it tries again later) and never copies the write-ahead log back (`checkpoint` does, in a thread).
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from typing import Any

from sqlalchemy import event, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

BUSY_SECONDS = 10.0
_PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "cache_size=-32000")


def direct(url: str, begin: str, pool_size: int) -> AsyncEngine:
    """An engine whose statements run on the event loop: for short transactions and reads by key only."""
    path = make_url(url).database or ""

    async def connect(*_args: Any, **_kwargs: Any) -> _Connection:
        return _Connection(path)

    return _prepared(url, begin, pool_size, "busy_timeout=0", "wal_autocheckpoint=0", async_creator_fn=connect)


def threaded(url: str, pool_size: int) -> AsyncEngine:
    """An engine whose statements run in threads: for reading long."""
    return _prepared(url, "BEGIN", pool_size, f"busy_timeout={BUSY_SECONDS * 1000:.0f}", isolation_level=None)


def checkpoint(url: str) -> None:
    """Copy the write-ahead log into the database as far as nobody is in the way. Blocks: call it in a thread."""
    connection = sqlite3.connect(make_url(url).database or "", timeout=0)
    try:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    except sqlite3.OperationalError:
        pass
    finally:
        connection.close()


def _prepared(url: str, begin: str, pool_size: int, *pragmas: str, **connect_args: Any) -> AsyncEngine:
    engine = create_async_engine(url, pool_size=pool_size, max_overflow=0, pool_timeout=60, connect_args=connect_args)

    @event.listens_for(engine.sync_engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in (*pragmas, *_PRAGMAS):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine


class _Connection:
    """What SQLAlchemy's aiosqlite dialect expects of a connection, without the thread."""

    def __init__(self, path: str) -> None:
        self._conn = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        self._connection = self._conn

    isolation_level = None

    def cursor(self) -> "_Cursor":
        return _Cursor(self._conn.cursor())

    async def create_function(self, *args: Any, **kwargs: Any) -> None:
        self._conn.create_function(*args, **kwargs)

    async def commit(self) -> None:
        self._conn.commit()

    async def rollback(self) -> None:
        self._conn.rollback()

    async def close(self) -> None:
        self._conn.close()

    def stop(self) -> None:
        self._conn.close()


class _Cursor:
    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor

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
        """Run it; while another process holds the lock, let others go on and try again."""
        until = asyncio.get_running_loop().time() + BUSY_SECONDS
        pause = 0.001
        while True:
            try:
                self._cursor.execute(statement, parameters)
                return self
            except sqlite3.OperationalError as error:
                busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not busy or asyncio.get_running_loop().time() > until:
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.02)

    async def executemany(self, statement: str, parameters: Sequence[Sequence[Any]]) -> "_Cursor":
        self._cursor.executemany(statement, parameters)
        return self

    async def fetchall(self) -> list[Any]:
        return self._cursor.fetchall()

    async def fetchone(self) -> Any:
        return self._cursor.fetchone()

    async def close(self) -> None:
        self._cursor.close()
