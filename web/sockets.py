"""The provider door for live sound: a WebSocket at /hooks/{channel}/... becomes a channel's line."""

import asyncio
import logging

from litestar import websocket
from litestar.params import FromPath

from hub.channel import Channel, Inbound, Refused
from hub.core import Hub
from web.provider import hook_of
from web.websocket import DoorSocket, Handshake

CONNECTED_WITHIN_SECONDS = 10.0
"""How long a channel may take to get a socket under way; most set themselves a shorter time."""

log = logging.getLogger("hub.hooks")


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
