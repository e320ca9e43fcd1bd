"""Editing an agent's definition: what its tabs share. Each save is checked and makes a new version."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from litestar import Response
from litestar.response import Template

from hub.core import definitions
from hub.models import Agent, AgentDefinition
from hub.store import agents, credentials
from web.pages import playground
from web.pages.definition import Tree, check, completions
from web.pages.form import Errors, Form, found, uuid_or_404
from web.pages.page import AnyRequest, go, page

CONFLICT = (
    "Someone saved version {now} while you were editing version {then}. "
    "Your changes are below and not saved yet: saving again puts them on top of version {now}."
)


@dataclass(slots=True)
class Draft:
    """What was tried to be saved and why it was not. `given` are the form's values by path."""

    given: Mapping[str, str] = field(default_factory=dict)
    errors: Errors = field(default_factory=dict)
    notice: str = ""
    typed: list[str] = field(default_factory=list)


async def agent_of(request: AnyRequest, agent_id: str) -> Agent:
    """The agent of this URL in the asker's workspace. Raises `NotFoundException`."""
    async with request.app.state.store.read() as db:
        return found(await agents.agent(db, request.user.workspace_id, uuid_or_404(agent_id)), "agent")


async def accounts(request: AnyRequest, workspace_id: UUID) -> list[tuple[str, str]]:
    """The accounts that an engine may use, to choose from."""
    async with request.app.state.store.read() as db:
        rows = await credentials.credentials(db, workspace_id)
    return [("", "This server's own"), *((str(row.id), f"{row.name} ({row.vendor})") for row in rows)]


async def show(
    request: AnyRequest, agent: Agent, tab: str, draft: Draft | None = None, status: int = 200, **more: Any
) -> Template:
    """A tab of the editor, with the live test beside it."""
    draft = draft or Draft()

    def value(path: str, default: Any = "") -> Any:
        if path in draft.given:
            return draft.given[path]
        return _look(agent.definition, path, default)

    return page(
        request, f"agents/{tab}.html", "agents", status=status,
        agent=agent, tab=tab, draft=draft, errors=draft.errors, value=value,
        names=completions(agent.definition), test=await playground.pane(request, agent), **more,
    )  # fmt: skip


def _look(tree: Any, path: str, default: Any) -> Any:
    for part in path.split("."):
        if isinstance(tree, list) and part.isdigit() and int(part) < len(tree):
            tree = tree[int(part)]
        elif isinstance(tree, dict) and part in tree:
            tree = tree[part]
        else:
            return default
    return default if tree is None else tree


async def save(
    request: AnyRequest, agent: Agent, form: Form, tree: Tree, given: Mapping[str, str]
) -> tuple[Draft, int] | Agent:
    """Store the definition under the next version, or say why not: what to show, and the HTTP status."""
    definition, errors = check(tree)
    if definition is None:
        return Draft(given, errors, "This is not saved yet. Mend what is marked below."), 422
    async with request.app.state.store.write() as db:
        now = found(await agents.agent(db, agent.workspace_id, agent.id), "agent")
        if form.text("version") != str(now.version):
            words = CONFLICT.format(now=now.version, then=form.text("version") or "?")
            return Draft(given, {}, words), 409
        hub, stored = request.app.state.hub.context, AgentDefinition.model_validate(definition)
        settled, faults = await definitions.settle(hub, db, agent.workspace_id, stored, now.definition)
        if faults:
            errors = {".".join(map(str, where)): words for where, words in faults}
            return Draft(given, errors, "This is not saved yet. Mend what is marked below."), 422
        made, at = settled.model_dump(mode="json"), request.app.state.clock.now()
        await agents.change_definition(db, agent.workspace_id, agent.id, made, at)
        return now


async def saved(request: AnyRequest, agent: Agent, form: Form, path: str, said: str = "") -> Response[Any]:
    """Back to the tab; with "Save and test" in a fresh chat with the new version."""
    said = said or f"Saved as version {agent.version}."
    if form.text("do") == "test":
        chat = await playground.begin_again(request, agent, form.text("chat"))
        return go(request, f"{path}?chat={chat.id}", said)
    chat_id = form.text("chat")
    return go(request, f"{path}?chat={chat_id}" if chat_id.replace("-", "").isalnum() else path, said)
