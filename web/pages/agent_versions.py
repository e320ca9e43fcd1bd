"""The versions of an agent: what was published when, what changed, publishing and bringing back."""

import asyncio
import json
from collections.abc import Callable
from typing import Annotated, Any

from litestar import Response, get, post
from litestar.params import QueryParameter
from litestar.response import Template
from sqlmodel.ext.asyncio.session import AsyncSession

from hub import versions
from hub.core import definitions
from hub.differences import Difference, differences
from hub.models import Agent
from hub.store import agents
from web import auth
from web.pages.editor import agent_of, show
from web.pages.form import Form, found, read, uuid_or_404
from web.pages.page import AnyRequest, go, local_path

ROWS = 50
MOST_CHARACTERS = 2_000
Number = Annotated[int | None, QueryParameter(ge=1, le=2**31 - 1)]


@get("/agents/{agent_id:str}/versions", opt={"roles": auth.BUILDERS})
async def listing(request: AnyRequest, agent_id: str, before: Number = None) -> Template:
    """What was published, the newest first."""
    agent = await agent_of(request, agent_id)
    async with request.app.state.store.read() as db:
        rows = await agents.versions(db, agent.workspace_id, agent.id, before=before, limit=ROWS + 1)
    return await show(request, agent, "versions", rows=rows[:ROWS], more=len(rows) > ROWS)


@get("/agents/{agent_id:str}/diff", opt={"roles": auth.BUILDERS})
async def diff(
    request: AnyRequest, agent_id: str, old: str = versions.PUBLISHED, new: str = versions.DRAFT
) -> Template:  # fmt: skip
    """What differs between any two."""
    agent = await agent_of(request, agent_id)
    async with request.app.state.store.read() as db:
        stored = found(await agents.agent(db, agent.workspace_id, agent.id), "agent")
        before = found(await versions.called(db, stored, old), "version")
        behind = found(await versions.called(db, stored, new), "version")
        rows = await agents.versions(db, agent.workspace_id, agent.id, limit=ROWS)
    made = await asyncio.to_thread(lambda: differences(versions.normal(before), versions.normal(behind)))
    numbers = dict.fromkeys([*(str(row.number) for row in rows), *(one for one in (old, new) if one.isdigit())])
    choices = [
        (versions.DRAFT, "the draft"), (versions.PUBLISHED, f"version {stored.version}, published"),
        *((number, f"version {number}") for number in numbers if number != str(stored.version)),
    ]  # fmt: skip
    same = {str(stored.version): versions.PUBLISHED}
    return await show(
        request, agent, "diff", old=same.get(old, old), new=same.get(new, new), choices=choices,
        differences=[_shown(one) for one in made],
    )  # fmt: skip


def _shown(one: Difference) -> dict[str, Any]:
    return {
        "words": " › ".join(part.replace("_", " ") for part in one.path), "kind": one.kind,
        "old": _value(one.old), "new": _value(one.new), "lines": one.lines,
    }  # fmt: skip


def _value(value: Any) -> str:
    """A value for people's eyes."""
    if value is None or value == "" or value == []:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        text = value
    elif isinstance(value, list) and all(isinstance(one, str) for one in value):
        text = ", ".join(value)
    else:
        text = json.dumps(value, ensure_ascii=False, indent=2, default=str)
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}…"


@post("/agents/{agent_id:str}/publish", opt={"roles": auth.BUILDERS}, status_code=200)
async def publish(request: AnyRequest, agent_id: str) -> Response[Any]:
    """The draft is what customers meet from now on."""
    form = await read(request)

    def act(db: AsyncSession, agent: Agent) -> str:
        versions.publish(db, agent, request.user.name, request.app.state.clock.now(), form.text("note"))
        return f"Version {agent.version} is published."

    return await _done(request, agent_id, form, act, lambda agent: agent.edited)


@post("/agents/{agent_id:str}/discard", opt={"roles": auth.BUILDERS}, status_code=200)
async def discard(request: AnyRequest, agent_id: str) -> Response[Any]:
    """Throw the draft away."""
    form = await read(request)

    def act(db: AsyncSession, agent: Agent) -> str:
        versions.discard(agent, request.user.name, request.app.state.clock.now())
        return f"The draft is gone. Version {agent.version} is what is edited now."

    return await _done(request, agent_id, form, act)


@post("/agents/{agent_id:str}/rollback", opt={"roles": auth.BUILDERS}, status_code=200)
async def roll_back(request: AnyRequest, agent_id: str) -> Response[Any]:
    """Publish an old version anew."""
    form, number = await read(request), 0
    if form.text("version").isdigit() and len(form.text("version")) < 10:
        number = int(form.text("version"))
    async with request.app.state.store.read() as db:
        wanted = uuid_or_404(agent_id)
        old = found(await agents.version(db, request.user.workspace_id, wanted, number), "version")

    def act(db: AsyncSession, agent: Agent) -> str:
        versions.roll_back(db, agent, old, request.user.name, request.app.state.clock.now())
        kept = " The draft is still there." if agent.draft is not None else ""
        return f"Version {old.number} is back, as version {agent.version}.{kept}"

    return await _done(request, agent_id, form, act, lambda agent: old.definition)


async def _done(
    request: AnyRequest, agent_id: str, form: Form, act: Callable[[AsyncSession, Agent], str],
    published: Callable[[Agent], versions.Definition] | None = None,
) -> Response[Any]:  # fmt: skip
    """Carry it out unless somebody was quicker, or what would be `published` cannot be any more; then back to where it
    was asked for.
    """
    back = local_path(form.text("back"), f"/agents/{agent_id}/versions")
    async with request.app.state.store.write() as db:
        agent = found(await agents.held(db, request.user.workspace_id, uuid_or_404(agent_id)), "agent")
        try:
            versions.seen(agent, int(form.text("revision") or 0))
            if published is not None:
                context = request.app.state.hub.context
                for where, words in await definitions.outdated(context, db, agent.workspace_id, published(agent)):
                    place = " › ".join(map(str, where)).replace("_", " ")
                    return go(request, back, f"It cannot be published. {place}: {words}", "error")
            said = act(db, agent)
        except ValueError:
            return go(request, back, "The form is incomplete. Load the page again.", "error")
        except versions.Outdated as error:
            return go(request, back, f"{error} Look at it first.", "error")
        except versions.NothingToPublish as error:
            return go(request, back, str(error), "error")
    return go(request, back, said)


HANDLERS = [listing, diff, publish, discard, roll_back]
