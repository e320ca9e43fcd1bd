"""The results an agent's conversations are to give: their schema in forms, and the test cases of corrections."""

import copy
from typing import Any

from litestar import Response, get, post
from litestar.response import Template

from hub.models import Agent
from hub.store import results
from web import auth
from web.pages.definition import apply, check, choices_text
from web.pages.editor import Draft, agent_of, save, saved, show
from web.pages.form import read
from web.pages.page import AnyRequest

Tree = dict[str, Any]
TYPES = {
    "text": "Text", "name": "Name of a person", "number": "Number", "integer": "Whole number", "boolean": "Yes or no",
    "enum": "One of these", "date": "Date", "time": "Time", "datetime": "Date and time", "phone": "Phone number",
    "email": "Email address", "list": "List of texts",
}  # fmt: skip
MOST_CASES = 50


@get("/agents/{agent_id:str}/results", opt={"roles": auth.BUILDERS})
async def wanted(request: AnyRequest, agent_id: str) -> Template:
    """The schema and the cases."""
    return await _results(request, await agent_of(request, agent_id))


async def _results(request: AnyRequest, agent: Agent, draft: Draft | None = None, status: int = 200) -> Template:
    async with request.app.state.store.read() as db:
        cases = await results.cases(db, agent.workspace_id, agent_id=agent.id, limit=MOST_CASES)
    return await show(
        request, agent, "results", draft, status,
        wanted=agent.definition.get("results") or [], types=list(TYPES.items()), cases=cases,
        choices_text=choices_text, shape=_shape(agent.definition),
    )  # fmt: skip


def _shape(definition: Tree) -> str:
    """Which results there are, in their order."""
    return " ".join(str(one.get("name", "")) for one in definition.get("results") or [])


@post("/agents/{agent_id:str}/results", opt={"roles": auth.BUILDERS}, status_code=200)
async def save_results(request: AnyRequest, agent_id: str) -> Response[Any] | Template:
    """Save the schema; a button may also add, move or remove a result."""
    form, agent = await read(request), await agent_of(request, agent_id)
    own = ("success_criteria", "summarize")
    given = {name: form.text(name) for name in form.names() if name.startswith("results.") or name in own}
    if form.text("shape") != _shape(agent.definition):
        notice = "Someone changed the results meanwhile. Nothing of yours is saved; load the page again."
        return await _results(request, agent, Draft(notice=notice), 409)
    tree, said, do = copy.deepcopy(agent.definition), "", form.text("do")
    tree.setdefault("results", [])
    try:
        apply(tree, given)
        for result in tree["results"]:
            if result.get("type") not in ("enum", "boolean"):
                result["enum"] = []
        if ":" in do or do == "add":
            said = change(tree["results"], do) if do == "add" or check(tree)[0] is not None else ""
    except KeyError as error:
        notice = f"The form names {error}, which is not there. Load the page again."
        return await _results(request, agent, Draft({}, {}, notice), 422)
    outcome = await save(request, agent, form, tree, given)
    if isinstance(outcome, tuple):
        return await _results(request, await agent_of(request, agent_id), *outcome)
    return await saved(request, outcome, form, f"/agents/{agent.id}/results", said)


def change(wanted: list[Tree], do: str) -> str:
    """Carry out a button's `add`, `up:1`, `down:1` or `remove:1`; gives what was done. Raises `KeyError`."""
    if do == "add":
        taken, number = {one.get("name") for one in wanted}, 1
        while f"result_{number}" in taken:
            number += 1
        wanted.append({"name": f"result_{number}", "type": "text", "required": False, "enum": [], "description": ""})
        return "A result was added. Name it and say what it is."
    verb, _, place = do.partition(":")
    if not place.isdigit() or int(place) >= len(wanted) or verb not in ("up", "down", "remove"):
        raise KeyError(do)
    at = int(place)
    if verb == "remove":
        return f"{wanted.pop(at)['name'].replace('_', ' ').capitalize()} is not taken any more."
    other = at - 1 if verb == "up" else at + 1
    if 0 <= other < len(wanted):
        wanted[at], wanted[other] = wanted[other], wanted[at]
    return "The order was changed."


HANDLERS = [wanted, save_results]
