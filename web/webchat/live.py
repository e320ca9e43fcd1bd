"""The live socket of the web chat: /hooks/webchat/live, JSON frames both ways."""

import asyncio
import contextlib
import ipaddress
import json
import logging
import secrets
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from litestar import WebSocket, websocket
from litestar.exceptions import PermissionDeniedException, WebSocketDisconnect
from sqlmodel.ext.asyncio.session import AsyncSession

from channels.webchat import MOST_BYTES, UNSTORABLE, Pace, Visitor, Webchat
from channels.webchat import thread as thread_name
from hub.channel import Refused
from hub.core import Hub
from hub.core.receive import opening
from hub.models import Address
from hub.store import agents
from web.settings import Settings
from web.webchat.calls import Frame, line_of, newest_calls
from web.webchat.feed import Thread, newest
from web.webchat.rounds import Rounds
from web.webchat.visit import Visit, fault

HELLO_WITHIN_SECONDS = 10
MOST_TABS = 20
MOST_SEEN = 10
MOST_KEY_CHARACTERS = 320
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_CLOSED = {400: 4400, 401: 4401, 403: 4403, 404: 4404, 408: 4408, 413: 1009, 415: 1003, 429: 4429}
"""HTTP status of a refusal > close code of the socket."""

log = logging.getLogger("hub.webchat")

Socket = WebSocket[Any, Any, Any]


class Visits:
    """Everybody who has the chat open on this process, and how much they and their networks may do."""

    def __init__(self, hub: Hub, settings: Settings) -> None:
        self.hub, self.settings = hub, settings
        channel = hub.context.channels["webchat"]
        assert isinstance(channel, Webchat)  # noqa: S101 - the roster
        self.channel = channel
        self.rounds = Rounds(hub.context.store, hub.context.clock.sleep)
        self.tabs: Counter[str] = Counter()
        self.connecting = Pace(burst=60, per_second=2)
        self.arriving = Pace(burst=30, per_second=0.5)
        self.talking = Pace(burst=120, per_second=10)
        self.frames = Pace(burst=60, per_second=10)

    def count(self, pace: Pace, network: str) -> None:
        """Count one for a network address; this machine's own, a proxy's or a test's, are not counted."""
        if not _is_loopback(network):
            pace.take(network)


def visits_of(state: Any) -> Visits:
    """The visits of this application."""
    if "webchat" not in state:
        state["webchat"] = Visits(state.hub, state.settings)
    found: Visits = state["webchat"]
    return found


@websocket("/hooks/webchat/live", opt={"public": True})
async def live(socket: Socket) -> None:
    """A visitor's tab. The first frame is `hello` with the widget's key and the visitor's token, if any."""
    visits = visits_of(socket.app.state)
    if not own_origin(socket.headers.get("origin", ""), visits.settings.hub_public_url, str(socket.base_url)):
        raise PermissionDeniedException("The web chat's socket is for the chat page of this server alone.")
    await socket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        try:
            await _visit(socket, visits, socket.client.host if socket.client else "")
        except Refused as refused:
            await _send(socket, fault(refused))
            await _close(socket, _CLOSED.get(refused.status, 4400), refused.reason[:100])
        except WebSocketDisconnect:
            raise
        except Exception:
            log.exception("a web chat socket failed")
            await _close(socket, 1013, "Try again in a moment.")


async def _visit(socket: Socket, visits: Visits, network: str) -> None:
    visits.count(visits.connecting, network)
    visitor, thread, welcome = await _welcome(visits, await _hello(socket), network)
    if visits.tabs[visitor.id] >= MOST_TABS:
        raise Refused(f"This chat is open in {MOST_TABS} tabs. Close one of them.", 429)
    visit = Visit(visits.hub, visits.channel, visitor, thread, lambda frame: _send(socket, frame))
    await _send(socket, welcome)
    visits.tabs[visitor.id] += 1
    visits.rounds.join(visit)
    showing = asyncio.create_task(_show(socket, visit, welcome["started"]))
    try:
        await _listen(socket, visit, visits, lambda: visits.count(visits.talking, network))
    finally:
        showing.cancel()
        visit.leave()
        visits.rounds.leave(visit)
        visits.tabs[visitor.id] -= 1
        if not visits.tabs[visitor.id]:
            del visits.tabs[visitor.id]


async def _show(socket: Socket, visit: Visit, anything_yet: bool) -> None:
    """Show the thread. When that fails, the socket is closed and the page comes again."""
    try:
        await visit.show(anything_yet)
    except WebSocketDisconnect:
        pass
    except Exception:
        log.exception("a web chat thread could not be shown")
        await _close(socket, 1013, "Try again in a moment.")


async def _listen(socket: Socket, visit: Visit, visits: Visits, network: Callable[[], None]) -> None:
    while (frame := await _frame(socket, visit.visitor.id, visits.frames)) is not None:
        if "type" in frame:
            await visit.take(frame, network)


async def _hello(socket: Socket) -> Frame:
    """The first frame. Raises `Refused`."""
    try:
        async with asyncio.timeout(HELLO_WITHIN_SECONDS):
            event = await socket.receive()
    except TimeoutError:
        raise Refused("No hello came.", 408) from None
    if event["type"] != "websocket.receive":
        raise WebSocketDisconnect(detail="gone before hello")
    frame = _parsed(event)
    if frame.get("type") != "hello":
        raise Refused("The first frame is of type hello.", 400)
    return frame


async def _frame(socket: Socket, visitor_id: str, pace: Pace) -> Frame | None:
    """The next frame, empty when it was none and that has been said; None when the visitor has gone."""
    event = await socket.receive()
    if event["type"] != "websocket.receive":
        return None
    pace.take(visitor_id)
    try:
        return _parsed(event)
    except Refused as refused:
        if refused.status != 400:
            raise
        await _send(socket, fault(refused))
        return {}


def _parsed(event: Any) -> Frame:
    text = event.get("text")
    if text is None:
        raise Refused("Frames are JSON texts, not binary.", 415)
    if len(text) > MOST_BYTES or len(text.encode()) > MOST_BYTES:
        raise Refused(f"A frame may have {MOST_BYTES:,} bytes.", 413)
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        raise Refused("The frame is not JSON.", 400) from None
    if not isinstance(frame, dict):
        raise Refused("A frame is a JSON object with a `type`.", 400)
    return {"type": "", **frame}


async def _welcome(visits: Visits, hello: Frame, network: str) -> tuple[Visitor, Thread, Frame]:
    """Who this is, what they are shown, and the frame that tells them. Raises `Refused`."""
    key, token = hello.get("widget"), hello.get("token")
    async with visits.hub.context.store.read() as db:
        address = await called(db, key) if isinstance(key, str) else None
        if address is None:
            raise Refused("There is no such chat. Check the widget's key.", 404)
        agent = await agents.agent(db, address.workspace_id, address.agent_id) if address.agent_id else None
        if not token:
            visits.count(visits.arriving, network)
        visitor = _known(visits, token, address) if token else Visitor(address.value, secrets.token_hex(16))
        thread = Thread(address.workspace_id, thread_name(visitor), visitor.id, seen=_seen(hello.get("seen")))
        takes_calls = agent is not None and await line_of(db, address) is not None
        started = bool(token) and (
            bool(await newest(db, thread.workspace_id, thread.name, limit=1))
            or bool(await newest_calls(db, thread.workspace_id, visitor.id))
        )
    definition = agent.definition if agent else {}
    welcome = {
        "type": "welcome",
        "token": visits.channel.token(visitor),
        "name": definition.get("name", ""),
        "greeting": opening(definition),
        "started": started,
        "calls": takes_calls,
        "limit": visits.channel.limits.length,
    }
    return visitor, thread, welcome


def _known(visits: Visits, token: Any, address: Address) -> Visitor:
    visitor = visits.channel.visitor(token)
    if visitor.widget != address.value:
        raise Refused("This visitor token belongs to another chat. Begin without one to get a new one.", 401)
    return visitor


async def called(db: AsyncSession, key: str) -> Address | None:
    """The web chat with this key."""
    if not 0 < len(key) <= MOST_KEY_CHARACTERS or UNSTORABLE.search(key):
        return None
    found = await agents.address_called(db, "webchat", key)
    return found[0] if found else None


def _seen(given: Any) -> dict[UUID, int]:
    """How far the page has shown each interaction already, as far as it makes sense."""
    seen: dict[UUID, int] = {}
    for key, seq in list(given.items())[-MOST_SEEN:] if isinstance(given, dict) else ():
        with contextlib.suppress(ValueError):
            if isinstance(seq, int) and 0 < seq < 2**31:
                seen[UUID(key)] = seq
    return seen


async def _send(socket: Socket, frame: Frame) -> None:
    text = json.dumps(frame)
    try:
        await socket.send_text(text)
    except Exception as error:  # each server has its own way to say that nobody is there any more
        raise WebSocketDisconnect(detail="gone") from error


async def _close(socket: Socket, code: int, words: str) -> None:
    with contextlib.suppress(Exception):  # it is closed already
        await socket.close(code, words)


def own_origin(origin: str, public_url: str, asked: str) -> bool:
    """Whether a page of this server asks; the names of this machine itself count as one."""
    return bool(origin) and _origin(origin) == _origin(public_url or asked)


def _origin(url: str) -> tuple[str, str, int]:
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return ("", url, 0)
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    port = port or (443 if scheme == "https" else 80)
    return (scheme, "localhost" if host in _LOOPBACK else host, port)


def _is_loopback(network: str) -> bool:
    try:
        return ipaddress.ip_address(network).is_loopback
    except ValueError:
        return False
