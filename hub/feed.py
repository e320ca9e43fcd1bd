"""Live events: the bus carries ids, readers re-read the table.

A hint may be lost, never data: every reader looks again after `TICK_SECONDS`.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterable
from typing import Any, Protocol

TICK_SECONDS = 15.0
_MOST_IDS = 1000

log = logging.getLogger(__name__)


class Subscription:
    """Hints about some topics, gathered until they are asked for; bounded."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._flag = asyncio.Event()

    def hint(self, identifier: str) -> None:
        if len(self._ids) < _MOST_IDS:
            self._ids.add(identifier)
        self._flag.set()

    async def wait(self, timeout_seconds: float = TICK_SECONDS) -> frozenset[str]:
        """The ids hinted at since the last call; empty when the time ran out: look again anyway."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):  # wait_for of Python 3.11 loses a cancellation now and then
                await self._flag.wait()
        self._flag.clear()
        ids, self._ids = frozenset(self._ids), set()
        return ids


class Listener(Protocol):
    """Who is told of hints, at once and beside everything else; it must not wait and not raise."""

    def hint(self, identifier: str) -> None: ...


class Bus:
    """Hints within one process."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[Listener]] = {}

    def listen(self, topic: str, listener: Listener) -> None:
        """Tell the listener of hints about this topic, until it leaves."""
        self._listeners.setdefault(topic, set()).add(listener)

    def leave(self, topic: str, listener: Listener) -> None:
        """Tell it no more. Leaving twice is no error."""
        left = self._listeners.get(topic, set())
        left.discard(listener)
        if not left:
            self._listeners.pop(topic, None)

    @contextlib.asynccontextmanager
    async def subscribe(self, *topics: str) -> AsyncIterator[Subscription]:
        """Subscribe first, then read the table: so nothing falls between."""
        subscription = Subscription()
        for topic in topics:
            self.listen(topic, subscription)
        try:
            yield subscription
        finally:
            for topic in topics:
                self.leave(topic, subscription)

    def publish(self, hints: Iterable[tuple[str, str]]) -> None:
        """Tell of (topic, id) pairs. Never waits, never raises."""
        for topic, identifier in hints:
            for listener in tuple(self._listeners.get(topic, ())):
                listener.hint(identifier)

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class RedisBus(Bus):
    """Hints between nodes, over Redis publish/subscribe with reconnection."""

    _CHANNEL = "hub:feed"
    _MOST_WAITING = 10_000

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self._waiting: asyncio.Queue[str] = asyncio.Queue(self._MOST_WAITING)
        self._tasks: list[asyncio.Task[None]] = []
        self._client: Any = None

    def publish(self, hints: Iterable[tuple[str, str]]) -> None:
        pairs = list(hints)
        super().publish(pairs)
        for topic, identifier in pairs:
            with contextlib.suppress(asyncio.QueueFull):
                self._waiting.put_nowait(f"{topic} {identifier}")

    async def start(self) -> None:
        from redis.asyncio import Redis

        self._client = Redis.from_url(self._url, decode_responses=True, health_check_interval=15)
        self._tasks = [asyncio.create_task(self._forever(step)) for step in (self._send, self._listen)]

    async def stop(self) -> None:
        waiting = set(self._tasks)
        while waiting:  # a client that is connecting again may swallow one cancellation
            for task in waiting:
                task.cancel()
            _, waiting = await asyncio.wait(waiting, timeout=0.5)
        if self._client is not None:
            await self._client.aclose()

    async def _forever(self, step: Any) -> None:
        while True:
            try:
                await step()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                log.warning("bus: %s; connecting again", error)
                await asyncio.sleep(1)

    async def _send(self) -> None:
        while True:
            await self._client.publish(self._CHANNEL, await self._waiting.get())

    async def _listen(self) -> None:
        async with self._client.pubsub() as pubsub:
            await pubsub.subscribe(self._CHANNEL)
            async for item in pubsub.listen():
                if item["type"] == "message":
                    topic, _, identifier = item["data"].partition(" ")
                    super().publish([(topic, identifier)])
