"""How an agent listens and speaks on calls: engines, patience, quiet, recording, what it says when it is stuck."""

import copy
from collections.abc import Mapping, Sequence
from functools import partial, reduce
from typing import Any

from litestar import Response, get, post
from litestar.response import Template

from hub.core.whose import Whose
from hub.engine import Account
from hub.engines import TRANSCRIBERS, VOICES, choice
from hub.models import Agent
from hub.models.voice import Call, Hearing, Speaking
from web import auth, engine_words
from web.pages.definition import apply
from web.pages.editor import Draft, account_choices, agent_of, save, saved, show
from web.pages.form import Form, read
from web.pages.page import AnyRequest

ENDS = [("engine", "By the engine's sign"), ("silence", "By quiet")]


@get("/agents/{agent_id:str}/voice", opt={"roles": auth.BUILDERS})
async def voice(request: AnyRequest, agent_id: str) -> Template:
    """How it listens and speaks."""
    return await _voice(request, await _agent_of(request, agent_id))


async def _agent_of(request: AnyRequest, agent_id: str) -> Agent:
    """The agent with all settings for calls, also when it was stored before there were any."""
    agent = await agent_of(request, agent_id)
    call = Call.model_validate(agent.definition.get("call") or {})
    speaking = call.speaking
    if speaking.voice and speaking.engine in VOICES:  # each engine has a field for its own
        speaking.voices = {speaking.engine: speaking.voice, **speaking.voices}
        speaking.voice = ""
    agent.definition = {**agent.definition, "call": call.model_dump(mode="json")}
    return agent


async def _voice(request: AnyRequest, agent: Agent, draft: Draft | None = None, status: int = 200) -> Template:
    whose = Whose(request.app.state.hub.context.accounts, agent.workspace_id, agent.definition)
    heard_by, accounts = await whose.at_hand("ears"), await whose.at_hand("mouth")
    call, language = Call.model_validate(agent.definition["call"]), str(agent.definition.get("language", "en-US"))
    mouths = choice.mouths(call.speaking, accounts)
    return await show(
        request, agent, "voice", draft, status, ends=ENDS,
        hearing=engine_words.options(TRANSCRIBERS, choice.ears(Hearing(), language, heard_by), heard_by),
        speaking=engine_words.options(VOICES, choice.mouths(Speaking(), accounts), accounts),
        hears_now=engine_words.order(choice.ears(call.hearing, language, heard_by)),
        speaks_now=engine_words.order(mouths), voiced=_voiced(call.speaking, mouths, accounts),
        usual=partial(_usual, Call().model_dump()),
        accounts=await account_choices(request, agent.workspace_id),
    )  # fmt: skip


def _usual(defaults: Mapping[str, Any], path: str) -> Any:
    """The default of a setting."""
    return reduce(lambda found, name: found[name], path.split("."), defaults)


def _voiced(speaking: Speaking, mouths: Sequence[str], accounts: Mapping[str, Account]) -> list[tuple[str, str]]:
    """The engines that may have a voice chosen here, with their names: those that can speak, in their order."""
    able = [name for name in VOICES if not engine_words.vendor(name) or engine_words.vendor(name) in accounts]
    named = [name for name in (*mouths, *able, *speaking.voices) if name in VOICES]
    return [(name, engine_words.its_voice(name)) for name in dict.fromkeys(named)]


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
