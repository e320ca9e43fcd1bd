"""A tool that is a request: built from its templates, and what its answer means."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from hub.dialogue.outbound import Answer
from hub.dialogue.template import fill, fill_tree, missing, names, plain
from hub.dialogue.turn import ToolResult
from hub.models.tool import Tool

LARGEST = 256_000
SECRET = "secret"  # noqa: S105 - the word in templates
_TEXT = 4_000


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent. Its parts may hold secrets."""

    method: str
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: Any


class Incomplete(ValueError):
    """A template needs a value that is not there; the text names it."""


def secrets_of(tool: Tool) -> list[str]:
    """The names of the secrets that a tool uses."""
    texts = [tool.url, *tool.headers.values(), *tool.query.values(), json.dumps(tool.body or {}, ensure_ascii=False)]
    found = [name for text in texts for name in names(text)]
    return [name.partition(".")[2].strip() for name in found if name.lower().startswith(f"{SECRET}.")]


def request(
    tool: Tool, arguments: Mapping[str, Any], parameters: Mapping[str, Any], secrets: Mapping[str, str], key: str
) -> Request:
    """Raises `Incomplete`.

    Where it goes is never the agent's choice: a name that the URL begins with is filled from the parameters alone.
    """
    given = _no_secrets(parameters)
    values = given | _no_secrets(arguments) | {SECRET: dict(secrets)}
    if unset := [name for name in secrets_of(tool) if name not in secrets]:
        raise Incomplete(f"A secret is not set: {', '.join(unset)}. An administrator sets it under Settings, Secrets.")
    if lacking := [*missing(_leading(tool.url), given), *missing(tool.url, values)]:
        raise Incomplete(f"The URL needs values that are not given: {', '.join(dict.fromkeys(lacking))}.")
    query = {name: fill(text, values) for name, text in tool.query.items()}
    if tool.method == "GET" and not tool.query and tool.arguments.get("properties"):
        query = {name: plain(value) for name, value in arguments.items() if name not in names(tool.url)}
    return Request(
        tool.method,
        url(tool.url, values, given),
        _headers(tool, arguments, values, key),
        query,
        _body(tool, arguments, values),
    )


def _no_secrets(values: Mapping[str, Any]) -> dict[str, Any]:
    """Nobody's value can stand for a secret."""
    return {name: value for name, value in values.items() if name.lower().partition(".")[0].strip() != SECRET}


def leading(template: str) -> list[str]:
    """The name that a URL begins with, if it begins with one: it says where a request goes."""
    return names(_leading(template))


def _leading(template: str) -> str:
    """The same in its braces."""
    text = template.strip()
    return text.partition("}}")[0] + "}}" if text.startswith("{{") else ""


def url(template: str, values: Mapping[str, Any], bases: Mapping[str, Any] | None = None) -> str:
    """A URL with its names filled in: one that it begins with is a base URL, from `bases`; others are one segment
    each."""
    begins = _leading(template)
    rest = template.strip()[len(begins) :]
    base = fill(begins, values if bases is None else bases)
    return base + fill(rest, values, lambda _, value: quote(plain(value), safe=""))


def _headers(tool: Tool, arguments: Mapping[str, Any], values: Mapping[str, Any], key: str) -> dict[str, str]:
    headers = {name: _header(fill(text, values)) for name, text in tool.headers.items()}
    if tool.method != "GET":
        headers.setdefault("Idempotency-Key", key_of(key, tool.name, arguments))
    return headers


def key_of(key: str, name: str, arguments: Mapping[str, Any]) -> str:
    """What tells this call from another one, and not from the same one again."""
    told = json.dumps([key, name, arguments], sort_keys=True, default=str)
    return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:32]


def _body(tool: Tool, arguments: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    if tool.method == "GET":
        return None
    return fill_tree(tool.body, values) if tool.body is not None else dict(arguments)


def _header(text: str) -> str:
    return "".join(char for char in text if char.isprintable()).encode("latin-1", "ignore").decode("latin-1")


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


def veiled(data: Any, secrets: Mapping[str, str], depth: int = 0) -> Any:
    """The same without the secrets, wherever a server repeats them."""
    values = [value for value in secrets.values() if len(value) >= 4]
    if not values:
        return data
    if depth > 50:
        return None
    if isinstance(data, str):
        for value in values:
            data = data.replace(value, "•••")
        return data
    if isinstance(data, Mapping):
        return {veiled(key, secrets): veiled(value, secrets, depth + 1) for key, value in data.items()}
    if isinstance(data, list):
        return [veiled(value, secrets, depth + 1) for value in data]
    return data
