"""What an agent may do beside talking: call tools of all kinds, search its knowledge. Trouble is in the result."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from hub.arguments import checked
from hub.dialogue import http_tool
from hub.dialogue.builtins import ALWAYS, BUILTINS, SEARCH
from hub.dialogue.http_tool import Incomplete, key_of, secrets_of, veiled
from hub.dialogue.mcp import Mcp, McpFailed, McpTool
from hub.dialogue.outbound import Failed, Forbidden, Outside
from hub.dialogue.turn import Function, Passage, ToolResult
from hub.models.tool import Tool

MOST_FUNCTION_NAME = 64

Search = Callable[[str, int], Awaitable[Sequence[Passage]]]
Secrets = Callable[[Sequence[str]], Awaitable[Mapping[str, str]]]
Ask = Callable[[Tool, Mapping[str, Any], str], Awaitable[ToolResult]]
"""Asks the customer's system to carry out a function; the text is the key of the call."""


class Acts(Protocol):
    """The tools that are built in, within one interaction; `hub.core.acts` has them."""

    def knows(self, name: str) -> bool: ...

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolResult: ...

    async def verified(self) -> bool: ...


async def no_secrets(names: Sequence[str]) -> Mapping[str, str]:
    return {}


async def nobody(tool: Tool, arguments: Mapping[str, Any], key: str) -> ToolResult:
    return ToolResult(error=f"Nobody can be asked for {tool.name!r} here.")


class Toolset:
    """A `Toolbox` over the tools of a definition. `key` tells repeated calls from new ones; `scope` is whose
    connections to servers are kept.

    Those built in can be called by their name, also where the definition does not list them; without `acts` there are
    none, and nobody is verified.
    """

    def __init__(
        self, tools: Sequence[Tool], outside: Outside, search: Search, parameters: Mapping[str, Any], *,
        key: str = "", scope: str = "", acts: Acts | None = None, secrets: Secrets = no_secrets, ask: Ask = nobody,
    ) -> None:  # fmt: skip
        self._tools = {tool.name: tool for tool in tools}
        self._outside, self._search, self._parameters = outside, search, parameters
        self._key, self._scope, self._acts, self._secrets, self._ask = key, scope or key, acts, secrets, ask

    async def search(self, query: str, limit: int = 3) -> Sequence[Passage]:
        return await self._search(query, limit)

    async def functions(self, stage_tools: Sequence[str] | None = None) -> Sequence[Function]:
        """What a model may call: the tools listed (of these, the stage's own where it has some), and what is always
        at hand. A server that does not answer offers nothing."""
        made: dict[str, Function] = {}
        for tool in self._tools.values():
            if stage_tools is None or tool.name in stage_tools:
                found = await self._offered(tool) if tool.kind == "mcp" else [function(tool)]
                made |= {one.name: one for one in found}
        for name in (*ALWAYS, SEARCH) if self._acts is not None else (SEARCH,):
            made.setdefault(name, function(Tool(name=name, kind="builtin")))
        return list(made.values())

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolResult:
        """The result of a tool. An error begins with the HTTP status where there is one ("404 ...")."""
        tool = self._tools.get(name) or self._server_of(name) or self._builtin(name)
        if tool is None:
            return ToolResult(error=f"There is no tool {name!r}.")
        if tool.requires == "verified" and not (self._acts and await self._acts.verified()):
            return ToolResult(error=f"The tool {name!r} is only for customers whose identity is verified.")
        schema = function(tool).parameters if tool.kind != "mcp" else {}
        given, fault = checked(schema, arguments)
        if fault:
            return ToolResult(error=fault)
        secrets = await self._secrets(secrets_of(tool)) if tool.kind in ("http", "mcp") else {}
        try:
            found = await self._carried_out(tool, name, given, secrets)
        except (Forbidden, Failed, Incomplete, McpFailed) as error:
            found = ToolResult(error=str(error))
        return ToolResult(veiled(found.data, secrets), veiled(found.error, secrets), found.pieces) if secrets else found

    async def _carried_out(
        self, tool: Tool, name: str, given: Mapping[str, Any], secrets: Mapping[str, str]
    ) -> ToolResult:
        match tool.kind:
            case "http":
                return await self._request(tool, given, secrets)
            case "function":
                return await self._ask(tool, given, key_of(self._key, tool.name, given))
            case "mcp":
                return await self._mcp(tool, secrets).call(await self._remote(tool, name, secrets), given)
        if tool.name == SEARCH:
            return await self._looked_up(str(given["query"]))
        if self._acts is None or not self._acts.knows(tool.name):
            return ToolResult(error=f"The tool {tool.name!r} is not one that can be called here.")
        return await self._acts.call(tool.name, given)

    def _builtin(self, name: str) -> Tool | None:
        known = name == SEARCH or (self._acts is not None and self._acts.knows(name))
        return Tool(name=name, kind="builtin") if known else None

    async def _request(self, tool: Tool, given: Mapping[str, Any], secrets: Mapping[str, str]) -> ToolResult:
        asked = http_tool.request(tool, given, self._parameters, secrets, self._key)
        answer = await self._outside.request(
            asked.method,
            asked.url,
            headers=asked.headers,
            params=asked.query,
            body=asked.body,
            timeout=tool.timeout_ms / 1000,
            limit=http_tool.LARGEST,
        )
        return http_tool.result(answer)

    async def _looked_up(self, query: str) -> ToolResult:
        found = await self._search(query, 5)
        return ToolResult([{"title": one.title, "text": one.text, "source": one.source} for one in found])

    # servers of tools

    def _mcp(self, tool: Tool, secrets: Mapping[str, str]) -> Mcp:
        asked = http_tool.request(tool, {}, self._parameters, secrets, self._key)
        headers = {name: text for name, text in asked.headers.items() if name != "Idempotency-Key"}
        return Mcp(
            self._outside, asked.url, headers, scope=self._scope, timeout_seconds=tool.timeout_ms / 1000
        )  # fmt: skip

    def _server_of(self, name: str) -> Tool | None:
        """The server that a tool's name begins with; the longest one."""
        servers = [t for t in self._tools.values() if t.kind == "mcp" and name.startswith(f"{t.name}_")]
        return max(servers, key=lambda tool: len(tool.name), default=None)

    async def _offered(self, tool: Tool) -> list[Function]:
        secrets = await self._secrets(secrets_of(tool))
        try:
            listed = await self._mcp(tool, secrets).tools()
        except (Forbidden, Failed, Incomplete, McpFailed):
            return []
        return [_of_server(tool, one) for one in listed if not tool.only or one.name in tool.only]

    async def _remote(self, tool: Tool, name: str, secrets: Mapping[str, str]) -> str:
        """What the server calls it. Raises `McpFailed` for one that is not offered."""
        for one in await self._mcp(tool, secrets).tools():
            if (not tool.only or one.name in tool.only) and name in (_named(tool, one.name), f"{tool.name}_{one.name}"):
                return one.name
        raise McpFailed(f"The server offers no tool {name.removeprefix(tool.name + '_')!r}.")


_NO_ARGUMENTS: Mapping[str, Any] = {"type": "object", "properties": {}}


def function(tool: Tool) -> Function:
    """A tool as a model is told of it."""
    builtin = BUILTINS.get(tool.name) if tool.kind == "builtin" else None
    return Function(
        tool.name,
        tool.description or (builtin.description if builtin else ""),
        (builtin.parameters if builtin else tool.arguments) or _NO_ARGUMENTS,
        waiting_message=tool.waiting_message if tool.speak_during_execution else "",
        fallback_message=tool.fallback_message,
        silent=not tool.speak_during_execution,
    )


def _of_server(tool: Tool, one: McpTool) -> Function:
    return Function(
        _named(tool, one.name),
        one.description,
        one.arguments or _NO_ARGUMENTS,
        waiting_message=tool.waiting_message if tool.speak_during_execution else "",
        fallback_message=tool.fallback_message,
        silent=not tool.speak_during_execution,
    )


def _named(tool: Tool, name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", f"{tool.name}_{name}")[:MOST_FUNCTION_NAME]
