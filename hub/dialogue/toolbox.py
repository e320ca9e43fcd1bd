"""What an agent may do beside talking: call tools, search its knowledge. Trouble is in the result."""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import quote
from uuid import UUID

from hub.dialogue.builtins import ALWAYS, BUILTINS, SEARCH
from hub.dialogue.knowledge import Index
from hub.dialogue.outbound import Answer, Failed, Forbidden, Outside
from hub.dialogue.template import fill, fill_tree, missing, plain
from hub.dialogue.turn import Function, Passage, ToolResult, Turn
from hub.models.tool import Tool
from hub.store import Store, agents

LARGEST = 256_000
_TEXT = 4_000

Search = Callable[[str, int], Awaitable[Sequence[Passage]]]


class Acts(Protocol):
    """The tools that are built in, within one interaction; `hub.core.acts` has them."""

    def knows(self, name: str) -> bool: ...

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolResult: ...

    async def verified(self) -> bool: ...


class HttpTools:
    """A `Toolbox` over the tools of a definition. `key` tells repeated calls from new ones.

    Those built in can be called by their name, also where the definition does not list them; without `acts` there are
    none, and nobody is verified.
    """

    def __init__(
        self, tools: Sequence[Tool], outside: Outside, search: Search, parameters: Mapping[str, Any], *,
        key: str = "", acts: Acts | None = None,
    ) -> None:  # fmt: skip
        self._tools = {tool.name: tool for tool in tools}
        self._outside, self._search, self._parameters = outside, search, parameters
        self._key, self._acts = key, acts

    async def search(self, query: str, limit: int = 3) -> Sequence[Passage]:
        return await self._search(query, limit)

    async def functions(self, stage_tools: Sequence[str] | None = None) -> Sequence[Function]:
        """What a model may call: the tools listed (of these, the stage's own where it has some), and what is always
        at hand."""
        listed = [tool for name, tool in self._tools.items() if stage_tools is None or name in stage_tools]
        made = [function(tool) for tool in listed]
        named = {one.name for one in made}
        always = (*ALWAYS, SEARCH) if self._acts is not None else (SEARCH,)
        return [*made, *(function(Tool(name=name, kind="builtin")) for name in always if name not in named)]

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolResult:
        """The result of a tool. An error begins with the HTTP status where there is one ("404 ...")."""
        tool = self._tools.get(name)
        builtin = self._acts is not None and self._acts.knows(name) and (tool is None or tool.kind == "builtin")
        if tool is None and not builtin:
            return ToolResult(error=f"There is no tool {name!r}.")
        if tool is not None and tool.requires == "verified" and not (self._acts and await self._acts.verified()):
            return ToolResult(error=f"The tool {name!r} is only for customers whose identity is verified.")
        if builtin and self._acts is not None:
            return await self._acts.call(name, arguments)
        if tool is None or tool.kind != "http":
            return ToolResult(error=f"The tool {name!r} is not one that can be called here.")
        if lacking := [key for key in tool.arguments.get("required", []) if arguments.get(key) in (None, "")]:
            return ToolResult(error=f"Arguments are missing: {', '.join(lacking)}.")
        return await self._request(tool, arguments)

    async def _request(self, tool: Tool, arguments: Mapping[str, Any]) -> ToolResult:
        values = {**self._parameters, **arguments}
        if lacking := missing(tool.url, values):
            return ToolResult(error=f"The URL needs values that are not given: {', '.join(lacking)}.")
        try:
            answer = await self._outside.request(
                tool.method,
                url(tool.url, values),
                headers=self._headers(tool, arguments, values),
                params={name: fill(text, values) for name, text in tool.query.items()},
                body=_body(tool, arguments, values),
                timeout=tool.timeout_ms / 1000,
                limit=LARGEST,
            )
        except (Forbidden, Failed) as error:
            return ToolResult(error=str(error))
        return result(answer)

    def _headers(self, tool: Tool, arguments: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, str]:
        headers = {name: _header(fill(text, values)) for name, text in tool.headers.items()}
        if tool.method != "GET":
            told = json.dumps([self._key, tool.name, arguments], sort_keys=True, default=str)
            headers.setdefault("Idempotency-Key", hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:32])
        return headers


_NO_ARGUMENTS: Mapping[str, Any] = {"type": "object", "properties": {}}


def function(tool: Tool) -> Function:
    """A tool as a model is told of it."""
    builtin = BUILTINS.get(tool.name) if tool.kind == "builtin" else None
    return Function(
        tool.name,
        tool.description or (builtin.description if builtin else ""),
        tool.arguments or (builtin.parameters if builtin else _NO_ARGUMENTS),
        waiting_message=tool.waiting_message if tool.speak_during_execution else "",
        fallback_message=tool.fallback_message,
        silent=not tool.speak_during_execution,
    )


def url(template: str, values: Mapping[str, Any]) -> str:
    """A URL with its names filled in: a leading one is a base URL, others are one segment each."""
    base, leading, rest = "", template.lstrip().startswith("{{"), template.strip()
    if leading:
        name, _, rest = rest.partition("}}")
        base = fill(name + "}}", values)
    return base + fill(rest, values, lambda _, value: quote(plain(value), safe=""))


def result(answer: Answer) -> ToolResult:
    """An HTTP answer as a tool's result: JSON where it is some, else the beginning of the text."""
    data: Any
    try:
        data = answer.json() if answer.body else None
    except (ValueError, RecursionError):
        data = answer.body[: _TEXT * 4].decode("utf-8", "replace")[:_TEXT]
    if answer.status < 300:
        return ToolResult(data)
    said = data.get("error") or data.get("detail") if isinstance(data, Mapping) else ""
    return ToolResult(data, f"{answer.status} {said if isinstance(said, str) else ''}".strip())


def _body(tool: Tool, arguments: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    if tool.method == "GET":
        return None
    return fill_tree(tool.body, values) if tool.body is not None else dict(arguments)


def _header(text: str) -> str:
    return "".join(char for char in text if char.isprintable()).encode("latin-1", "ignore").decode("latin-1")


_INDEXES: OrderedDict[UUID, tuple[int, Index]] = OrderedDict()
_INDEXES_KEPT = 256


class Tools(HttpTools):
    """The toolbox of one turn in the hub: the agent's tools, and its knowledge out of the store."""

    def __init__(
        self, store: Store, outside: Outside, workspace_id: UUID, agent_id: UUID | None, turn: Turn, key: str,
        acts: Acts | None = None,
    ) -> None:  # fmt: skip
        self._store, self._workspace_id, self._agent_id = store, workspace_id, agent_id
        super().__init__(
            [Tool.model_validate(tool) for tool in turn.agent.get("tools") or []],
            outside,
            self._search_knowledge,
            {**(turn.agent.get("parameters") or {}), **turn.parameters},
            key=key,
            acts=acts,
        )

    async def _search_knowledge(self, query: str, limit: int) -> Sequence[Passage]:
        if self._agent_id is None:
            return ()
        async with self._store.glance() as db:
            items = await agents.knowledge(db, self._workspace_id, self._agent_id)
        stamp = hash(tuple((item.id, item.title, item.text) for item in items))
        kept = _INDEXES.get(self._agent_id)
        if kept is None or kept[0] != stamp:
            kept = (stamp, Index([Passage(item.title, item.text, item.source) for item in items]))
            _INDEXES[self._agent_id] = kept
            while len(_INDEXES) > _INDEXES_KEPT:
                _INDEXES.popitem(last=False)
        return kept[1].search(query, limit)
