"""The playground: a chat or a call with an agent as a customer would have it, with its insides shown, live."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.exceptions import ClientException, NotFoundException
from litestar.response import ServerSentEvent, Template
from sqlmodel.ext.asyncio.session import AsyncSession

from hub import versions
from hub.core.chatting import caller_of
from hub.core.rewinding import rewound
from hub.core.whose import Whose
from hub.engines import choice
from hub.models import Agent, Interaction
from hub.models.voice import Call
from hub.store import agents, interactions, knowledge
from web import auth
from web.pages import chat
from web.pages.definition import wanted
from web.pages.form import found, read, uuid_or_404
from web.pages.live_test import VISITOR, address, drawn, receive, said, unsayable
from web.pages.page import AnyRequest, go, is_htmx, page

MOST_PARAMETERS = 60
MOST_VERSIONS = 20
_MODES = {"web_call": "call", "call": "phone"}
"""Which part of the live test a channel belongs to; all others are chats."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tested: a copy of the agent with the definition called `which`, and its version (0: a draft)."""

    agent: Agent
    which: str
    number: int


def trial(agent: Agent, which: str, definition: Mapping[str, Any]) -> Trial:
    """`agent` is as it is stored."""
    published = which in (versions.PUBLISHED, str(agent.version)) or (which == versions.DRAFT and agent.draft is None)
    number = agent.version if published else int(which) if which.isdigit() else 0
    return Trial(agent.defined(dict(definition)), which, number)


async def trial_of(request: AnyRequest, agent_id: str, which: str = "") -> Trial:
    """The agent of this URL with one of its definitions. Raises `NotFoundException`."""
    which = which or versions.DRAFT
    async with request.app.state.store.read() as db:
        agent = found(await agents.agent(db, request.user.workspace_id, uuid_or_404(agent_id)), "agent")
        definition = found(await versions.called(db, agent, which), "version")
    return trial(agent, which, definition)


async def pane(request: AnyRequest, agent_id: UUID, chat_id: str = "", problem: str = "") -> dict[str, Any]:
    """What the live test shows: the chat named in the URL or given, else how to begin one."""
    chat_id = chat_id or request.query_params.get("chat", "")
    workspace_id = request.user.workspace_id
    async with request.app.state.store.read() as db:
        agent = found(await agents.agent(db, workspace_id, agent_id), "agent")
        running = await _test_of(db, agent, chat_id)
        which = str(running.meta.get("version", "")) if running else request.query_params.get("version", "")
        definition = await versions.called(db, agent, which or versions.DRAFT)
        this = trial(agent, which or versions.DRAFT, definition or agent.edited)
        known = await knowledge.of_agent(db, workspace_id, agent.id)
        published = await agents.versions(db, workspace_id, agent.id, limit=MOST_VERSIONS)
        caller = await caller_of(db, request.app.state.hub.context, workspace_id)
        view = await chat.view(db, running) if running else None
    mode = _MODES.get(running.channel, "chat") if running else request.query_params.get("mode", "chat")
    definition = this.agent.definition
    parameters = {**definition.get("parameters", {}), **(running.parameters if running else {})}
    return {
        "agent": this.agent,
        "chat": view if mode == "chat" else None,
        "call": view if mode == "call" else None,
        "phone": view if mode == "phone" else None,
        "running": running,
        "mode": mode,
        "which": this.which,
        "choices": _choices(agent, [one.number for one in published]),
        "version_words": version_words(running.agent_version) if running else "",
        "phrases_only": await _hears_phrases_only(request, this.agent),
        "stale": running is not None and running.agent != definition,
        "parameters": [(name, parameters.get(name)) for name in wanted(definition)],
        "suggestions": chat.suggestions(definition, known),
        "caller": caller.value if caller else "",
        "problem": problem,
        "number": "",
    }


async def _test_of(db: AsyncSession, agent: Agent, chat_id: str) -> Interaction | None:
    """The test of this agent with this id, if there is one."""
    try:
        running = await interactions.interaction(db, agent.workspace_id, UUID(chat_id)) if chat_id else None
    except ValueError:
        return None
    return running if running is not None and running.test and running.agent_id == agent.id else None


def _choices(agent: Agent, numbers: Sequence[int]) -> list[tuple[str, str]]:
    """The definitions that can be tested, by name."""
    made = [(versions.DRAFT, "the draft" if agent.draft is not None else f"version {agent.version}, published")]
    if agent.draft is not None:
        made.append((versions.PUBLISHED, f"version {agent.version}, published"))
    return [*made, *((str(number), f"version {number}") for number in numbers if number != agent.version)]


def version_words(number: int) -> str:
    """Which version a test is held with."""
    return f"version {number}" if number else "the draft"


async def _hears_phrases_only(request: AnyRequest, agent: Agent) -> bool:
    """Whether nothing but the embedded recogniser listens."""
    accounts = await Whose(request.app.state.hub.context.accounts, agent.workspace_id, agent.definition).at_hand("ears")
    hearing = Call(**agent.definition.get("call", {})).hearing
    return choice.ears(hearing, str(agent.definition.get("language", "en-US")), accounts)[0] == "sphinx"


def filled(given: Mapping[str, str]) -> dict[str, str]:
    """The parameters of the form that have a value."""
    return {name: text for name, text in list(given.items())[:MOST_PARAMETERS] if text}


async def begin(request: AnyRequest, this: Trial, given: Mapping[str, str], channel: str = "webchat") -> Interaction:
    """A fresh test with the definition chosen, for whom only this page talks."""
    return await start_test(request, this, channel, f"{VISITOR}{secrets.token_hex(8)}", filled(given))


async def start_test(
    request: AnyRequest, this: Trial, channel: str, to: str, parameters: Mapping[str, str], **more: Any
) -> Interaction:  # fmt: skip
    """Begin it. Raises what `Hub.start` raises."""
    started: Interaction = await request.app.state.hub.start(
        this.agent.workspace_id, channel, to, agent=this.agent, agent_definition=this.agent.definition,
        version=this.number, test=True, parameters=dict(parameters),
        meta={"playground": str(request.user.user.id), "version": this.which}, **more,
    )  # fmt: skip
    return started


async def begin_again(request: AnyRequest, agent_id: UUID, chat_id: str) -> Interaction:
    """A fresh chat with the draft and the parameters of this one, which is ended."""
    this = await trial_of(request, str(agent_id))
    try:
        before = await chat_of(request, str(agent_id), chat_id)
    except NotFoundException:
        return await begin(request, this, {})
    await request.app.state.hub.end(before.workspace_id, before.id, "operator_hangup")
    return await begin(request, this, {name: str(value) for name, value in before.parameters.items()})


@get("/agents/{agent_id:str}/playground", opt={"roles": auth.TESTERS})
async def playground(request: AnyRequest, agent_id: str) -> Template:
    """The live test on a page of its own."""
    test = await pane(request, uuid_or_404(agent_id))
    return page(request, "playground/page.html", "agents", agent=test["agent"], test=test)


@post("/agents/{agent_id:str}/playground", opt={"roles": auth.TESTERS}, status_code=200)
async def start(request: AnyRequest, agent_id: str) -> Response[Any] | Template:
    """Begin, or start over: what runs is ended."""
    form = await read(request)
    this = await trial_of(request, agent_id, form.text("version"))
    if form.text("chat"):
        running = await chat_of(request, agent_id, form.text("chat"))
        await request.app.state.hub.end(running.workspace_id, running.id, "operator_hangup")
    begun = await begin(request, this, form.under("parameter."))
    return await shown(request, begun)


async def shown(request: AnyRequest, begun: Interaction) -> Response[Any] | Template:
    """The test in its place on the page, or on a page of its own."""
    assert begun.agent_id is not None  # noqa: S101 - tests are of an agent
    if not is_htmx(request):
        return go(request, f"/agents/{begun.agent_id}/playground?chat={begun.id}")
    fragment = page(request, "playground/pane.html", test=await pane(request, begun.agent_id, str(begun.id)))
    fragment.headers |= {
        "HX-Replace-Url": address(request, begun),
        "HX-Retarget": "#live-test",
        "HX-Reswap": "outerHTML",
    }
    return fragment


@post("/agents/{agent_id:str}/playground/{chat_id:str}", opt={"roles": auth.TESTERS}, status_code=200)
async def say(request: AnyRequest, agent_id: str, chat_id: str) -> Response[Any] | Template:
    """Say something as the customer. `key` makes a repeated sending count once.

    `again` is an earlier message of theirs that `text` takes the place of: all after it is left behind.
    """
    form, running = await read(request), await chat_of(request, agent_id, chat_id)
    if running.channel != "webchat":
        raise ClientException("This is a call: what the customer says is spoken.")
    text = form.text("text")
    problem = unsayable(text)
    if form.text("again") and not problem:
        return await shown(request, await _again(request, running, uuid_or_404(form.text("again")), text))
    if not problem:
        problem = await receive(request, running, text, form.text("key"))
    return said(request, problem, f"/agents/{agent_id}/playground?chat={running.id}")


async def _again(request: AnyRequest, before: Interaction, message_id: UUID, text: str) -> Interaction:
    """The chat taken back to before this message, with `text` in its place, and with the definition as it is now."""
    this = await trial_of(request, str(before.agent_id), str(before.meta.get("version", "")))
    context = request.app.state.hub.context
    try:
        fresh, _ = await rewound(
            context, before.workspace_id, before.id, message_id,
            agent=this.agent, definition=this.agent.definition, version=this.number,
        )  # fmt: skip
    except LookupError as error:
        raise NotFoundException(str(error)) from None
    await receive(request, fresh, text)
    return fresh


@get("/agents/{agent_id:str}/playground/{chat_id:str}/events", opt={"roles": auth.TESTERS})
async def events(request: AnyRequest, agent_id: str, chat_id: str) -> ServerSentEvent:
    """The chat or the call, drawn anew at each change."""
    running = await chat_of(request, agent_id, chat_id)
    return ServerSentEvent(drawn(request, running.workspace_id, running.id))


async def chat_of(request: AnyRequest, agent_id: str, chat_id: str) -> Interaction:
    """The test chat of this URL. Raises `NotFoundException` for any other interaction."""
    async with request.app.state.store.read() as db:
        running = await interactions.interaction(db, request.user.workspace_id, uuid_or_404(chat_id))
    if running is None or not running.test or running.agent_id != uuid_or_404(agent_id):
        raise NotFoundException("There is no such test chat.")
    return running


HANDLERS = [playground, start, say, events]
