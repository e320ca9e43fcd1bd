"""How an agent listens and speaks on calls: engines, patience, quiet, recording, what it says when it is stuck."""

import copy
from typing import Any

from litestar import Response, get, post
from litestar.response import Template

from hub.engines import TRANSCRIBERS, VOICES
from hub.models import Agent
from hub.models.voice import Call
from web import auth
from web.pages.definition import apply
from web.pages.editor import Draft, accounts, agent_of, save, saved, show
from web.pages.form import Form, read
from web.pages.page import AnyRequest

HEARING_WORDS = {
    "sphinx": "Embedded, English",
}
SPEAKING_WORDS = {
    "espeak": "Embedded, many languages",
}
ENDS = [("engine", "By the engine's sign"), ("silence", "By quiet")]


@get("/agents/{agent_id:str}/voice", opt={"roles": auth.BUILDERS})
async def voice(request: AnyRequest, agent_id: str) -> Template:
    """How it listens and speaks."""
    return await _voice(request, await _agent_of(request, agent_id))


async def _agent_of(request: AnyRequest, agent_id: str) -> Agent:
    """The agent with all settings for calls, also when it was stored before there were any."""
    agent = await agent_of(request, agent_id)
    call = Call.model_validate(agent.definition.get("call") or {})
    agent.definition = {**agent.definition, "call": call.model_dump(mode="json")}
    return agent


async def _voice(request: AnyRequest, agent: Agent, draft: Draft | None = None, status: int = 200) -> Template:
    return await show(
        request, agent, "voice", draft, status,
        hearing=[(name, HEARING_WORDS.get(name, name)) for name in TRANSCRIBERS],
        speaking=[(name, SPEAKING_WORDS.get(name, name)) for name in VOICES], ends=ENDS,
        accounts=await accounts(request, agent.workspace_id),
    )  # fmt: skip


@post("/agents/{agent_id:str}/voice", opt={"roles": auth.BUILDERS}, status_code=200)
async def save_voice(request: AnyRequest, agent_id: str) -> Response[Any] | Template:
    """Save the settings for calls."""
    form, agent = await read(request), await _agent_of(request, agent_id)
    given = _given(form)
    tree = copy.deepcopy(agent.definition)
    try:
        apply(tree, given)
    except KeyError as error:
        notice = f"The form names {error}, which is not there. Load the page again."
        return await _voice(request, agent, Draft({}, {}, notice), 422)
    outcome = await save(request, agent, form, tree, given)
    if isinstance(outcome, tuple):
        return await _voice(request, await _agent_of(request, agent_id), *outcome)
    return await saved(request, outcome, form, f"/agents/{agent.id}/voice")


def _given(form: Form) -> dict[str, str]:
    return {name: form.text(name) for name in form.names() if name.startswith("call.")}


HANDLERS = [voice, save_voice]
