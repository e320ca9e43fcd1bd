"""The flow of an agent as numbered steps, edited in forms."""

import copy
from collections.abc import Mapping
from typing import Any

from litestar import Response, get, post
from litestar.response import Template

from hub.models import Agent
from hub.models.flow import Flow
from web import auth
from web.pages import steps
from web.pages.definition import apply, check, choices_text
from web.pages.editor import Draft, agent_of, save, saved, show
from web.pages.form import read
from web.pages.page import AnyRequest


@get("/agents/{agent_id:str}/flow", opt={"roles": auth.BUILDERS})
async def flow(request: AnyRequest, agent_id: str) -> Template:
    """The steps of the conversation."""
    return await _flow(request, await agent_of(request, agent_id))


async def _flow(request: AnyRequest, agent: Agent, draft: Draft | None = None, status: int = 200) -> Template:
    made = Flow.model_validate(agent.definition.get("flow") or {})
    return await show(
        request, agent, "flow", draft, status,
        steps=steps.view(made), shape=_shape(agent.definition), choices_text=choices_text,
        stage_types=steps.STAGE_TYPES, field_types=steps.FIELD_TYPES, meanings=steps.MEANINGS,
        targets=[(stage.id, f"{number}. {steps.title(stage)}") for number, stage in enumerate(made.stages, 1)],
    )  # fmt: skip


def _shape(definition: Mapping[str, Any]) -> str:
    """Which steps there are, in order, and how many parts each has."""
    stages = definition.get("flow", {}).get("stages", [])
    return " ".join(f"{s['id']}:{len(s.get('fields', []))}:{len(s.get('transitions', []))}" for s in stages)


@post("/agents/{agent_id:str}/flow", opt={"roles": auth.BUILDERS}, status_code=200)
async def save_flow(request: AnyRequest, agent_id: str) -> Response[Any] | Template:
    """Save the texts of all steps; a button may also add, move or remove one."""
    form, agent = await read(request), await agent_of(request, agent_id)
    given = {name: form.text(name) for name in form.names() if name.startswith("flow.")}
    if given and form.text("shape") != _shape(agent.definition):
        notice = (
            f"{agent.changed_by or 'Somebody'} changed the steps meanwhile. "
            "Nothing of yours is saved; what you typed is listed below to copy from."
        )
        typed = [text for text in given.values() if len(text) > 12 and " " in text]
        return await _flow(request, agent, Draft(notice=notice, typed=typed), 409)
    tree, said, do = copy.deepcopy(agent.definition), "", form.text("do")
    try:
        apply(tree, given)
        if ":" in do and check(tree)[0] is not None:
            said = steps.change(tree, do)
    except KeyError as error:
        notice = f"The form names {error}, which is not there. Load the page again."
        return await _flow(request, agent, Draft({}, {}, notice), 422)
    outcome = await save(request, agent, form, tree, given)
    if isinstance(outcome, tuple):
        return await _flow(request, await agent_of(request, agent_id), *outcome)
    return await saved(request, outcome, form, f"/agents/{agent.id}/flow", said)


HANDLERS = [flow, save_flow]
