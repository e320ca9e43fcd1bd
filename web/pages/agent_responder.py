"""Who decides what an agent says: an engine of ours or a server of the workspace, and a test turn for that server."""

import copy
import json
from typing import Any

from litestar import Response, get, post
from litestar.response import Template

from hub.core.secrets import refers_to
from hub.core.trying import Tried, try_turn
from hub.models import Agent, AgentDefinition
from hub.models.responder import Responder
from hub.signing import new_secret
from web import auth
from web.pages.definition import Tree
from web.pages.editor import Draft, agent_of, save, saved, show
from web.pages.form import Errors, Form, read
from web.pages.page import AnyRequest, is_htmx, page

MODES = [("hosted", "An engine of this server"), ("webhook", "A server of mine, asked at every turn")]
MOST_SAID = 2_000
_TEXTS = ("url", "secret", "fallback_message")


@get("/agents/{agent_id:str}/responder", opt={"roles": auth.BUILDERS})
async def responder(request: AnyRequest, agent_id: str, fresh: bool = False) -> Template:
    """Who decides what it says; `fresh` proposes another secret."""
    return await _responder(request, await agent_of(request, agent_id), fresh=fresh)


async def _responder(
    request: AnyRequest, agent: Agent, draft: Draft | None = None, status: int = 200, *,
    fresh: bool = False, **more: Any,
) -> Template:  # fmt: skip
    stored = Responder.model_validate(agent.definition.get("responder") or {})
    kept = refers_to(stored.secret) is not None
    values = {
        "voice_mode": agent.definition.get("voice_mode") or "hosted",
        "url": stored.url,
        "secret": "" if kept and not fresh else new_secret(),
        "timeout_seconds": f"{stored.timeout_ms / 1000:g}",
        "history": str(stored.history),
        "headers": "\n".join(f"{name}: {value}" for name, value in stored.headers.items()),
        "fallback_message": stored.fallback_message,
    }
    given = {"said": "Where is my order?", "tried": None} | more
    return await show(
        request, agent, "responder", draft, status,
        values=values | (dict(draft.given) if draft else {}), kept=kept, modes=MODES, **given,
    )  # fmt: skip


@post("/agents/{agent_id:str}/responder", opt={"roles": auth.BUILDERS}, status_code=200)
async def save_responder(request: AnyRequest, agent_id: str) -> Response[Any] | Template:
    """Save the mode and the responder."""
    form, agent = await read(request), await agent_of(request, agent_id)
    given = {name: form.text(name) for name in (*_TEXTS, "voice_mode", "timeout_seconds", "history", "headers")}
    tree, errors = copy.deepcopy(agent.definition), Errors()
    tree["voice_mode"] = given["voice_mode"] or "hosted"
    tree["responder"] = _given(form, Responder.model_validate(tree.get("responder") or {}), errors)
    if errors:
        draft = Draft(given, errors, "This is not saved yet. Mend what is marked below.")
        return await _responder(request, agent, draft, 422)
    outcome = await save(request, agent, form, tree, given)
    if isinstance(outcome, tuple):
        draft, status = outcome
        draft.errors = {_field(path): words for path, words in draft.errors.items()}
        return await _responder(request, await agent_of(request, agent_id), draft, status)
    return await saved(request, outcome, form, f"/agents/{agent.id}/responder")


def _field(path: str) -> str:
    """The field of the form that a place in the definition has."""
    name = path.removeprefix("responder.").partition(".")[0]
    return "timeout_seconds" if name == "timeout_ms" else name


def _given(form: Form, before: Responder, errors: Errors) -> Tree:
    made: Tree = {name: form.text(name) for name in _TEXTS}
    made["secret"] = made["secret"] or before.secret
    try:
        made["timeout_ms"] = round(float(form.text("timeout_seconds", "30")) * 1000)
    except (ValueError, OverflowError):
        errors["timeout_seconds"] = "A number of seconds is expected, such as 30."
    history = form.text("history", "10")
    made["history"] = int(history) if history.isdecimal() and len(history) < 6 else history
    made["headers"] = {}
    for line in form.text("headers").splitlines():
        name, colon, value = (part.strip() for part in line.partition(":"))
        if line.strip() and not (name and colon):
            errors["headers"] = "Write one “name: value” a line."
        elif name:
            made["headers"][name] = value
    return made


@post("/agents/{agent_id:str}/responder/try", opt={"roles": auth.BUILDERS}, status_code=200)
async def try_out(request: AnyRequest, agent_id: str) -> Template:
    """Send a test turn to the responder as it is saved, and show what went out and what came back."""
    form, agent = await read(request), await agent_of(request, agent_id)
    said = form.text("said")[:MOST_SAID] or "Hello"
    channel = "call" if form.text("channel") == "call" else "webchat"
    definition = AgentDefinition.model_validate(agent.definition)
    tried = await try_turn(request.app.state.hub.context, agent.workspace_id, definition, said, channel)
    if is_htmx(request):
        return page(request, "agents/tried.html", tried=tried, **shown(tried))
    return await _responder(request, agent, said=said, tried=tried, **shown(tried))


def shown(tried: Tried) -> dict[str, Any]:
    """Request and answer as people read them."""
    body = json.dumps(json.loads(tried.body), indent=2, ensure_ascii=False) if tried.body else ""
    heading = "\n".join(f"{name}: {value}" for name, value in tried.headers.items())
    return {"request_text": f"POST {tried.url}\n{heading}\n\n{body}", "lines_text": [_line(one) for one in tried.lines]}


def _line(line: dict[str, Any]) -> str:
    return json.dumps(line, ensure_ascii=False) if line else "nothing: it chose to say nothing"


HANDLERS = [responder, save_responder, try_out]
