"""The tools of an agent: list, form, and trying one out."""

import copy
import json
import time
from collections.abc import Mapping
from typing import Any

from litestar import Response, get, post
from litestar.exceptions import NotFoundException
from litestar.response import Template
from pydantic import ValidationError

from hub.dialogue.template import names
from hub.dialogue.toolbox import Toolset
from hub.models import Agent
from hub.models.tool import Tool
from web import auth
from web.pages.chat import pretty
from web.pages.definition import Tree
from web.pages.editor import Draft, agent_of, save, saved, show
from web.pages.form import Errors, Form, complaints, read
from web.pages.page import AnyRequest, is_htmx, page

NEW = "new"
BUILTIN = {
    "hand_to_human": "Passes the conversation to a person.",
    "hang_up": "Ends the conversation.",
    "verify_customer": "Sends a one-time code (`to` a number or mailbox, else whence they come), or checks a `code`.",
    "record_refusal": "Writes down that they want no `what`: calls, texts, marketing, recording or everything.",
    "send_text": "Sends a `text` by SMS, `to` a number or the one they call from.",
    "send_mail": "Sends a `text` with a `subject` by email.",
    "send_link": "Sends a `question` that is answered at a link, or a `url`; `by` email or SMS.",
}
_EMPTY = Tool(name="look_up", method="GET").model_dump() | {"name": ""}
_MEANINGS = {
    "400": "The server did not understand the request: check the body and the query.",
    "401": "The server wants a valid key: check the headers.",
    "403": "The server does not allow this: check the key's rights.",
    "404": "The server has nothing at this URL: check it and the arguments.",
    "405": "The server does not take this method here.",
    "422": "The server refused the values: check the arguments.",
    "429": "The server has had too many requests: wait and try again.",
}


@get("/agents/{agent_id:str}/tools", opt={"roles": auth.BUILDERS})
async def listing(request: AnyRequest, agent_id: str) -> Template:
    """The agent's tools."""
    return await show(request, await agent_of(request, agent_id), "tools")


@get("/agents/{agent_id:str}/tools/{name:str}", opt={"roles": auth.BUILDERS})
async def tool(request: AnyRequest, agent_id: str, name: str) -> Template:
    """One tool's form, or the empty one."""
    agent = await agent_of(request, agent_id)
    return await _form(request, agent, name, fields(_tool(agent, name)))


def _tool(agent: Agent, name: str) -> Tree:
    if name == NEW:
        return dict(_EMPTY)
    for made in agent.definition.get("tools", []):
        if made["name"] == name:
            return dict(Tool.model_validate(made).model_dump())
    raise NotFoundException("There is no such tool. It may have been renamed or removed.")


async def _form(
    request: AnyRequest, agent: Agent, name: str, values: Mapping[str, str], draft: Draft | None = None,
    status: int = 200, **more: Any,
) -> Template:  # fmt: skip
    stored = _tool(agent, name)
    asked = [*stored["arguments"].get("properties", {}), *names(json.dumps(stored, ensure_ascii=False))]
    parameters = agent.definition.get("parameters", {})
    tryable = [(key, parameters.get(key)) for key in dict.fromkeys(asked) if '"' not in key]
    return await show(
        request, agent, "tool", draft, status,
        **({"name": name, "values": values, "tryable": tryable, "outcome": None, "builtin": BUILTIN} | more),
    )  # fmt: skip


def fields(stored: Tree) -> dict[str, str]:
    """A tool as its form shows it."""
    return {
        **{key: str(stored[key]) for key in ("name", "description", "kind", "method", "url", "requires")},
        "waiting_message": stored["waiting_message"],
        "fallback_message": stored["fallback_message"],
        "headers": "\n".join(f"{key}: {text}" for key, text in stored["headers"].items()),
        "query": "\n".join(f"{key} = {text}" for key, text in stored["query"].items()),
        "body": "" if stored["body"] is None else json.dumps(stored["body"], indent=2, ensure_ascii=False),
        "arguments": json.dumps(stored["arguments"], indent=2, ensure_ascii=False) if stored["arguments"] else "",
        "timeout_seconds": f"{stored['timeout_ms'] / 1000:g}",
    }


def tool_of(form: Form) -> tuple[Tree, Errors]:
    """The tool that a form describes, and what is wrong with it by field."""
    errors: Errors = {}
    made: Tree = {
        key: form.text(key) for key in ("name", "description", "url", "requires", "waiting_message", "fallback_message")
    }
    made |= {"kind": form.text("kind", "http"), "method": form.text("method", "GET")}
    made["headers"] = _pairs(form.text("headers"), ":", "headers", errors)
    made["query"] = _pairs(form.text("query"), "=", "query", errors)
    made["body"] = _object(form.text("body"), "body", errors, None)
    made["arguments"] = _object(form.text("arguments"), "arguments", errors, {})
    try:
        made["timeout_ms"] = round(float(form.text("timeout_seconds", "10")) * 1000)
    except (ValueError, OverflowError):
        errors["timeout_seconds"] = "A number of seconds is expected, such as 10."
        made["timeout_ms"] = 10_000
    if made["kind"] == "http" and not made["url"].startswith(("http://", "https://", "{{")):
        errors["url"] = "Write the whole address, beginning with https:// or a {{parameter}}."
    try:
        made = Tool.model_validate(made).model_dump()
    except ValidationError as error:
        faults = complaints(error)
        if "timeout_ms" in faults:
            faults["timeout_seconds"] = "Between 1 and 120 seconds."
            del faults["timeout_ms"]
        errors = faults | errors
    return made, errors


def _pairs(text: str, sign: str, field: str, errors: Errors) -> dict[str, str]:
    made = {}
    for line in text.split("\n"):
        if not line.strip():
            continue
        key, found, value = (part.strip() for part in line.partition(sign))
        if not found or not key:
            errors[field] = f"Write one “name{sign} value” a line; this is none: {line[:60]}"
        made[key] = value
    return made


def _object(text: str, field: str, errors: Errors, empty: Any) -> Any:
    if not text:
        return empty
    try:
        made = json.loads(text)
        if isinstance(made, dict):
            return made
        errors[field] = "An object in braces { ... } is expected."
    except json.JSONDecodeError as error:
        errors[field] = f"Line {error.lineno} is not JSON: {error.msg}. Look for a comma or a quote."
    except RecursionError:
        errors[field] = "This is nested too deeply."
    return empty


@post("/agents/{agent_id:str}/tools/{name:str}", opt={"roles": auth.BUILDERS}, status_code=200)
async def save_tool(request: AnyRequest, agent_id: str, name: str) -> Response[Any] | Template:
    """Save a tool, or remove it."""
    form, agent = await read(request), await agent_of(request, agent_id)
    stored = fields(_tool(agent, name))
    tree = copy.deepcopy(agent.definition)
    others = [made for made in tree.get("tools", []) if made["name"] != name]
    given = {key: form.text(key, text) for key, text in stored.items()}
    if form.text("do") == "remove":
        tree["tools"] = others
        said = f"The tool {name} was removed."
    else:
        made, errors = tool_of(form)
        if made["name"] in {other["name"] for other in others} or made["name"] == NEW:
            errors["name"] = "Another tool has this name. Choose a different one."
        if errors:
            draft = Draft(given, errors, "This is not saved yet. Mend what is marked below.")
            return await _form(request, agent, name, given, draft, 422)
        tree["tools"] = [made if old["name"] == name else old for old in tree.get("tools", [])] + (
            [made] if name == NEW else []
        )
        said = f"The tool {made['name']} was saved; the agent is version {agent.version + 1} now."
    outcome = await save(request, agent, form, tree, given)
    if isinstance(outcome, tuple):
        draft, status = outcome
        return await _form(request, await agent_of(request, agent_id), name, given, draft, status)
    after = "" if form.text("do") == "remove" else f"/{form.text('name')}"
    return await saved(request, outcome, form, f"/agents/{agent.id}/tools{after}", said)


@post("/agents/{agent_id:str}/tools/{name:str}/try", opt={"roles": auth.BUILDERS}, status_code=200)
async def try_tool(request: AnyRequest, agent_id: str, name: str) -> Template:
    """Call the stored tool with these arguments, for real, and show what came back."""
    form, agent = await read(request), await agent_of(request, agent_id)
    made = Tool.model_validate(_tool(agent, name))
    outcome = await _tried(request, agent, made, {k: v for k, v in form.under("argument.").items() if v})
    if is_htmx(request):
        return page(request, "agents/outcome.html", outcome=outcome)
    return await _form(request, agent, name, fields(made.model_dump()), outcome=outcome)


async def _tried(request: AnyRequest, agent: Agent, made: Tool, arguments: Mapping[str, str]) -> dict[str, Any]:
    async def nothing(query: str, limit: int) -> list[Any]:
        return []

    properties = made.arguments.get("properties", {})
    parameters = {**agent.definition.get("parameters", {}), **arguments}
    outside = request.app.state.hub.context.outside
    anyone = made.model_copy(update={"requires": ""})
    box = Toolset([anyone], outside, nothing, parameters, key=f"try {time.time_ns()}")
    began = time.perf_counter()
    result = await box.call(made.name, {k: v for k, v in arguments.items() if k in properties or not properties})
    status = result.error.split(" ", 1)[0] if result.error else ""
    meaning = _MEANINGS.get(status, "")
    if not meaning and status.isdigit():
        meaning = "The server failed. Try again later." if status >= "500" else "The server did not do it."
    return {
        "good": not result.error,
        "error": result.error,
        "meaning": meaning,
        "took_ms": int((time.perf_counter() - began) * 1000),
        "text": pretty(result.data, 20_000),
        "empty": result.data is None,
    }


HANDLERS = [listing, tool, save_tool, try_tool]
