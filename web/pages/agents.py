"""Agents: the list, making, duplicating, archiving."""

import copy
import json
from importlib import resources
from typing import Any

from litestar import Response, get, post
from litestar.response import Template
from sqlmodel.ext.asyncio.session import AsyncSession

from hub import versions
from hub.models import Agent, AgentDefinition, Knowledge, KnowledgeAgent
from hub.store import agents, knowledge, overview, teams
from web import auth, engine_words
from web.pages.definition import check
from web.pages.form import found, read, uuid_or_404
from web.pages.page import AnyRequest, go, page
from web.samples import add_agent

TEMPLATES = {
    "clinic": ("Receptionist", "Books appointments with a calendar tool and answers questions."),
    "shop": ("Order desk", "Looks up orders, arranges returns, passes on what it cannot solve."),
    "leads": ("Lead desk", "Qualifies people who are interested and files them in a CRM."),
}


@get("/agents", opt={"roles": auth.EVERYONE})
async def listing(request: AnyRequest, archived: bool = False) -> Template:
    """All agents, as cards."""
    workspace_id = request.user.workspace_id
    async with request.app.state.store.read() as db:
        rows = await agents.agents(db, workspace_id, archived=archived)
        rows = [row for row in rows if bool(row.archived_at) == archived]
        addresses = await agents.addresses(db, workspace_id)
        active = await overview.last_by_agent(db, workspace_id)
    bound = {row.id: [a for a in addresses if a.agent_id == row.id] for row in rows}
    return page(
        request, "agents/list.html", "agents",
        agents=rows, engine_name=engine_words.name, bound=bound, active=active, archived=archived,
        may_build=_may_build(request),
    )  # fmt: skip


def _may_build(request: AnyRequest) -> bool:
    return request.user.user.role in auth.BUILDERS


@get("/agents/new", opt={"roles": auth.BUILDERS})
async def new(request: AnyRequest) -> Template:
    """What to begin with: nothing, or a sample."""
    return page(request, "agents/new.html", "agents", templates=TEMPLATES, name="", errors={}, start="blank")


@post("/agents", opt={"roles": auth.BUILDERS}, status_code=200)
async def create(request: AnyRequest) -> Response[Any] | Template:
    """Make an agent and open it."""
    form = await read(request)
    name, start = form.text("name"), form.text("template", "blank")
    workspace_id, by, now = request.user.workspace_id, request.user.name, request.app.state.clock.now()
    definition, errors = check({"name": name or _template_name(start), "opening_message": None})
    if definition is None or start not in ("blank", *TEMPLATES):
        return page(
            request, "agents/new.html", "agents", status=422,
            templates=TEMPLATES, name=name, errors=errors, start=start,
        )  # fmt: skip
    async with request.app.state.store.write() as db:
        if start == "blank":
            made = await versions.create(db, workspace_id, _blank(name or "New agent"), by, now)
        else:
            sandbox_url = request.app.state.settings.hub_sandbox_url or "https://api.example.com"
            made = await add_agent(db, workspace_id, start, sandbox_url, name=name, by=by, now=now)
    return go(request, f"/agents/{made.id}", f"{made.name} is ready. Try it on the right.")


def _template_name(start: str) -> str:
    if start not in TEMPLATES:
        return "New agent"
    text = resources.files("fixtures.agents").joinpath(f"{start}.json").read_text("utf-8")
    return str(json.loads(text)["name"])


def _blank(name: str) -> AgentDefinition:
    return AgentDefinition(
        name=name,
        opening_message=f"Hi, I'm {name}. How can I help you?"[:4_000],
        prompt=f"You are {name}. Be friendly, brief and precise. Answer from the knowledge base only.",
    )


@post("/agents/{agent_id:str}/duplicate", opt={"roles": auth.BUILDERS}, status_code=200)
async def duplicate(request: AnyRequest, agent_id: str) -> Response[Any]:
    """A copy of what is being worked on, with its knowledge, bound to no address."""
    workspace_id, wanted = request.user.workspace_id, uuid_or_404(agent_id)
    async with request.app.state.store.write() as db:
        original = found(await agents.agent(db, workspace_id, wanted), "agent")
        name = f"{original.name[:110]} (copy)"
        definition = AgentDefinition.model_validate({**_copied(original.edited), "name": name})
        made = await versions.create(db, workspace_id, definition, request.user.name, request.app.state.clock.now())
        await _copy_knowledge(db, original, made)
    return go(request, f"/agents/{made.id}", f"{name} was made.")


def _copied(definition: dict[str, Any]) -> dict[str, Any]:
    """Without the responder's secret, which is one agent's own."""
    made: dict[str, Any] = copy.deepcopy(definition)
    if made.get("responder"):
        made["responder"]["secret"] = ""
    return made


async def _copy_knowledge(db: AsyncSession, original: Agent, made: Agent) -> None:
    """Its own documents as copies; those of others it knows as they do."""
    for item in await knowledge.of_agent(db, original.workspace_id, original.id):
        if item.agent_id == original.id:
            db.add(Knowledge(**item.model_dump(exclude={"id", "agent_id", "created_at"}), agent_id=made.id))
        elif item.agent_id is not None:
            db.add(KnowledgeAgent(knowledge_id=item.id, agent_id=made.id))


@post("/agents/{agent_id:str}/archive", opt={"roles": auth.BUILDERS}, status_code=200)
async def archive(request: AnyRequest, agent_id: str) -> Response[Any]:
    """Out of the list, or back into it. An agent that answers at an address stays."""
    workspace_id, wanted = request.user.workspace_id, uuid_or_404(agent_id)
    async with request.app.state.store.write() as db:
        agent = found(await agents.agent(db, workspace_id, wanted), "agent")
        if agent.archived_at is not None:
            agent.archived_at = None
            return go(request, f"/agents/{agent.id}", f"{agent.name} is back.")
        bound = [a.value for a in await agents.addresses(db, workspace_id) if a.agent_id == agent.id]
        if bound:
            return go(
                request, f"/agents/{agent.id}",
                f"{agent.name} answers at {', '.join(bound)}. Give these another agent under Settings first.",
                "error",
            )  # fmt: skip
        if used := await teams.with_agent(db, workspace_id, agent.id):
            names = ", ".join(team.name for team in used)
            words = f"{agent.name} is a member of {names}. Take them out there first."
            return go(request, f"/agents/{agent.id}", words, "error")
        agent.archived_at = request.app.state.clock.now()
    return go(request, "/agents", f"{agent.name} was archived.")


HANDLERS = [listing, new, create, duplicate, archive]
