"""One look for all open visits together, so that a lost hint costs some seconds and no message."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from hub.feed import TICK_SECONDS
from hub.store import Store
from web.webchat.feed import Thread, standing

MOST_THREADS_AT_ONCE = 500

log = logging.getLogger("hub.webchat")


class Visiting(Protocol):
    """A visit, as far as the rounds know it."""

    thread: Thread

    def look(self) -> None:
        """Read the thread again."""


class Rounds:
    """Goes round while anybody is there: a few hundred threads at a time, spread over the tick."""

    def __init__(self, store: Store, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._store, self._sleep = store, sleep
        self._visits: set[Visiting] = set()
        self._task: asyncio.Task[None] | None = None

    def join(self, visit: Visiting) -> None:
        self._visits.add(visit)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._go())

    def leave(self, visit: Visiting) -> None:
        self._visits.discard(visit)
        if not self._visits and self._task is not None:
            self._task.cancel()
            self._task = None

    def __len__(self) -> int:
        return len(self._visits)

    async def _go(self) -> None:
        while True:
            visits = list(self._visits)
            parts = [visits[at : at + MOST_THREADS_AT_ONCE] for at in range(0, len(visits), MOST_THREADS_AT_ONCE)]
            for part in parts:
                await self._sleep(TICK_SECONDS / len(parts))
                try:
                    await self._look_at(part)
                except Exception as error:
                    log.warning("cannot look for missed messages: %s; the next round follows", error)
            if not parts:
                await self._sleep(TICK_SECONDS)

    async def _look_at(self, visits: list[Visiting]) -> None:
        async with self._store.read() as db:
            now = await standing(db, [(visit.thread.workspace_id, visit.thread.name) for visit in visits])
        for visit in visits:
            thread = visit.thread
            known = thread.last_seq if thread.open_id else None
            if now.get(thread.name) != known:
                visit.look()
