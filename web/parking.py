"""WebSockets that wait: parked, a connection costs neither a task nor what came with its request.

An ASGI application is a coroutine for as long as its connection lasts, with all its framework's frames, headers and
queues: some 25 kB for somebody who says nothing. Our server's protocol lets the application return instead.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from web.frames import Frames
from web.websocket import DoorSocket

EXTENSION = "hub.park"
PIECE_BYTES = 2_048
HEARS_WHY_SECONDS = 0.5


class Guest(Protocol):
    """Who waits behind a connection."""

    async def frame(self, data: str | bytes) -> bool:
        """Take one frame; the next follows when this is done. False: want no more. It raises nothing."""
        ...

    def knock(self) -> bool:
        """Count a ping. False: too many."""
        ...

    def gone(self) -> None:
        """The connection is over. It may be told more than once."""
        ...


async def park(scope: Any, door: DoorSocket, guest: Guest) -> None:
    """Hand what comes to the guest from now on. It returns at once where the server can park, else at the end."""
    keep: Callable[[DoorSocket, Guest], None] | None = (scope.get("extensions") or {}).get(EXTENSION)
    if keep is not None:
        keep(door, guest)
        return
    try:
        while (data := await door.receive()) is not None and await guest.frame(data):
            pass
    finally:
        guest.gone()


class ParkingProtocol(Frames):
    """The server's own, whose connections the application may leave open behind it."""

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            self.scope["extensions"][EXTENSION] = self.park  # type: ignore[assignment]

    def park(self, door: DoorSocket, guest: Guest) -> None:
        """From now on the guest is told; what waits to be read is handed on first."""
        door.lead_to(self.receive, self.send)  # without what the framework put around them
        waiting, self.queue = self.queue, _Stall(self, guest)  # type: ignore[assignment]
        self.close_timer = _STAYS  # type: ignore[assignment]
        while not waiting.empty():
            self.queue.put_nowait(waiting.get_nowait())

    def on_task_complete(self, task: Any) -> None:
        super().on_task_complete(task)
        if isinstance(self.queue, _Stall) and self.close_timer is _STAYS:  # type: ignore[comparison-overlap]
            self.close_timer = None
            self.request.headers.clear()  # the parser keeps the request itself
            del self.scope, self.request, self.response
            self.writable = _WRITABLE  # type: ignore[assignment]

    def pause_writing(self) -> None:
        if self.writable is _WRITABLE:  # type: ignore[comparison-overlap]
            self.writable = asyncio.Event()
        super().pause_writing()

    def data_received(self, data: bytes) -> None:
        """Of one who waits, only so much is read at once that reading it holds up nobody else."""
        if not isinstance(self.queue, _Stall):
            super().data_received(data)
        elif not self.close_sent:
            self.queue.unread += data
            if len(self.queue.unread) > PIECE_BYTES and not self.read_paused:
                self.read_paused = True
                self.transport.pause_reading()
            self.read_on()

    def read_on(self) -> None:
        """Read the next piece, unless the one before is not dealt with; then let more come."""
        stall = self.queue
        assert isinstance(stall, _Stall)  # noqa: S101 - only of one who is parked
        if stall.busy or self.close_sent:
            return
        if stall.unread:
            piece, stall.unread = stall.unread[:PIECE_BYTES], stall.unread[PIECE_BYTES:]
            super().data_received(piece)
        if stall.busy or self.close_sent:
            return
        if stall.unread:
            self.loop.call_soon(self.read_on)
        elif self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()

    def handle_ping(self) -> None:
        if isinstance(self.queue, _Stall) and not self.queue.knock():
            self.dismiss()
        else:
            super().handle_ping()

    def shutdown(self) -> None:
        """No application is left that would end it."""
        super().shutdown()
        if isinstance(self.queue, _Stall):
            self.transport.close()

    def dismiss(self) -> None:
        """Whatever they still send is not read; the connection ends once they had time to hear why."""
        self.close_sent = True
        self.transport.pause_reading()
        self.loop.call_later(HEARS_WHY_SECONDS, self.transport.close)


class _Stall:
    """Takes the place of a connection's queue and hands on, one after the other, what is put in."""

    __slots__ = ("_guest", "_protocol", "_waiting", "knock", "unread")

    def __init__(self, protocol: ParkingProtocol, guest: Guest) -> None:
        self._protocol, self._guest, self.knock = protocol, guest, guest.knock
        self._waiting: deque[str | bytes] | None = None
        self.unread = b""

    @property
    def busy(self) -> bool:
        return self._waiting is not None

    def put_nowait(self, event: Any) -> None:
        if event["type"] != "websocket.receive":
            self._guest.gone()
            return
        text = event.get("text")
        data = event["bytes"] if text is None else text
        if self._waiting is not None:
            self._waiting.append(data)
            return
        self._waiting = deque([data])
        task = self._protocol.loop.create_task(self._hand_on())
        self._protocol.tasks.add(task)
        task.add_done_callback(self._protocol.tasks.discard)

    def qsize(self) -> int:
        return len(self._waiting or ())

    async def _hand_on(self) -> None:
        waiting = self._waiting
        while waiting:
            if not await self._guest.frame(waiting.popleft()):
                self.unread = b""
                self._protocol.dismiss()
                return
        self._waiting = None
        self._protocol.read_on()


class _Stays:
    """A timer that never rings: uvicorn closes a connection whose application has returned, unless one is set."""

    def cancel(self) -> None:
        """There is nothing to cancel."""


class _Writable:
    """An event that is set, shared by all connections that nothing holds up."""

    async def wait(self) -> bool:
        return True

    def set(self) -> None:
        """It is."""


_STAYS, _WRITABLE = _Stays(), _Writable()
