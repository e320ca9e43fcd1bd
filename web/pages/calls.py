"""Tickets for browser calls: with the agent under test, and for visitors of the web chat."""

from typing import Any

from litestar import Request, post
from litestar.exceptions import ClientException, NotFoundException, SerializationException

from channels.web_call import WebCall
from channels.webchat import Pace, Visitor, Webchat
from hub.channel import Refused
from hub.core import Hub
from hub.core.live import warm_up
from hub.store import Store, teams
from web import auth
from web.pages.form import read
from web.pages.live_test import VISITOR
from web.pages.page import AnyRequest
from web.pages.playground import filled, start_test, trial_of
from web.webchat.arrival import called
from web.webchat.calls import line_of

_asking = Pace(burst=5, per_second=0.1)
"""How often one visitor may ask for a ticket."""


def web_call(hub: Hub) -> WebCall:
    """The channel of browser calls."""
    channel = hub.context.channels["web_call"]
    assert isinstance(channel, WebCall)  # noqa: S101 - the roster
    return channel


@post("/agents/{agent_id:str}/playground/call", opt={"roles": auth.TESTERS}, status_code=200)
async def try_by_voice(request: AnyRequest, agent_id: str) -> dict[str, Any]:
    """A ticket for a call with the definition chosen: `ticket`, `iceServers`, `interaction`."""
    form = await read(request)
    hub: Hub = request.app.state.hub
    user = request.user.user
    this = await trial_of(request, agent_id, form.text("version"))
    visitor = f"{VISITOR}{user.id.hex}"
    started = await start_test(request, this, "web_call", visitor, filled(form.under("parameter.")))
    channel = web_call(hub)
    return {
        "ticket": channel.ticket(visitor, str(this.agent.id), str(started.id)),
        "iceServers": channel.ice_servers(str(user.id)),
        "interaction": str(started.id),
    }


@post(
    "/chat/{key:str}/call",
    opt={"public": True, "exclude_from_auth": True, "exclude_from_csrf": True},
    status_code=200,
    include_in_schema=False,
)
async def call_from_chat(request: Request[Any, Any, Any], key: str) -> dict[str, Any]:
    """A ticket for a visitor of this widget, who proves themselves with the token of the chat."""
    hub: Hub = request.app.state.hub
    store: Store = request.app.state.store
    visitor = await _visitor(request, hub, key)
    async with store.read() as db:
        chat = await called(db, key)
        address = await line_of(db, chat) if chat else None
        speaks = await teams.greeter(db, address) if address else None
    if address is None or speaks is None:
        raise NotFoundException("This chat takes no calls.")
    hub.context.spawn(warm_up(hub.context, address.workspace_id, speaks))
    channel = web_call(hub)
    return {"ticket": channel.ticket(visitor.id, key), "iceServers": channel.ice_servers(visitor.id)}


async def _visitor(request: Request[Any, Any, Any], hub: Hub, key: str) -> Visitor:
    webchat = hub.context.channels["webchat"]
    assert isinstance(webchat, Webchat)  # noqa: S101 - the roster
    try:
        given = await request.json()
        visitor = webchat.visitor(given.get("token") if isinstance(given, dict) else None)
        if visitor.widget != key:
            raise Refused("This visitor token belongs to another chat.", 401)
        _asking.take(visitor.id)
    except (SerializationException, ValueError, RecursionError):
        raise ClientException("The body is a JSON object with the visitor's `token`.", status_code=400) from None
    except Refused as refused:
        raise ClientException(refused.reason, status_code=refused.status) from None
    return visitor


HANDLERS = [try_by_voice, call_from_chat]
