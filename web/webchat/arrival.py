"""A visitor who says hello: who they are, and what they are welcomed with."""

import contextlib
import secrets
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from channels.webchat import UNSTORABLE, Visitor
from channels.webchat import thread as thread_name
from hub.channel import Refused
from hub.core import chatting
from hub.core.receive import opening
from hub.models import Address
from hub.store import agents, teams
from web.webchat.calls import line_of, newest_calls
from web.webchat.feed import Thread, newest
from web.webchat.frames import Frame
from web.webchat.visits import Visits

MOST_SEEN = 10
MOST_KEY_CHARACTERS = 320


async def welcome(visits: Visits, hello: Frame, network: str) -> tuple[Visitor, Thread, Frame]:
    """Who this is, what they are shown, and the frame that tells them. Raises `Refused`."""
    key, token = hello.get("widget"), hello.get("token")
    if hello.get("type") != "hello":
        raise Refused("The first frame is of type hello.", 400)
    async with visits.hub.context.store.read() as db:
        address = await called(db, key) if isinstance(key, str) else None
        if address is None:
            raise Refused("There is no such chat. Check the widget's key.", 404)
        definition = await teams.greeter(db, address)
        if not token:
            visits.count(visits.arriving, network)
        visitor = _known(visits, token, address) if token else Visitor(address.value, secrets.token_hex(16))
        thread = Thread(address.workspace_id, thread_name(visitor), visitor.id, seen=_seen(hello.get("seen")))
        workspace = await agents.workspace(db, address.workspace_id)
        calls_back = bool(address.options.get("call_me")) and (
            await chatting.caller_of(db, visits.hub.context, address.workspace_id) is not None
        )
        takes_calls = definition is not None and await line_of(db, address) is not None
        started = bool(token) and (
            bool(await newest(db, thread.workspace_id, thread.name, limit=1))
            or bool(await newest_calls(db, thread.workspace_id, visitor.id))
        )
    return visitor, thread, {
        "type": "welcome",
        "token": visits.channel.token(visitor),
        "name": (definition or {}).get("name", ""),
        "greeting": opening(definition or {}),
        "started": started,
        "calls": takes_calls,
        "call_me": calls_back,
        "files": address.options.get("files") is not False,
        "closed": "" if definition else chatting.closed_words(address, workspace, visits.hub.context.clock.now()),
        "limit": visits.channel.limits.length,
    }  # fmt: skip


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
