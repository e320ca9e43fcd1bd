"""The provider door for live sound: a WebSocket at /hooks/{channel}/... becomes a channel's line."""

import asyncio
import logging
from typing import Any

from litestar import WebSocket, websocket
from litestar.params import FromPath
from litestar.types import Receive, Scope, Send

from hub.channel import Channel, Inbound, Refused
from hub.core import Hub
from web.hooks import hook_of

CONNECTED_WITHIN_SECONDS = 10.0
"""How long a channel may take to get a socket under way; most set themselves a shorter time."""

log = logging.getLogger("hub.hooks")


class Handshake(WebSocket[Any, Any, Any]):
    """A connection that remembers the server's own two functions: `server` has no layer of the framework's."""

    __slots__ = ("server",)

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(scope, receive, send)
        self.server = (receive, send)


class DoorSocket:
    """The `Socket` of the contract, directly over ASGI: https://asgi.readthedocs.io/en/latest/specs/www.html#websocket"""

    __slots__ = ("_receive", "_send", "accepted", "gone")

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive: Any = receive
        self._send: Any = send
        self.accepted = self.gone = False

    async def accept(self) -> None:
        if not self.accepted:
            self.accepted = True
            await self._receive()
            await self._tell({"type": "websocket.accept", "subprotocol": None, "headers": []})

    async def receive(self) -> str | bytes | None:
        if self.gone:
            return None
        message = await self._receive()
        if message["type"] != "websocket.receive":
            self.gone = True
            return None
        given: str | bytes | None = message.get("text")
        return message.get("bytes") if given is None else given

    async def send(self, data: str | bytes) -> None:
        if not self.gone:
            kind = "text" if isinstance(data, str) else "bytes"
            await self._tell({"type": "websocket.send", kind: data})

    async def close(self, code: int = 1000) -> None:
        """Close it. Before it is accepted, this answers the handshake with 403."""
        if not self.gone:
            await self._tell({"type": "websocket.close", "code": code, "reason": ""})
            self.gone = True

    async def _tell(self, message: dict[str, Any]) -> None:
        try:
            await self._send(message)
        except Exception:  # each server has its own way to say that nobody is there any more
            self.gone = True


@websocket("/hooks/{channel:str}/{rest:path}", opt={"public": True}, websocket_class=Handshake)
async def media(socket: Handshake, channel: FromPath[str], rest: FromPath[str]) -> None:
    """A provider's live connection, held until what it carries is over."""
    hub: Hub = socket.app.state.hub
    door = DoorSocket(*socket.server)
    try:
        inbound = await _connected(hub.context.channels.get(channel), socket, door)
        live = (await hub.receive(inbound)).live
        if live is not None:
            await asyncio.wait([live])
    except Refused as refused:
        log.info("refused a connection for %s: %s", channel, refused.reason)
        await door.close(1008)
    except Exception:
        log.exception("a connection for %s failed", channel)
        await door.close(1011)
    finally:
        await door.close()


async def _connected(channel: Channel | None, socket: Handshake, door: DoorSocket) -> Inbound:
    if channel is None:
        raise Refused("There is no such channel.", 404)
    hook = hook_of(socket, "GET", b"", socket.app.state.settings.hub_public_url)
    try:
        async with asyncio.timeout(CONNECTED_WITHIN_SECONDS):
            return await channel.connect(hook, door)
    except TimeoutError:
        raise Refused("The connection did not get under way in time.", 408) from None
