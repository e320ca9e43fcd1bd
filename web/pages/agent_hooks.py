"""The hooks of an agent: what happens, and what we do then."""

import copy
from collections.abc import Mapping
from typing import Any

from litestar import Response, get, post
from litestar.exceptions import NotFoundException
from litestar.response import Template
from pydantic import ValidationError

from hub.models import Agent
from hub.models.hook import Hook
from web import auth
from web.pages import hook_lines
from web.pages.editor import Draft, agent_of, save, saved, show
from web.pages.form import Errors, Form, complaints, read
from web.pages.hook_lines import BadLine
from web.pages.page import AnyRequest

NEW = "new"
WHEN = {
    "started": "It begins",
    "customer.said": "The customer says something",
    "agent.said": "The agent has said something",
    "messages": "The agent has said so many messages",
    "silence": "Nothing was said for some time",
    "duration": "It has lasted for some time",
    "tool.result": "A tool gave its result",
    "stage.entered": "A step of the flow is entered",
    "field.collected": "A field is filled",
    "digits": "A key is pressed on the phone",
    "voicemail": "A machine took the call",
    "ended": "It has ended",
}
_LINES = ("phrases", "values", "channels")
_NUMBERS = ("seconds", "count", "times")


@get("/agents/{agent_id:str}/hooks", opt={"roles": auth.BUILDERS})
async def listing(request: AnyRequest, agent_id: str) -> Template:
    """All hooks, in words."""
    agent = await agent_of(request, agent_id)
    made = [Hook.model_validate(one) for one in agent.definition.get("hooks", [])]
    shown = [(one, [hook_lines.written(do) for do in one.do]) for one in made]
    return await show(request, agent, "hooks", hooks=shown, when=WHEN)


@get("/agents/{agent_id:str}/hooks/{number:str}", opt={"roles": auth.BUILDERS})
async def hook(request: AnyRequest, agent_id: str, number: str) -> Template:
    """One hook's form, or the empty one."""
    agent = await agent_of(request, agent_id)
    return await _form(request, agent, number, _fields(_hook(agent, number)))


def _place(agent: Agent, number: str) -> int:
    hooks = agent.definition.get("hooks", [])
    if not number.isdigit() or not 1 <= int(number) <= len(hooks):
        raise NotFoundException("There is no such hook. It may have been removed.")
    return int(number) - 1


def _hook(agent: Agent, number: str) -> Hook | None:
    return None if number == NEW else Hook.model_validate(agent.definition["hooks"][_place(agent, number)])


def _fields(made: Hook | None) -> dict[str, str]:
    """A hook as its form shows it."""
    if made is None:
        return {"name": "", "on": "customer.said", "of": "", "outcome": "", "do": "", "times": "1",
                "seconds": "", "count": "", **dict.fromkeys(_LINES, "")}  # fmt: skip
    return {
        "name": made.name, "on": made.on, "of": made.of, "outcome": made.outcome,
        **{name: "\n".join(getattr(made, name)) for name in _LINES},
        **{name: str(getattr(made, name) or "") for name in _NUMBERS},
        "do": "\n".join(hook_lines.written(do) for do in made.do),
    }  # fmt: skip


async def _form(
    request: AnyRequest, agent: Agent, number: str, values: Mapping[str, str], draft: Draft | None = None,
    status: int = 200,
) -> Template:  # fmt: skip
    return await show(
        request, agent, "hook", draft, status,
        number=number, values=values, when=list(WHEN.items()), examples=hook_lines.EXAMPLES,
    )  # fmt: skip


def hook_of(form: Form) -> tuple[dict[str, Any], Errors]:
    """The hook that a form describes, and what is wrong with it by field."""
    errors: Errors = {}
    made: dict[str, Any] = {name: form.text(name) for name in ("name", "on", "of", "outcome")}
    made |= {name: [one.strip() for one in form.text(name).split("\n") if one.strip()] for name in _LINES}
    made |= {name: form.text(name) for name in _NUMBERS if form.text(name)}
    try:
        made["do"] = hook_lines.read(form.text("do"))
    except BadLine as error:
        errors["do"] = str(error)
        return made, errors
    if not made["do"]:
        errors["do"] = "Write at least one line."
    try:
        made = Hook.model_validate(made).model_dump()
    except ValidationError as error:
        found = complaints(error)
        whole = found.pop("", "")
        errors = ({"on": whole} if whole else {}) | found | errors
    return made, errors


@post("/agents/{agent_id:str}/hooks/{number:str}", opt={"roles": auth.BUILDERS}, status_code=200)
async def save_hook(request: AnyRequest, agent_id: str, number: str) -> Response[Any] | Template:
    """Save a hook, or remove it."""
    form, agent = await read(request), await agent_of(request, agent_id)
    given = {key: form.text(key, text) for key, text in _fields(_hook(agent, number)).items()}
    tree = copy.deepcopy(agent.definition)
    hooks = tree.setdefault("hooks", [])
    if form.text("do_hook") == "remove":
        del hooks[_place(agent, number)]
        said = "The hook was removed."
    else:
        made, errors = hook_of(form)
        if errors:
            draft = Draft(given, errors, "This is not saved yet. Mend what is marked below.")
            return await _form(request, agent, number, given, draft, 422)
        if number == NEW:
            hooks.append(made)
        else:
            hooks[_place(agent, number)] = made
        said = f"The hook was saved; the agent is version {agent.version + 1} now."
    outcome = await save(request, agent, form, tree, given)
    if isinstance(outcome, tuple):
        draft, status = outcome
        return await _form(request, await agent_of(request, agent_id), number, given, draft, status)
    return await saved(request, outcome, form, f"/agents/{agent.id}/hooks", said)


HANDLERS = [listing, hook, save_hook]
