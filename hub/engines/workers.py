"""Worker processes of the embedded speech engines, seen from the event loop.

A worker is started when it is first needed, shared by all calls of its loop, replaced when it dies or stalls, and
ended with its loop (it also ends when its stdin closes, so none outlives the server). Nothing here waits for a pipe.
"""

import asyncio
import contextlib
import logging
import sys
from asyncio import AbstractEventLoop, SubprocessTransport
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from hub.engine import EngineFailed
from hub.engines.worker_frames import FAULT, READY, Frames, frame

log = logging.getLogger("hub.engines")
START_SECONDS = 20.0
MOST_UNSENT = 8 * 1024 * 1024
MOST_UNREAD = 4_096


class Channel:
    """One request or call of a worker: what comes back for it, in order."""

    def __init__(self, worker: "Worker", about: int) -> None:
        self._worker, self._about = worker, about
        self._came: deque[tuple[int, bytes]] = deque()
        self._news = asyncio.Event()

    def send(self, kind: int, body: bytes = b"") -> None:
        """Never waits. Does nothing when the worker is gone; `get` tells."""
        self._worker.send(frame(kind, self._about, body))

    def came(self, kind: int, body: bytes) -> None:
        if len(self._came) >= MOST_UNREAD:
            self._worker.fail("It says more than anybody reads.")
            return
        self._came.append((kind, body))
        self._news.set()

    def wake(self) -> None:
        self._news.set()

    async def get(self, seconds: float | None = None) -> tuple[int, bytes]:
        """The next frame. Raises `EngineFailed`: the worker is gone, reports a fault, or lets us wait for so long.

        A worker that lets us wait is ended; the next call starts another.
        """
        while not self._came:
            if self._worker.failure:
                raise EngineFailed(self._worker.failure)
            self._news.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._news.wait()
            except TimeoutError:
                self._worker.fail(f"{self._worker.name} did not answer for {seconds:g} s and was ended.")
        kind, body = self._came.popleft()
        if kind == FAULT:
            raise EngineFailed(body.decode("utf-8", "replace"))
        return kind, body


class Worker(asyncio.SubprocessProtocol):
    """One running worker process. `failure` says why it can no longer be used, empty while it can."""

    def __init__(self, name: str) -> None:
        self.name, self.failure = name, ""
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.channels: dict[int, Channel] = {}
        self._frames, self._last = Frames(), 0
        self._gone = asyncio.Event()
        self._transport: SubprocessTransport | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        return self._transport.get_pid() if self._transport else 0

    async def start(self, module: str) -> None:
        """Start the process and wait until it is ready. Raises `EngineFailed`."""
        loop = asyncio.get_running_loop()
        try:
            self._transport, _ = await loop.subprocess_exec(lambda: self, sys.executable, "-m", module, stderr=None)
            self._keeper = loop.create_task(self._keep(), name=f"worker {module}")
            async with asyncio.timeout(START_SECONDS):
                await asyncio.shield(self.ready)
        except TimeoutError:
            self.fail(f"{self.name} did not start within {START_SECONDS:g} s.")
        except OSError as error:
            self.failure = f"{self.name} could not be started: {error}"
        if self.failure:
            raise EngineFailed(self.failure)

    async def _keep(self) -> None:
        """Ends the process with the loop: the loop cancels its tasks when it is closed."""
        try:
            await self._gone.wait()
        finally:
            self.fail(f"{self.name} was ended.")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2):
                    await self._gone.wait()

    @contextmanager
    def channel(self) -> Iterator[Channel]:
        """A channel with an id of its own, forgotten at the end."""
        self._last = self._last % 0xFFFF_FFFF + 1
        about, channel = self._last, Channel(self, self._last)
        self.channels[about] = channel
        try:
            yield channel
        finally:
            self.channels.pop(about, None)

    def send(self, data: bytes) -> None:
        """Never waits; a worker that leaves too much unread is ended."""
        # The pipes of other loops (uvloop) are no asyncio.WriteTransport by class.
        pipe: Any = self._transport.get_pipe_transport(0) if self._transport and not self.failure else None
        if pipe is None or pipe.is_closing():
            return
        if pipe.get_write_buffer_size() > MOST_UNSENT:
            self.fail(f"{self.name} does not keep up and was ended.")
        else:
            pipe.write(data)

    def fail(self, why: str) -> None:
        """End the process; whoever waits for it gets `EngineFailed`."""
        if not self.failure:
            self.failure = why
        if self._transport:
            self._transport.close()
        if not self.ready.done():
            self.ready.set_result(None)
        for channel in self.channels.values():
            channel.wake()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        try:
            for kind, about, body in self._frames.cut(data):
                self._came(kind, about, body)
        except ValueError as error:
            self.fail(f"{self.name} talks nonsense: {error}")

    def _came(self, kind: int, about: int, body: bytes) -> None:
        if about:
            if channel := self.channels.get(about):
                channel.came(kind, body)
        elif kind == READY and not self.ready.done():
            self.ready.set_result(None)
        elif kind == FAULT:
            self.fail(body.decode("utf-8", "replace"))

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self.fail(f"{self.name} stopped unexpectedly.")

    def process_exited(self) -> None:
        self.fail(f"{self.name} stopped unexpectedly.")

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone.set()
        if self.failure.endswith("unexpectedly."):
            log.warning("%s The next call starts it again.", self.failure)


class Pool:
    """At most `size` workers of a module for each event loop; calls are spread over them."""

    def __init__(self, module: str, name: str, size: int = 1) -> None:
        self._module, self._name, self._size = module, name, size
        self._running: WeakKeyDictionary[AbstractEventLoop, list[Worker]] = WeakKeyDictionary()
        self._starting: WeakKeyDictionary[AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    @property
    def workers(self) -> list[Worker]:
        """Those of this loop that can be used."""
        return [worker for worker in self._running.get(asyncio.get_running_loop(), ()) if not worker.failure]

    async def worker(self) -> Worker:
        """The one with the fewest channels; another is started while there may be more. Raises `EngineFailed`."""
        loop = asyncio.get_running_loop()
        async with self._starting.setdefault(loop, asyncio.Lock()):
            able = self.workers
            least = min(able, key=lambda worker: len(worker.channels), default=None)
            if least and (len(able) >= self._size or not least.channels):
                return least
            made = Worker(self._name)
            await made.start(self._module)
            self._running[loop] = [*able, made]
            return made
