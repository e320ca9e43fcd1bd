"""Durable background work on DBOS: what may wait, and what a crash left behind. The hot path is no job.

DBOS keeps its schedules and workflows in a SQLite file beside the hub's, or in its own schema of the
hub's PostgreSQL. What is owed stands in the hub's own tables; a workflow only wakes somebody up.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import make_url

from hub.channel import Refused
from hub.core import files, live, recover
from hub.core.concluding import conclude
from hub.core.context import Context
from hub.core.deliver import deliver
from hub.core.hub import Hub
from hub.store import results, transit

log = logging.getLogger("hub.work")

EVERY = {"sweep": "*/5 * * * * *", "close_idle": "*/30 * * * * *", "poll": "0 * * * * *", "tidy": "0 17 * * * *"}
POLL_BACK = timedelta(minutes=10)
LONGEST_STEP_SECONDS = 300
BEAT_SECONDS = 3.0
_working: "Work | None" = None


class Work:
    """The background work of this process."""

    def __init__(self, context: Context, folder: Path) -> None:
        self._context = context
        self._folder = folder
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started = context.clock.now()
        self._later: Callable[[str, float], None] | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Carry out work until left. DBOS is imported and started after the server has."""
        global _working
        self._loop, _working = asyncio.get_running_loop(), self
        self._context.later = self.later
        starting, beating = asyncio.create_task(self._start()), asyncio.create_task(self._beat())
        warming = asyncio.create_task(live.warm_up_all(self._context))
        concluding = asyncio.create_task(self._conclude())
        try:
            yield
        finally:
            beating.cancel()
            warming.cancel()
            concluding.cancel()
            await asyncio.gather(starting, beating, warming, concluding, return_exceptions=True)
            _working = None
            await asyncio.to_thread(_stop)

    async def _beat(self) -> None:
        """Say that this process lives. Each says it for itself: of several, one alone carries out a sweep."""
        while True:
            try:
                await recover.beat(self._context)
            except Exception:
                log.exception("this process could not say that it lives; it tries again")
            await self._context.clock.sleep(BEAT_SECONDS)

    async def _conclude(self) -> None:
        """Make the outcome of what has just ended; what is missed here the sweep finds."""
        async with self._context.store.bus.subscribe(results.ENDED) as hints:
            while True:
                for interaction_id in await hints.wait():
                    self._context.spawn(conclude(self._context, UUID(interaction_id)))

    async def _start(self) -> None:
        try:
            await recover.sweep(self._context, self._started)
        except Exception:
            log.exception("the first sweep failed; the next one follows")
        self._later = await asyncio.to_thread(
            _launch, _system_database(self._context.store.url, self._folder), self._context.node.partition("#")[0]
        )

    def later(self, interaction_id: UUID, at: datetime) -> None:
        """Wake the delivery of this interaction at that time, also after a restart."""
        seconds = max((at - self._context.clock.now()).total_seconds(), 0.0)
        if self._later is not None:
            self._context.spawn(asyncio.to_thread(self._later, str(interaction_id), seconds))

    def run(self, step: Callable[["Work"], Coroutine[Any, Any, Any]]) -> None:
        """From a DBOS thread: run it on the server's loop and wait for it."""
        if self._loop is not None and not self._loop.is_closed():
            asyncio.run_coroutine_threadsafe(step(self), self._loop).result(LONGEST_STEP_SECONDS)

    async def sweep(self) -> None:
        await recover.sweep(self._context, self._started)

    async def close_idle(self) -> None:
        await recover.close_idle(self._context)

    async def tidy(self) -> None:
        await files.tidy(self._context)

    async def poll(self) -> None:
        """Take in what providers hold for us and no webhook told."""
        since = self._context.clock.now() - POLL_BACK
        for name, channel in self._context.channels.items():
            try:
                held = {inbound.external_id: inbound for inbound in await channel.missed(since)}
                async with self._context.store.read() as db:
                    known = await transit.received(db, name, list(held))
            except Exception as error:
                log.info("cannot poll %s: %s", name, error)
                continue
            for inbound in (one for external_id, one in held.items() if external_id not in known):
                try:
                    await Hub(self._context).receive(inbound)
                except Refused as refused:
                    log.info("passed over a polled message of %s: %s", name, refused.reason)
                except Exception:
                    log.exception("could not store a polled message of %s; the next poll tries again", name)


def _system_database(url: str, folder: Path) -> str:
    parsed = make_url(url)
    if parsed.drivername.startswith("sqlite"):
        return f"sqlite:///{(folder / 'work.db').absolute()}"
    return parsed.set(drivername="postgresql").render_as_string(hide_password=False)


def _launch(url: str, executor: str) -> Callable[[str, float], None]:
    """Start DBOS in this process; gives what wakes a delivery later."""
    from dbos import DBOS, DBOSConfig

    logging.getLogger("dbos").setLevel(logging.WARNING)
    config: DBOSConfig = {
        "name": "hub",
        "system_database_url": url,
        "executor_id": executor,
        "application_version": "1",
        "log_level": "WARNING",
    }
    DBOS(config=config)

    @DBOS.workflow(name="sweep")
    def sweep(at: datetime, _context: Any) -> None:
        _run(Work.sweep)

    @DBOS.workflow(name="close_idle")
    def close_idle(at: datetime, _context: Any) -> None:
        _run(Work.close_idle)

    @DBOS.workflow(name="poll")
    def poll(at: datetime, _context: Any) -> None:
        _run(Work.poll)

    @DBOS.workflow(name="tidy")
    def tidy(at: datetime, _context: Any) -> None:
        _run(Work.tidy)

    @DBOS.workflow(name="deliver_later")
    def deliver_later(interaction_id: str, seconds: float) -> None:
        DBOS.sleep(seconds)
        _run(lambda work: deliver(work._context, UUID(interaction_id)))

    DBOS.launch()
    works = {"sweep": sweep, "close_idle": close_idle, "poll": poll, "tidy": tidy}
    DBOS.apply_schedules(
        [{"schedule_name": name, "workflow_fn": works[name], "schedule": cron} for name, cron in EVERY.items()]
    )

    def later(interaction_id: str, seconds: float) -> None:
        DBOS.start_workflow(deliver_later, interaction_id, seconds)

    return later


def _run(step: Callable[[Work], Coroutine[Any, Any, Any]]) -> None:
    if _working is not None:
        _working.run(step)


def _stop() -> None:
    from dbos import DBOS

    DBOS.destroy()
