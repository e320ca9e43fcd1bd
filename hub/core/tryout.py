"""Trying a tool out: it is really carried out, for nobody, and what was sent is shown without its secrets."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from hub.core import functions, knowing, tool_secrets
from hub.core.context import Context
from hub.dialogue import http_tool
from hub.dialogue.http_tool import Incomplete, Request, secrets_of
from hub.dialogue.outbound import Failed, Forbidden
from hub.dialogue.toolbox import Toolset
from hub.dialogue.turn import Function, Passage, ToolResult
from hub.models import Agent
from hub.models.columns import new_id
from hub.models.tool import Tool
from hub.signing import signed

HIDDEN = "•••"
_LATER = (
    "Your system took the call and gives no result at once. In a conversation, the result that it posts back is"
    " waited for; here nobody waits."
)
_WITHIN = "This tool acts within a conversation. Try it in the playground."


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of it. `request` is what was sent, its secrets hidden; None where nothing was."""

    result: ToolResult
    took_ms: int
    request: Request | None = None


async def functions_of(hub: Context, agent: Agent) -> Sequence[Function]:
    """What a model would be told of this agent's tools."""
    tools = [Tool.model_validate(one) for one in agent.definition.get("tools", [])]
    return await _box(hub, agent, agent.definition.get("parameters") or {}, tools).functions()


async def run(
    hub: Context, agent: Agent, name: str, arguments: Mapping[str, Any], parameters: Mapping[str, Any]
) -> Tried | None:
    """Call this agent's tool by its name (of a server: the name of a function of it). None: it has no such tool."""
    tools = [Tool.model_validate(one) for one in agent.definition.get("tools", [])]
    tool = next((one for one in tools if one.name == name), None)
    if tool is None and not any(one.kind == "mcp" and name.startswith(f"{one.name}_") for one in tools):
        return None
    anyone = [one.model_copy(update={"requires": ""}) for one in tools]
    values = {**(agent.definition.get("parameters") or {}), **parameters}
    began = time.perf_counter()
    if tool is not None and tool.kind == "function":
        result = await _asked(hub, agent, tool, arguments)
    elif tool is not None and tool.kind == "builtin" and tool.name != "search_knowledge":
        result = ToolResult(error=_WITHIN)
    else:
        result = await _box(hub, agent, values, anyone).call(name, arguments)
    took = round((time.perf_counter() - began) * 1000)
    return Tried(result, took, _shown(tool, arguments, values) if tool is not None else None)


def _box(hub: Context, agent: Agent, values: Mapping[str, Any], tools: Sequence[Tool]) -> Toolset:
    async def known(query: str, limit: int) -> Sequence[Passage]:
        return await knowing.search(hub, agent.workspace_id, agent.id, query, limit)

    key = f"try {time.time_ns()}"
    return Toolset(
        tools, hub.outside, known, values, key=key, secrets=partial(tool_secrets.values, hub, agent.workspace_id)
    )  # fmt: skip


def _shown(tool: Tool, arguments: Mapping[str, Any], values: Mapping[str, Any]) -> Request | None:
    if tool.kind != "http":
        return None
    try:
        return http_tool.request(tool, arguments, values, dict.fromkeys(secrets_of(tool), HIDDEN), "")
    except Incomplete:
        return None


async def _asked(hub: Context, agent: Agent, tool: Tool, arguments: Mapping[str, Any]) -> ToolResult:
    """Tell the customer's system of a call that belongs to no conversation; `test` says so."""
    if not tool.url:
        return ToolResult(error=f"It has no URL. In a conversation it is told of by the event {functions.REQUESTED}.")
    now, call_id = hub.clock.now(), str(new_id())
    data = {"call_id": call_id, "name": tool.name, "arguments": dict(arguments), "test": True}
    body = json.dumps({"type": functions.REQUESTED, "timestamp": now.isoformat(), "data": data}).encode()
    secret = await functions.signing_secret(hub, agent.workspace_id)
    headers = signed(call_id, int(now.timestamp()), body, [secret]) | {"content-type": "application/json"}
    try:
        said = await hub.outside.request(
            "POST", tool.url, headers=headers, content=body, timeout=tool.timeout_ms / 1000, limit=http_tool.LARGEST
        )  # fmt: skip
    except (Failed, Forbidden) as error:
        return ToolResult(error=str(error))
    given = functions.at_once(said)
    if given is None:
        return ToolResult({"taken": True, "note": _LATER})
    return ToolResult(given.get("result"), str(given.get("error") or ""))
