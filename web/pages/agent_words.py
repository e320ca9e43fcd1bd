"""The first tab of an agent: who it is, what it says, what thinks for it."""

import copy
from collections.abc import Mapping
from typing import Any

from litestar import Response, get, post
from litestar.response import Template

from hub.core.whose import Whose
from hub.engines import ENGINES, choice
from hub.models import Agent
from hub.models.agent import Thinking
from web import auth, engine_words
from web.pages.definition import apply, check, wanted
from web.pages.editor import Draft, account_choices, agent_of, save, saved, show
from web.pages.form import read
from web.pages.page import AnyRequest

TIERS = [("turbo", "Turbo: the quickest and cheapest"), ("balanced", "Balanced"), ("max", "Max: the most thorough")]


@get("/agents/{agent_id:str}", opt={"roles": auth.BUILDERS})
async def words(request: AnyRequest, agent_id: str) -> Template:
    """Who the agent is and what it says."""
    return await _words(request, await agent_of(request, agent_id))


async def _words(request: AnyRequest, agent: Agent, draft: Draft | None = None, status: int = 200) -> Template:
    parameters = agent.definition.get("parameters", {})
    thinking = Thinking.model_validate(agent.definition.get("thinking") or {})
    agent.definition = {**agent.definition, "thinking": thinking.model_dump(mode="json")}
    accounts = await Whose(request.app.state.hub.context.accounts, agent.workspace_id, agent.definition).at_hand("mind")
    return await show(
        request, agent, "words", draft, status,
        engines=engine_words.options(ENGINES, choice.minds({}, accounts), accounts),
        parameters="\n".join(f"{key} = {'' if text is None else text}" for key, text in parameters.items()),
        wanted=wanted(agent.definition), tiers=TIERS, usual=Thinking(),
        accounts=await account_choices(request, agent.workspace_id),
    )  # fmt: skip


_WORDS = {
    "name", "description", "engine", "credential_id", "language", "prompt", "opening_message",
    "fallback_message", "human_message", "goodbye_message", "error_message", "engine_fallbacks",
    "thinking.tier", "thinking.model", "thinking.model_fallbacks", "thinking.temperature", "thinking.top_p",
    "thinking.max_tokens",
}  # fmt: skip


@post("/agents/{agent_id:str}", opt={"roles": auth.BUILDERS}, status_code=200)
async def save_words(request: AnyRequest, agent_id: str) -> Response[Any] | Template:
    """Save the words."""
    form, agent = await read(request), await agent_of(request, agent_id)
    given = {name: form.text(name) for name in form.names()}
    tree, errors = copy.deepcopy(agent.definition), {}
    tree["thinking"] = Thinking.model_validate(tree.get("thinking") or {}).model_dump(mode="json")
    for name in _WORDS & given.keys():
        apply(tree, {name: given[name]})
    if form.on("customer_first"):
        tree["opening_message"] = None
    elif "opening_message" in given and not given["opening_message"]:
        errors["opening_message"] = "Write what it says first, or let the customer speak first."
    if "idle_minutes" in given:
        try:
            tree["timing"] = {"idle_close_seconds": round(float(given["idle_minutes"]) * 60)}
        except (ValueError, OverflowError):
            errors["timing.idle_close_seconds"] = "A number of minutes is expected, such as 60."
    if "parameters" in given:
        tree["parameters"] = _parameters(given["parameters"], tree.get("parameters", {}))
    if errors:
        errors |= check(tree)[1]
        draft = Draft(given, errors, "This is not saved yet. Mend what is marked below.")
        return await _words(request, agent, draft, 422)
    outcome = await save(request, agent, form, tree, given)
    if isinstance(outcome, tuple):
        return await _words(request, await agent_of(request, agent_id), *outcome)
    return await saved(request, outcome, form, f"/agents/{agent.id}")


def _parameters(text: str, before: Mapping[str, Any]) -> dict[str, Any]:
    """One `name = value` a line; a value that reads as before keeps its type."""
    made: dict[str, Any] = {}
    for line in text.splitlines():
        name, _, value = (part.strip() for part in line.partition("="))
        if name:
            made[name] = before[name] if name in before and str(before[name]) == value else value
    return made


HANDLERS = [words, save_words]
