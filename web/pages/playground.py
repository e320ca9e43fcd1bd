"""The playground: a chat or a call with an agent as a customer would have it, with its insides shown, live."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.exceptions import ClientException, NotFoundException
from litestar.response import ServerSentEvent, ServerSentEventMessage, Template

from hub.channel import Inbound, Refused
from hub.engines import choice
from hub.feed import Subscription
from hub.models import Agent, Interaction
from hub.models.voice import Call
from hub.store import agents, interactions, knowledge
from web import auth
from web.pages import chat
from web.pages.definition import wanted
from web.pages.form import found, read, uuid_or_404
from web.pages.page import AnyRequest, go, is_htmx, page

LONGEST_TEXT = 4_000
VISITOR = "playground-"
CALL = "web_call"
MOST_PARAMETERS = 60
MOST_REPEATED = 50
LONGEST_TURN_SECONDS = 20


async def pane(request: AnyRequest, agent: Agent, chat_id: str = "", problem: str = "") -> dict[str, Any]:
    """What the live test shows: the chat named in the URL or given, else how to begin one."""
    chat_id = chat_id or request.query_params.get("chat", "")
    workspace_id = request.user.workspace_id
    async with request.app.state.store.read() as db:
        known = await knowledge.of_agent(db, workspace_id, agent.id)
        running = None
        try:
            if chat_id:
                running = await interactions.interaction(db, workspace_id, UUID(chat_id))
        except ValueError:
            running = None
        if running is not None and not (running.test and running.agent_id == agent.id):
            running = None
        view = await chat.view(db, running) if running else None
    is_call = running is not None and running.channel == CALL
    parameters = {**agent.definition.get("parameters", {}), **(running.parameters if running else {})}
    return {
        "agent": agent,
        "chat": None if is_call else view,
        "call": view if is_call else None,
        "mode": "call" if is_call or request.query_params.get("mode") == "call" else "chat",
        "phrases_only": await _hears_phrases_only(request, agent),
        "stale": running is not None and running.agent_version != agent.version,
        "parameters": [(name, parameters.get(name)) for name in wanted(agent.definition)],
        "suggestions": chat.suggestions(agent.definition, known),
        "problem": problem,
    }


async def _hears_phrases_only(request: AnyRequest, agent: Agent) -> bool:
    """Whether nothing but the embedded recogniser listens."""
    accounts = await request.app.state.hub.context.accounts.at_hand(agent.workspace_id)
    hearing = Call(**agent.definition.get("call", {})).hearing
    return choice.ears(hearing, str(agent.definition.get("language", "en-US")), accounts)[0] == "sphinx"


def filled(given: Mapping[str, str]) -> dict[str, str]:
    """The parameters of the form that have a value."""
    return {name: text for name, text in list(given.items())[:MOST_PARAMETERS] if text}


async def begin(request: AnyRequest, agent: Agent, given: Mapping[str, str]) -> Interaction:
    """A fresh chat with the agent as it is stored now."""
    parameters = filled(given)
    user = request.user.user
    started: Interaction = await request.app.state.hub.start(
        agent.workspace_id, "webchat", f"{VISITOR}{secrets.token_hex(8)}",
        agent=agent, test=True, parameters=parameters, meta={"playground": str(user.id)},
    )  # fmt: skip
    return started


async def begin_again(request: AnyRequest, agent: Agent, chat_id: str) -> Interaction:
    """A fresh chat with the parameters of this one, which is ended."""
    try:
        before = await _chat(request, str(agent.id), chat_id)
    except NotFoundException:
        return await begin(request, agent, {})
    await request.app.state.hub.end(before.workspace_id, before.id, "operator_hangup")
    return await begin(request, agent, {name: str(value) for name, value in before.parameters.items()})


@get("/agents/{agent_id:str}/playground", opt={"roles": auth.TESTERS})
async def playground(request: AnyRequest, agent_id: str) -> Template:
    """The chat on a page of its own."""
    agent = await _agent(request, agent_id)
    return page(request, "playground/page.html", "agents", agent=agent, test=await pane(request, agent))


@post("/agents/{agent_id:str}/playground", opt={"roles": auth.TESTERS}, status_code=200)
async def start(request: AnyRequest, agent_id: str) -> Response[Any] | Template:
    """Begin, or start over: what runs is ended."""
    form, agent = await read(request), await _agent(request, agent_id)
    if form.text("chat"):
        running = await _chat(request, agent_id, form.text("chat"))
        await request.app.state.hub.end(running.workspace_id, running.id, "operator_hangup")
    begun = await begin(request, agent, form.under("parameter."))
    return await _shown(request, agent, begun)


async def _shown(request: AnyRequest, agent: Agent, begun: Interaction) -> Response[Any] | Template:
    """The chat in its place on the page, or on a page of its own."""
    if not is_htmx(request):
        return go(request, f"/agents/{agent.id}/playground?chat={begun.id}")
    back = request.headers.get("hx-current-url", "").partition("?")[0]
    fragment = page(request, "playground/pane.html", test=await pane(request, agent, str(begun.id)))
    fragment.headers |= {
        "HX-Replace-Url": f"{_path(back)}?chat={begun.id}",
        "HX-Retarget": "#live-test",
        "HX-Reswap": "outerHTML",
    }
    return fragment


def _path(url: str) -> str:
    return "/" + url.partition("://")[2].partition("/")[2]


@post("/agents/{agent_id:str}/playground/{chat_id:str}", opt={"roles": auth.TESTERS}, status_code=200)
async def say(request: AnyRequest, agent_id: str, chat_id: str) -> Response[Any] | Template:
    """Say something as the customer. `key` makes a repeated sending count once."""
    form, running = await read(request), await _chat(request, agent_id, chat_id)
    if running.channel == CALL:
        raise ClientException("This is a call: what the customer says is spoken.")
    text = form.text("text")
    problem = _unsayable(text)
    if form.on("again") and not problem:
        return await _shown(request, await _agent(request, agent_id), await _again(request, running, text))
    if not problem:
        problem = await _receive(request, running, text, form.text("key"))
    if is_htmx(request):
        if problem:
            return Response(problem, status_code=422, media_type="text/plain")
        return Response("", status_code=204)
    if problem:
        raise ClientException(problem)
    return go(request, f"/agents/{agent_id}/playground?chat={running.id}")


async def _receive(request: AnyRequest, running: Interaction, text: str, key: str = "") -> str:
    """Say it in the chat; why not, when it cannot be."""
    external_id = f"playground:{running.id}:{key or secrets.token_hex(8)}"[:200]
    inbound = Inbound("webchat", "message", external_id, sender=running.person, text=text)
    try:
        await request.app.state.hub.receive(inbound, within=running)
    except Refused as error:
        return str(error.reason)
    return ""


async def _again(request: AnyRequest, before: Interaction, text: str) -> Interaction:
    """A fresh chat in which everything is said again, and `text` in place of the last message."""
    state = request.app.state
    async with state.store.read() as db:
        said = await interactions.messages(db, before.workspace_id, before.id, limit=chat.MOST_EVENTS)
    texts = [message.text for message in said if message.role == "customer"][:-1][-MOST_REPEATED:]
    agent = await _agent(request, str(before.agent_id))
    fresh = await begin_again(request, agent, str(before.id))
    async with state.bus.subscribe(f"interaction:{fresh.id}") as hints:
        await _answered(request, fresh, hints)
        for old in texts:
            if await _receive(request, fresh, old):
                break
            await _answered(request, fresh, hints)
        await _receive(request, fresh, text)
    return fresh


async def _answered(request: AnyRequest, running: Interaction, hints: Subscription) -> None:
    """Wait until the agent has had its turn, or for as long as a person would."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LONGEST_TURN_SECONDS):
            while True:
                async with request.app.state.store.read() as db:
                    now = await interactions.interaction(db, running.workspace_id, running.id)
                if now is None or chat.light(now) != "thinking":
                    return
                await hints.wait(1)


def _unsayable(text: str) -> str:
    if not text:
        return "Write something first."
    if len(text) > LONGEST_TEXT:
        return f"A message has at most {LONGEST_TEXT:,} characters; this has {len(text):,}."
    return ""


@get("/agents/{agent_id:str}/playground/{chat_id:str}/events", opt={"roles": auth.TESTERS})
async def events(request: AnyRequest, agent_id: str, chat_id: str) -> ServerSentEvent:
    """The chat or the call, drawn anew at each change."""
    running = await _chat(request, agent_id, chat_id)
    return ServerSentEvent(_drawn(request, running.workspace_id, running.id))


async def _drawn(
    request: AnyRequest, workspace_id: UUID, interaction_id: UUID
) -> AsyncIterator[ServerSentEventMessage]:
    state = request.app.state
    shown: tuple[Any, ...] = ()
    async with state.bus.subscribe(f"interaction:{interaction_id}") as hints:
        while True:
            async with state.store.read() as db:
                interaction = await interactions.interaction(db, workspace_id, interaction_id)
                if interaction is None:
                    return
                now = (interaction.last_seq, interaction.answered_seq, interaction.owner, interaction.status)
                view = await chat.view(db, interaction) if now != shown else None
            if view is not None:
                shown = now
                name = "playground/call_live.html" if interaction.channel == CALL else "playground/live.html"
                html = request.app.template_engine.get_template(name).render(request=request, chat=view)  # type: ignore[union-attr]
                yield ServerSentEventMessage(data=html, id=str(interaction.last_seq))
            else:
                yield ServerSentEventMessage(comment="still here")
            await hints.wait()


async def _agent(request: Request[Any, Any, Any], agent_id: str) -> Agent:
    async with request.app.state.store.read() as db:
        return found(await agents.agent(db, request.user.workspace_id, uuid_or_404(agent_id)), "agent")


async def _chat(request: AnyRequest, agent_id: str, chat_id: str) -> Interaction:
    """The test chat of this URL. Raises `NotFoundException` for any other interaction."""
    async with request.app.state.store.read() as db:
        running = await interactions.interaction(db, request.user.workspace_id, uuid_or_404(chat_id))
    if running is None or not running.test or running.agent_id != uuid_or_404(agent_id):
        raise NotFoundException("There is no such test chat.")
    return running


HANDLERS = [playground, start, say, events]
