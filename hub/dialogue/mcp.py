"""A client of Model Context Protocol servers: their tools listed and called over streamable HTTP.

https://modelcontextprotocol.io/specification/2025-06-18/basic/transports, through the rules for requests to addresses
that others gave us: each message is one bounded POST, answered by JSON or by a stream that is read up to our answer.
"""

import json
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.dialogue.outbound import Answer, Failed, Outside
from hub.dialogue.turn import ToolResult

PROTOCOL = "2025-06-18"
LARGEST = 1_000_000
MOST_TOOLS = 200
MOST_PAGES = 10
LISTED_FOR_SECONDS = 300.0
_SESSIONS_KEPT = 500


class McpFailed(Exception):
    """The server did not do it; the text says why."""


@dataclass(frozen=True, slots=True)
class McpTool:
    """A tool as its server describes it. All of it is untrusted text."""

    name: str
    description: str
    arguments: Mapping[str, Any]


@dataclass(slots=True)
class _Session:
    id: str = ""
    protocol: str = PROTOCOL
    open: bool = False
    number: int = 0
    tools: list[McpTool] = field(default_factory=list)
    listed_at: float = -LISTED_FOR_SECONDS


_SESSIONS: OrderedDict[tuple[Any, ...], _Session] = OrderedDict()


class Mcp:
    """One server, as one interaction (`scope`) knows it. Raises `McpFailed`, `Failed` and `Forbidden`."""

    def __init__(
        self, outside: Outside, url: str, headers: Mapping[str, str], *, scope: str, timeout_seconds: float
    ) -> None:
        self._outside, self._url, self._headers = outside, url, dict(headers)
        self._until = time.monotonic() + timeout_seconds
        key = (scope, url, *sorted(headers.items()))
        self._session = _SESSIONS.setdefault(key, _Session())
        _SESSIONS.move_to_end(key)
        while len(_SESSIONS) > _SESSIONS_KEPT:
            _SESSIONS.popitem(last=False)

    async def tools(self) -> list[McpTool]:
        """What the server offers; asked again after five minutes."""
        session = self._session
        if time.monotonic() - session.listed_at < LISTED_FOR_SECONDS:
            return session.tools
        found: list[McpTool] = []
        cursor = ""
        for _ in range(MOST_PAGES):
            listed = await self._ask("tools/list", {"cursor": cursor} if cursor else {})
            found += [_tool(one) for one in _listed(listed.get("tools"))]
            cursor = str(listed.get("nextCursor") or "")
            if not cursor or len(found) >= MOST_TOOLS:
                break
        session.tools, session.listed_at = found[:MOST_TOOLS], time.monotonic()
        return session.tools

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolResult:
        """What a tool gave: its structured content, else its text."""
        given = await self._ask("tools/call", {"name": name, "arguments": dict(arguments)})
        parts = [one for one in _listed(given.get("content")) if isinstance(one, Mapping)]
        text = "\n".join(str(one.get("text") or f"[{one.get('type')}]") for one in parts)
        if given.get("isError"):
            return ToolResult(None, text[:2_000] or "The tool failed and does not say why.")
        structured = given.get("structuredContent")
        return ToolResult(structured if structured is not None else text)

    async def _ask(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._session.open:
            answer, number = await self._send(method, params)
            if answer.status != 404 or not self._session.id:
                return _result(answer, number)
        await self._begin()  # there is no session, or the server has forgotten it
        return _result(*await self._send(method, params))

    async def _begin(self) -> None:
        session = self._session
        session.id, session.open, session.protocol = "", False, PROTOCOL
        us = {"name": "interaction-hub", "version": "1"}
        hello = {"protocolVersion": PROTOCOL, "capabilities": {}, "clientInfo": us}
        answer, number = await self._send("initialize", hello)
        agreed = _result(answer, number)
        session.id = answer.headers.get("mcp-session-id", "")
        session.protocol = str(agreed.get("protocolVersion") or PROTOCOL)
        session.open = True
        await self._post({"jsonrpc": "2.0", "method": "notifications/initialized"})

    async def _send(self, method: str, params: Mapping[str, Any]) -> tuple[Answer, int]:
        self._session.number += 1
        number = self._session.number
        asked = {"jsonrpc": "2.0", "id": number, "method": method, "params": dict(params)}
        return await self._post(asked, number), number

    async def _post(self, message: Mapping[str, Any], number: int | None = None) -> Answer:
        session = self._session
        headers = self._headers | {"accept": "application/json, text/event-stream"}
        if session.open:
            headers |= {"mcp-protocol-version": session.protocol}
        if session.id:
            headers |= {"mcp-session-id": session.id}
        left = self._until - time.monotonic()
        if left <= 0:
            raise Failed("The server took too long.")

        def enough(body: bytes) -> bool:
            return number is not None and _in_stream(body, number) is not None

        return await self._outside.request(
            "POST", self._url, headers=headers, body=message, timeout=left, limit=LARGEST, enough=enough
        )


def _result(answer: Answer, number: int) -> Mapping[str, Any]:
    """What was asked for, out of an answer. Raises `McpFailed`."""
    if answer.status >= 300:
        said = answer.body[:300].decode("utf-8", "replace")
        raise McpFailed(f"The server answered {answer.status}. {said}".strip())
    message = _in_stream(answer.body, number)
    if message is None:
        try:
            message = answer.json()
        except (ValueError, RecursionError):
            message = None
    if not isinstance(message, Mapping) or message.get("id") != number:
        raise McpFailed("The server's answer is none: no message of the protocol is in it.")
    if isinstance(error := message.get("error"), Mapping):
        raise McpFailed(f"The server says: {str(error.get('message') or error.get('code'))[:1_000]}")
    result = message.get("result")
    return result if isinstance(result, Mapping) else {}


def _in_stream(body: bytes, number: int) -> Mapping[str, Any] | None:
    """Our answer among the events of a stream, once it is there as a whole.

    https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
    """
    text = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if b"data:" not in text:
        return None
    for event in text.split(b"\n\n")[:-1]:
        lines = [line[5:].removeprefix(b" ") for line in event.split(b"\n") if line.startswith(b"data:")]
        try:
            message = json.loads(b"\n".join(lines)) if lines else None
        except (ValueError, RecursionError):
            continue
        if isinstance(message, dict) and message.get("id") == number and ("result" in message or "error" in message):
            return message
    return None


def _listed(given: Any) -> list[Any]:
    return given if isinstance(given, list) else []


def _tool(given: Any) -> McpTool:
    if not isinstance(given, Mapping) or not isinstance(given.get("name"), str):
        raise McpFailed("The server lists a tool without a name.")
    schema = given.get("inputSchema")
    described = str(given.get("description") or given.get("title") or "")[:4_000]
    return McpTool(given["name"], described, schema if isinstance(schema, Mapping) else {})
