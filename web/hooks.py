"""The provider door: HTTP at /hooks/{channel}/... becomes a `Hook`, the channel's `Reply` the answer."""

import asyncio
import logging
from typing import Any
from uuid import UUID

from litestar import Request, Response, route
from litestar.exceptions import ClientException
from litestar.params import FromPath

from hub.channel import Inbound, Refused, Reply
from hub.core import Hub, mails
from hub.core.hub import NotFound
from web.problems import problem
from web.provider import hook_of

STORED_WITHIN_SECONDS = 3.0
"""How long a provider that must be given something it understands is kept waiting."""
MOST_MAIL_BYTES = 40_000_000
"""SendGrid takes mails of up to 30 MB."""

log = logging.getLogger("hub.hooks")


@route("/hooks/{channel:str}", http_method=["GET", "POST"], opt={"public": True}, include_in_schema=False)
async def hook(request: Request[Any, Any, Any], channel: FromPath[str]) -> Response[Any]:
    """A provider's request."""
    return await receive(request, channel)


@route("/hooks/{channel:str}/{rest:path}", http_method=["GET", "POST"], opt={"public": True}, include_in_schema=False)
async def hook_below(request: Request[Any, Any, Any], channel: FromPath[str], rest: FromPath[str]) -> Response[Any]:
    """A provider's request below the channel's own address, such as a status callback."""
    return await receive(request, channel)


@route(
    "/hooks/email/{rest:path}",
    http_method=["GET", "POST"],
    opt={"public": True},
    include_in_schema=False,
    request_max_body_size=MOST_MAIL_BYTES,
)
async def mail_hook(request: Request[Any, Any, Any], rest: FromPath[str]) -> Response[Any]:
    """Mail, which is larger than other requests are."""
    return await receive(request, "email")


async def receive(request: Request[Any, Any, Any], name: str) -> Response[Any]:
    """Hand the request to its channel; what it says is committed before this answers."""
    app = request.app.state
    hub: Hub = app.hub
    channel = hub.context.channels.get(name)
    if channel is None:
        return problem(request, 404, "There is no such channel.")
    try:
        address_id = channel.keeps(hook_of(request, request.method, b"", app.settings.hub_public_url))
        if address_id:
            return await _kept(request, hub, name, UUID(address_id))
        body = await request.body()
        reply = await channel.receive(hook_of(request, request.method, body, app.settings.hub_public_url))
        return await _stored(hub, name, reply)
    except Refused as refused:
        log.info("refused a request for %s: %s", name, refused.reason)
        return problem(request, refused.status, refused.reason)
    except ClientException:
        raise
    except Exception:
        log.exception("could not store a request for %s", name)
        return problem(request, 503, "It could not be stored just now; send it again.")


async def _kept(request: Request[Any, Any, Any], hub: Hub, name: str, address_id: UUID) -> Response[Any]:
    """Store the request as it is: once we know whose it is, its provider hears nothing but 200 and 503 of us."""
    try:
        hook = hook_of(request, request.method, await request.body(), request.app.state.settings.hub_public_url)
        mail_id = await mails.keep(hub.context, name, address_id, hook)
    except NotFound as error:
        return problem(request, 404, str(error))
    except Exception:
        log.exception("could not store a mail")
        return problem(request, 503, "It could not be stored just now; send it again.")
    hub.context.spawn(mails.read(hub.context, mail_id))
    return Response("", media_type="text/plain", status_code=200)


async def _stored(hub: Hub, name: str, reply: Reply) -> Response[Any]:
    """Store what the request says and answer; where the reply has words for that, also when it cannot be."""
    try:
        async with asyncio.timeout(None if reply.otherwise is None else STORED_WITHIN_SECONDS):
            for inbound in reply.events:
                await _handed_over(hub, inbound)
    except Refused as refused:
        words = reply.otherwise if refused.status == 503 else reply.refused
        if words is None:
            raise
        log.info("refused a request for %s: %s", name, refused.reason)
        return Response(words, status_code=200, media_type=reply.media_type)
    except Exception:
        if reply.otherwise is None:
            raise
        log.exception("could not store a request for %s", name)
        return Response(reply.otherwise, status_code=200, media_type=reply.media_type)
    return Response(reply.body, status_code=reply.status, media_type=reply.media_type, headers=dict(reply.headers))


async def _handed_over(hub: Hub, inbound: Inbound) -> None:
    """Give it to the hub; a line that the hub does not take is hung up."""
    try:
        await hub.receive(inbound)
    except BaseException:
        if inbound.line is not None:
            await inbound.line.hangup()
        raise
