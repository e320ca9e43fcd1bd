"""An operator's browser in a live call: /interactions/{id}/call, sound both ways and what happens as JSON.

Binary frames are 16-bit little-endian mono sound at `RATE` samples a second, about 40 ms each: to the browser all that
is heard on the call, from it the operator's microphone, which the customer hears after a take-over. Text frames to the
browser are objects with a `type`: `hello`, `caption`, `state`, `standing` (who has the call and what of it is held),
`event`. Whoever only looks on has the text frames alone, at /interactions/{id}/call/captions, and is in no call.
"""

import asyncio
import json
import logging
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Mapping
from typing import Any
from uuid import UUID

from litestar import WebSocket, websocket
from litestar.exceptions import PermissionDeniedException

from hub.channel import Pressed, Sound, Undeliverable
from hub.core.live import LiveCall
from hub.feed import TICK_SECONDS
from hub.store import access, interactions
from web import auth
from web.webchat.live import own_origin
from web.websocket import DoorSocket, Handshake

RATE = 16_000
MOST_FRAME_BYTES = 16_000
MOST_WAITING = 200
NOT_HERE, ENDED = 4404, 4410

log = logging.getLogger("hub.call_room")


class OperatorLine:
    """A `Line` to an operator's browser. Its sound is played as it comes; there is nothing to be cleared."""

    codec, rate = "pcm16", RATE

    def __init__(self, door: DoorSocket) -> None:
        self._door = door
        self.broken = False
        self._given = 0
        self._waiting: deque[str] = deque(maxlen=MOST_WAITING)
        self._news = asyncio.Event()

    async def audio(self) -> AsyncIterator[Sound | Pressed]:
        while (frame := await self._door.receive()) is not None:
            if isinstance(frame, bytes) and 0 < len(frame) <= MOST_FRAME_BYTES:
                yield Sound(frame[: len(frame) // 2 * 2])

    async def play(self, audio: bytes) -> None:
        self._given += len(audio)
        await self._door.send(audio)

    async def clear(self) -> None: ...

    def played(self) -> int:
        return self._given

    async def hangup(self) -> None:
        """The socket says why it closes, so it is closed by whoever knows that."""

    async def gone(self) -> None:
        """Until the browser is."""
        async for _ in self.audio():
            pass

    async def send_digits(self, digits: str) -> None:
        raise Undeliverable("An operator's browser has no keys to press.")

    async def transfer(self, to: str) -> None:
        raise Undeliverable("An operator's browser cannot be transferred.")

    def tell(self, note: Mapping[str, Any]) -> None:
        """Put it on the way; the oldest are left out for a browser that does not keep up."""
        self._waiting.append(json.dumps(note, default=str))
        self._news.set()

    async def send_notes(self) -> None:
        """Send what was told, for ever."""
        while True:
            while self._waiting:
                await self._door.send(self._waiting.popleft())
            self._news.clear()
            await self._news.wait()


@websocket("/interactions/{interaction_id:uuid}/call", opt={"roles": auth.SUPPORT}, websocket_class=Handshake)
async def call_room(socket: Handshake, interaction_id: UUID) -> None:
    """Be in the call. Closed with 4404 where this process does not hold it, 4410 when it has ended."""
    await _enter(socket, interaction_id, heard=True)


@websocket("/interactions/{interaction_id:uuid}/call/captions", opt={"roles": auth.EVERYONE}, websocket_class=Handshake)
async def call_captions(socket: Handshake, interaction_id: UUID) -> None:
    """Read along without a sound, and without being in the call. Closed as `call_room` is."""
    await _enter(socket, interaction_id, heard=False)


async def _enter(socket: Handshake, interaction_id: UUID, heard: bool) -> None:
    if not own_origin(socket.headers.get("origin", ""), socket.app.state.settings.hub_public_url, str(socket.base_url)):
        raise PermissionDeniedException("A call's socket is for the pages of this server alone.")
    door = DoorSocket(*socket.server)
    async with socket.app.state.store.glance() as db:
        interaction = await interactions.interaction(db, socket.user.workspace_id, interaction_id)
    live: LiveCall | None = socket.app.state.hub.context.calls.get(interaction_id)
    await door.accept()
    if interaction is None or live is None:
        await door.close(ENDED if interaction is not None and interaction.ended_at else NOT_HERE)
        return
    line = OperatorLine(door)
    being = live.people.join(socket.user.user, line) if heard else line.gone()
    await _be_in(socket, live, line, door, being)


async def _be_in(
    socket: WebSocket[Any, Any, Any], live: LiveCall, line: OperatorLine, door: DoorSocket,
    being: Coroutine[Any, Any, None],
) -> None:  # fmt: skip
    def told(type: str, data: Mapping[str, Any]) -> None:
        line.tell({"type": type, **data})

    line.tell({"type": "hello", "rate": RATE, "state": live.conversation.state(), **live.standing()})
    live.writer.watchers.add(told)
    notes = asyncio.create_task(line.send_notes())
    joined = asyncio.create_task(being)
    unwelcome = asyncio.create_task(_unwelcome(socket))
    try:
        await asyncio.wait([joined, unwelcome, live.over], return_when=asyncio.FIRST_COMPLETED)
    finally:
        live.writer.watchers.discard(told)
        notes.cancel()
        unwelcome.cancel()
        await door.close(ENDED if live.over.done() else 1000)
        if joined.done() and not joined.cancelled() and joined.exception() is not None:
            log.error("an operator's line failed", exc_info=joined.exception())
        joined.cancel()
        await asyncio.gather(joined, notes, unwelcome, return_exceptions=True)


async def _unwelcome(socket: WebSocket[Any, Any, Any]) -> None:
    """Until the user is removed or becomes another role."""
    principal = socket.user
    while True:
        await asyncio.sleep(TICK_SECONDS)
        async with socket.app.state.store.glance() as db:
            user = await access.user(db, principal.workspace_id, principal.user.id)
        if user is None or user.disabled_at is not None or user.role != principal.user.role:
            return


HANDLERS = [call_room, call_captions]
