"""The live test of a team: a chat with it as a customer would have it, with every hand-over shown."""

import secrets
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.exceptions import NotFoundException
from litestar.response import ServerSentEvent, Template
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Interaction, Team
from hub.store import interactions, teams
from web import auth
from web.pages import chat
from web.pages.form import found, read, uuid_or_404
from web.pages.live_test import VISITOR, address, drawn, receive, said, unsayable
from web.pages.page import AnyRequest, go, is_htmx, page


async def pane(db: AsyncSession, request: AnyRequest, team: Team, chat_id: str = "") -> dict[str, Any]:
    """What the test shows: the chat named in the URL or given, else how to begin one."""
    chat_id = chat_id or request.query_params.get("chat", "")
    running = None
    try:
        if chat_id:
            running = await interactions.interaction(db, team.workspace_id, UUID(chat_id))
    except ValueError:
        running = None
    if running is not None and not (running.test and running.team_id == team.id):
        running = None
    stale = running is not None and running.team.get("version") != team.version
    phrases = [p for m in team.definition["members"] for way in m["transitions"] for p in way["phrases"][:1]]
    ideas = [phrase[:1].upper() + phrase[1:] for phrase in dict.fromkeys(phrases)][:8]
    view = await chat.view(db, running) if running else None
    return {"team": team, "chat": view, "stale": stale, "ideas": ideas}


async def begin(request: AnyRequest, team: Team) -> Interaction:
    """A fresh chat with the team as it is stored now."""
    started: Interaction = await request.app.state.hub.start(
        team.workspace_id, "webchat", f"{VISITOR}{secrets.token_hex(8)}",
        team=team, test=True, meta={"playground": str(request.user.user.id)},
    )  # fmt: skip
    return started


async def _team(request: AnyRequest, team_id: str) -> Team:
    async with request.app.state.store.read() as db:
        return found(await teams.team(db, request.user.workspace_id, uuid_or_404(team_id)), "team")


async def _chat(request: AnyRequest, team_id: str, chat_id: str) -> Interaction:
    """The test chat of this URL. Raises `NotFoundException` for any other interaction."""
    async with request.app.state.store.read() as db:
        running = await interactions.interaction(db, request.user.workspace_id, uuid_or_404(chat_id))
    if running is None or not running.test or running.team_id != uuid_or_404(team_id):
        raise NotFoundException("There is no such test chat.")
    return running


@get("/teams/{team_id:str}/playground", opt={"roles": auth.TESTERS})
async def playground(request: AnyRequest, team_id: str) -> Template:
    """The chat on a page of its own."""
    team = await _team(request, team_id)
    async with request.app.state.store.read() as db:
        test = await pane(db, request, team)
    return page(request, "teams/playground.html", "agents", team=team, test=test)


@post("/teams/{team_id:str}/playground", opt={"roles": auth.TESTERS}, status_code=200)
async def start(request: AnyRequest, team_id: str) -> Response[Any] | Template:
    """Begin, or start over: what runs is ended."""
    form, team = await read(request), await _team(request, team_id)
    if form.text("chat"):
        running = await _chat(request, team_id, form.text("chat"))
        await request.app.state.hub.end(running.workspace_id, running.id, "operator_hangup")
    begun = await begin(request, team)
    if not is_htmx(request):
        return go(request, f"/teams/{team.id}/playground?chat={begun.id}")
    async with request.app.state.store.read() as db:
        test = await pane(db, request, team, str(begun.id))
    fragment = page(request, "teams/pane.html", test=test)
    fragment.headers["HX-Replace-Url"] = address(request, begun)
    return fragment


@post("/teams/{team_id:str}/playground/{chat_id:str}", opt={"roles": auth.TESTERS}, status_code=200)
async def say(request: AnyRequest, team_id: str, chat_id: str) -> Response[Any]:
    """Say something as the customer. `key` makes a repeated sending count once."""
    form, running = await read(request), await _chat(request, team_id, chat_id)
    text = form.text("text")
    problem = unsayable(text) or await receive(request, running, text, form.text("key"))
    return said(request, problem, f"/teams/{team_id}/playground?chat={running.id}")


@get("/teams/{team_id:str}/playground/{chat_id:str}/events", opt={"roles": auth.TESTERS})
async def events(request: AnyRequest, team_id: str, chat_id: str) -> ServerSentEvent:
    """The chat, drawn anew at each change."""
    running = await _chat(request, team_id, chat_id)
    return ServerSentEvent(drawn(request, running.workspace_id, running.id))


HANDLERS = [playground, start, say, events]
