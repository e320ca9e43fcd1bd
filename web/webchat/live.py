"""The live socket of the web chat: /hooks/webchat/live, JSON frames both ways."""

import asyncio
import json
import logging
from typing import Any
from urllib.parse import urlsplit

from litestar import websocket
from litestar.exceptions import PermissionDeniedException

from hub.channel import Refused
from web.parking import park
from web.webchat.arrival import welcome
from web.webchat.frames import CLOSED, Frame, fault, parsed
from web.webchat.visit import Visit
from web.webchat.visits import MOST_TABS, Visits, visits_of
from web.websocket import DoorSocket, Handshake

HELLO_WITHIN_SECONDS = 10
_LOOPBACK = ("localhost", "127.0.0.1", "::1")

log = logging.getLogger("hub.webchat")


@websocket("/hooks/webchat/live", opt={"public": True}, websocket_class=Handshake)
async def live(socket: Handshake) -> None:
    """A visitor's tab. The first frame is `hello` with the widget's key and the visitor's token, if any."""
    visits = visits_of(socket.app.state)
    if not own_origin(socket.headers.get("origin", ""), visits.settings.hub_public_url, str(socket.base_url)):
        raise PermissionDeniedException("The web chat's socket is for the chat page of this server alone.")
    door = DoorSocket(*socket.server)
    await door.accept()
    try:
        visit = await _visit(door, visits, socket.client.host if socket.client else "")
    except Refused as refused:
        await door.send(json.dumps(fault(refused)))
        if refused.status == 429:
            await visits.hold_up()
        await door.close(CLOSED.get(refused.status, 4400), refused.reason[:100])
    except Exception:
        log.exception("a web chat socket failed")
        await door.close(1013, "Try again in a moment.")
    else:
        if visit is not None:
            await park(socket.scope, door, visit)


async def _visit(door: DoorSocket, visits: Visits, network: str) -> Visit | None:
    """The visit, begun and welcomed; None when they have gone already. Raises `Refused`."""
    visits.count(visits.connecting, network)
    hello = await _hello(door)
    if hello is None:
        return None
    visitor, thread, frame = await welcome(visits, hello, network)
    if visits.tabs[visitor.id] >= MOST_TABS:
        raise Refused(f"This chat is open in {MOST_TABS} tabs. Close one of them.", 429)
    visit = Visit(visits, door, visitor, thread, network)
    await visit.send(frame)
    visit.begin(frame["started"])
    return visit


async def _hello(door: DoorSocket) -> Frame | None:
    try:
        async with asyncio.timeout(HELLO_WITHIN_SECONDS):
            data = await door.receive()
    except TimeoutError:
        raise Refused("No hello came.", 408) from None
    return None if data is None else parsed(data)


def own_origin(origin: str, public_url: str, asked: str) -> bool:
    """Whether a page of this server asks; the names of this machine itself count as one."""
    return bool(origin) and _origin(origin) == _origin(public_url or asked)


def _origin(url: str) -> tuple[Any, ...]:
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return ("", url, 0)
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    port = port or (443 if scheme == "https" else 80)
    return (scheme, "localhost" if host in _LOOPBACK else host, port)
