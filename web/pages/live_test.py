"""What the live tests of agents and of teams share: saying something as the customer, and the chat drawn as it goes."""

import secrets
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from litestar import Response
from litestar.exceptions import ClientException
from litestar.response import ServerSentEventMessage

from hub.channel import Inbound, Refused
from hub.models import Interaction
from hub.store import interactions
from web.pages import chat
from web.pages.page import AnyRequest, go, is_htmx

LONGEST_TEXT = 4_000
VISITOR = "playground-"


def unsayable(text: str) -> str:
    """Why this is no message, if it is none."""
    if not text:
        return "Write something first."
    if len(text) > LONGEST_TEXT:
        return f"A message has at most {LONGEST_TEXT:,} characters; this has {len(text):,}."
    return ""


async def receive(request: AnyRequest, running: Interaction, text: str, key: str = "") -> str:
    """Say it in the chat; why not, when it cannot be. `key` makes a repeated sending count once."""
    external_id = f"playground:{running.id}:{key or secrets.token_hex(8)}"[:200]
    inbound = Inbound("webchat", "message", external_id, sender=running.person, text=text)
    try:
        await request.app.state.hub.receive(inbound, within=running)
    except Refused as error:
        return str(error.reason)
    return ""


def said(request: AnyRequest, problem: str, path: str) -> Response[Any]:
    """It was said, or why not: for the page that shows the chat already, else back to `path`."""
    if is_htmx(request):
        return Response(problem, status_code=422 if problem else 204, media_type="text/plain")
    if problem:
        raise ClientException(problem)
    return go(request, path)


def address(request: AnyRequest, begun: Interaction) -> str:
    """The page that asks, with this test on it."""
    back = request.headers.get("hx-current-url", "").partition("?")[0]
    return f"/{back.partition('://')[2].partition('/')[2]}?chat={begun.id}"


async def drawn(
    request: AnyRequest, workspace_id: UUID, interaction_id: UUID
) -> AsyncIterator[ServerSentEventMessage]:  # fmt: skip
    """The chat or the call, drawn anew at each change."""
    state = request.app.state
    shown: tuple[Any, ...] = ()
    async with state.bus.subscribe(f"interaction:{interaction_id}") as hints:
        while True:
            async with state.store.read() as db:
                running = await interactions.interaction(db, workspace_id, interaction_id)
                if running is None:
                    return
                now = (running.last_seq, running.answered_seq, running.owner, running.status)
                view = await chat.view(db, running) if now != shown else None
            if view is not None:
                shown = now
                html = request.app.template_engine.get_template(_template(running)).render(request=request, chat=view)  # type: ignore[union-attr]
                yield ServerSentEventMessage(data=html, id=str(running.last_seq))
            else:
                yield ServerSentEventMessage(comment="still here")
            await hints.wait()


def _template(running: Interaction) -> str:
    if running.channel != "webchat":
        return "playground/call_live.html"
    return "teams/live.html" if running.team_id else "playground/live.html"
