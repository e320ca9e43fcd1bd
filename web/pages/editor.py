"""Editing an agent's definition: what its tabs share. Each save is checked and goes into the draft."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from litestar import Response
from litestar.response import Template

from hub import versions
from hub.core import definitions
from hub.models import Agent, AgentDefinition, AgentVersion
from hub.store import agents, credentials
from web.pages import playground
from web.pages.definition import Tree, check, completions
from web.pages.form import Errors, Form, found, uuid_or_404
from web.pages.page import AnyRequest, go, page

MOST_NAMED = 6
CONFLICT = (
    "{who} changed this agent while you were editing it. Your changes are below and not saved yet{fields}: "
    "saving again puts them on top of what is stored now."
)


TABS = [
    ("words", "Words", ""),
    ("flow", "Flow", "/flow"),
    ("tools", "Tools", "/tools"),
    ("hooks", "Hooks", "/hooks"),
    ("knowledge", "Knowledge", "/knowledge"),
    ("voice", "Voice", "/voice"),
    ("responder", "Responder", "/responder"),
    ("results", "Results", "/results"),
    ("tests", "Tests", "/tests"),
    ("versions", "Versions", "/versions"),
    ("json", "JSON", "/json"),
]
"""The tabs of the editor: key, label, and path below the agent's."""


@dataclass(slots=True)
class Draft:
    """What was tried to be saved and why it was not. `given` are the form's values by path."""

    given: Mapping[str, str] = field(default_factory=dict)
    errors: Errors = field(default_factory=dict)
    notice: str = ""
    typed: list[str] = field(default_factory=list)


async def agent_of(request: AnyRequest, agent_id: str) -> Agent:
    """The agent of this URL in the asker's workspace, with the definition that is being worked on: its draft, if
    there is one. Raises `NotFoundException`.
    """
    async with request.app.state.store.read() as db:
        return edited(found(await agents.agent(db, request.user.workspace_id, uuid_or_404(agent_id)), "agent"))


def edited(agent: Agent) -> Agent:
    """A copy, never to be stored, with the definition that is being worked on."""
    return agent.defined(agent.edited)


async def account_choices(request: AnyRequest, workspace_id: UUID) -> list[tuple[str, str]]:
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
        agent=agent, tab=tab, tabs=TABS, draft=draft, errors=draft.errors, value=value,
        state=await _state(request, agent), names=completions(agent.definition),
        test=await playground.pane(request, agent.id), **more,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class State:
    """What is published of an agent, by whom and when, and which fields of its draft differ from that."""

    version: int
    published: AgentVersion | None
    changed: list[str]


async def _state(request: AnyRequest, agent: Agent) -> State:
    async with request.app.state.store.read() as db:
        stored = found(await agents.agent(db, agent.workspace_id, agent.id), "agent")
        published = await agents.version(db, agent.workspace_id, agent.id, stored.version)
    changed: list[str] = []
    if stored.draft is not None:
        old, new = versions.normal(stored.definition), versions.normal(stored.draft)
        changed = [name for name in new if new[name] != old.get(name)]
    return State(stored.version, published, changed)


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
    """Store the definition as the draft, or say why not: what to show, and the HTTP status."""
    definition, errors = check(tree)
    if definition is None:
        return Draft(given, errors, "This is not saved yet. Mend what is marked below."), 422
    async with request.app.state.store.write() as db:
        now = found(await agents.held(db, agent.workspace_id, agent.id), "agent")
        try:
            versions.seen(now, int(form.text("revision") or 0))
        except (ValueError, versions.Outdated):
            typed = _typed(form, given)
            return Draft(typed, {}, _conflict(now, typed)), 409
        hub, stored = request.app.state.hub.context, AgentDefinition.model_validate(definition)
        settled, faults = await definitions.settle(hub, db, agent.workspace_id, stored, now.edited)
        if faults:
            errors = {".".join(map(str, where)): words for where, words in faults}
            return Draft(given, errors, "This is not saved yet. Mend what is marked below."), 422
        definition = settled.model_dump(mode="json")
        versions.draft(now, definition, request.user.name, request.app.state.clock.now())
        return edited(now)


def _typed(form: Form, given: Mapping[str, str]) -> Mapping[str, str]:
    """What this person changed, where the browser tells; the rest may be older than what is stored."""
    changed = form.text("changed").split("\n")
    return {path: text for path, text in given.items() if path in changed} if "changed" in form else given


def _conflict(now: Agent, given: Mapping[str, str]) -> str:
    """That somebody was quicker, and which of the fields typed are others than stored."""
    texts = {path: _look(now.edited, path, None) for path in given}
    others = sorted(path for path, text in texts.items() if isinstance(text, str) and text != given[path])
    shown = ", ".join(path.replace("_", " ") for path in others[:MOST_NAMED])
    return CONFLICT.format(who=now.changed_by or "Somebody", fields=f" ({shown})" if shown else "")


async def saved(request: AnyRequest, agent: Agent, form: Form, path: str, said: str = "") -> Response[Any]:
    """Back to the tab; with "Save and test" in a fresh chat with the draft."""
    said = said or ("Saved as a draft." if agent.draft is not None else "Saved: this is what is published.")
    if form.text("do") == "test":
        chat = await playground.begin_again(request, agent.id, form.text("chat"))
        return go(request, f"{path}?chat={chat.id}", said)
    chat_id = form.text("chat")
    return go(request, f"{path}?chat={chat_id}" if chat_id.replace("-", "").isalnum() else path, said)
