"""Background work: what may wait, and what a crash left behind. The hot path is no job.

What is owed stands in the hub's own tables, with the time when it is due. So nothing that happens here has to be
remembered: what a process has not come to when it dies, the next pass finds, in whatever process.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID

from hub.channel import Refused
from hub.core import files, live, recover
from hub.core.concluding import conclude
from hub.core.context import Context
from hub.core.deliver import deliver
from hub.core.hub import Hub
from hub.store import results, transit

log = logging.getLogger("hub.work")

SWEEP_SECONDS = 5.0
CLOSE_IDLE_SECONDS = 30.0
POLL_SECONDS = 60.0
TIDY_SECONDS = 3600.0
BEAT_SECONDS = 3.0
POLL_BACK = timedelta(minutes=10)
LONGEST_PASS_SECONDS = 300.0


class Work:
    """The background work of this process."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._started = context.clock.now()
        self._waking: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Carry out work until left. A pass under way is among the context's tasks, and goes on to its end."""
        self._context.later = self.later
        tasks = [
            asyncio.create_task(work)
            for work in (
                self._beat(), self._first_sweep(), self._conclude(), live.warm_up_all(self._context),
                self._every(SWEEP_SECONDS, self.sweep), self._every(CLOSE_IDLE_SECONDS, self.close_idle),
                self._every(POLL_SECONDS, self.poll), self._every(TIDY_SECONDS, self.tidy),
            )
        ]  # fmt: skip
        try:
            yield
        finally:
            tasks += self._waking
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _beat(self) -> None:
        """Say that this process lives."""
        while True:
            try:
                await recover.beat(self._context)
            except Exception:
                log.exception("this process could not say that it lives; it tries again")
            await self._context.clock.sleep(BEAT_SECONDS)

    async def _first_sweep(self) -> None:
        """Whoever else there is: an earlier life of this process may have left something."""
        await asyncio.wait([self._context.spawn(self.sweep())])

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await self._context.clock.sleep(seconds)
            await asyncio.wait([self._context.spawn(self._pass(work))])

    async def _pass(self, work: Callable[[], Awaitable[None]]) -> None:
        """Of several processes, one does it."""
        async with asyncio.timeout(LONGEST_PASS_SECONDS):
            if await recover.leads(self._context):
                await work()

    async def _conclude(self) -> None:
        """Make the outcome of what has just ended; what is missed here the sweep finds."""
        async with self._context.store.bus.subscribe(results.ENDED) as hints:
            while True:
                for interaction_id in await hints.wait():
                    self._context.spawn(conclude(self._context, UUID(interaction_id)))

    def later(self, interaction_id: UUID, at: datetime) -> None:
        """Wake the delivery of this interaction at that time. After a restart the sweep does."""
        task = asyncio.create_task(self._wake(interaction_id, at))
        self._waking.add(task)
        task.add_done_callback(self._waking.discard)

    async def _wake(self, interaction_id: UUID, at: datetime) -> None:
        await self._context.clock.sleep(max((at - self._context.clock.now()).total_seconds(), 0.0))
        self._context.spawn(deliver(self._context, interaction_id))

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
