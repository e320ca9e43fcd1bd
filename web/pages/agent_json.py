"""An agent's whole definition as text; faults are named with their lines."""

import json
from operator import itemgetter
from typing import Any

from litestar import Response, get, post
from litestar.response import Template

from hub.models import Agent
from web import auth
from web.pages.definition import Tree
from web.pages.editor import Draft, agent_of, save, saved, show
from web.pages.form import read
from web.pages.json_lines import line_of
from web.pages.page import AnyRequest


@get("/agents/{agent_id:str}/json", opt={"roles": auth.BUILDERS})
async def as_json(request: AnyRequest, agent_id: str) -> Template:
    """The whole definition as text."""
    return await _as_json(request, await agent_of(request, agent_id))


async def _as_json(
    request: AnyRequest, agent: Agent, draft: Draft | None = None, status: int = 200, **more: Any
) -> Template:
    text = json.dumps(agent.definition, indent=2, ensure_ascii=False)
    return await show(request, agent, "json", draft, status, text=text, **({"faults": []} | more))


@post("/agents/{agent_id:str}/json", opt={"roles": auth.BUILDERS}, status_code=200)
async def save_json(request: AnyRequest, agent_id: str) -> Response[Any] | Template:
    """Save the definition from its text; each fault is named with its line."""
    form, agent = await read(request), await agent_of(request, agent_id)
    text = form.text("definition")
    given = {"definition": text}
    try:
        tree = _parsed(text)
    except ValueError as error:
        line = _line(text, error) if isinstance(error, json.JSONDecodeError) else 1
        said = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        fault = {
            "line": line,
            "path": "",
            "words": f"This is not JSON here: {said}. Look for a comma or quote.",
        }
        draft = Draft(given, {"definition": "no"}, "This is not saved yet. Mend what is listed below.")
        return await _as_json(request, agent, draft, 422, faults=[fault])
    outcome = await save(request, agent, form, tree, given)
    if isinstance(outcome, tuple):
        draft, status = outcome
        faults = [{"line": line_of(text, path), "path": path, "words": words} for path, words in draft.errors.items()]
        faults.sort(key=itemgetter("line"))
        return await _as_json(request, await agent_of(request, agent_id), draft, status, faults=faults)
    return await saved(request, outcome, form, f"/agents/{agent.id}/json")


def _line(text: str, error: json.JSONDecodeError) -> int:
    """The line to mend: a comma that is lacking is lacking where the value before it ends."""
    end = len(text[: error.pos].rstrip()) if error.msg.startswith("Expecting ',' delimiter") else error.pos
    return text.count("\n", 0, end) + 1


def _parsed(text: str) -> Tree:
    try:
        tree = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(tree, dict):
        raise ValueError("it must be one object { ... }")
    return tree


HANDLERS = [as_json, save_json]
