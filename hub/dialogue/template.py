"""`{{name}}` filled with values. Names may contain spaces and dots; what is filled in is never read again."""

import re
from collections.abc import Callable, Mapping
from typing import Any

_NAME = re.compile(r"\{\{\s*([^{}\n]{1,200}?)\s*\}\}")
_LEFTOVER = re.compile(r"\{\{[^{}]*\}\}|\{\{|\}\}")
_MISSING = object()

Write = Callable[[str, Any], str]


def names(text: str) -> list[str]:
    """The names a text asks for, each once, in order."""
    return list(dict.fromkeys(match[1] for match in _NAME.finditer(text)))


def lookup(name: str, values: Mapping[str, Any]) -> Any:
    """The value of a name, or of a path such as `order.items.0`; None if there is none."""
    found = _look(name, values)
    return None if found is _MISSING else found


def missing(text: str, values: Mapping[str, Any]) -> list[str]:
    """The names in a text that have no value."""
    return [name for name in names(text) if _look(name, values) is _MISSING]


def fill(text: str, values: Mapping[str, Any], write: Write | None = None) -> str:
    """`text` with its names replaced. Unknown ones vanish with the space before them; no braces remain."""
    if "{{" not in text:
        return text

    def value(match: re.Match[str]) -> str:
        found = _look(match[1], values)
        if found is _MISSING or found is None:
            return "\0"
        written = write(match[1], found) if write else plain(found)
        return _LEFTOVER.sub("", written).replace("\0", "")

    filled = _NAME.sub(value, text)
    if "\0" in filled:
        filled = re.sub(r"(?:,? ?\0)+(?=[,.!?;:])|,? \0| ?\0 ?(?=\s|$)|\0", "", filled)
    return _LEFTOVER.sub("", filled)


def fill_tree(template: Any, values: Mapping[str, Any]) -> Any:
    """A JSON tree with its texts filled; a text that is one name alone takes the value's own type."""
    if isinstance(template, str):
        whole = _NAME.fullmatch(template.strip())
        if whole:
            return lookup(whole[1], values)
        return fill(template, values)
    if isinstance(template, Mapping):
        return {str(key): fill_tree(value, values) for key, value in template.items()}
    if isinstance(template, list):
        return [fill_tree(value, values) for value in template]
    return template


def filled_in(settings: Any, values: Mapping[str, Any]) -> Any:
    """Settings with all their texts filled; a text stays one, whatever is filled in."""
    if isinstance(settings, str):
        return fill(settings, values)
    if isinstance(settings, Mapping):
        return {name: filled_in(value, values) for name, value in settings.items()}
    return [filled_in(value, values) for value in settings] if isinstance(settings, list) else settings


def plain(value: Any) -> str:
    """A value as bare text, for requests."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _look(name: str, values: Mapping[str, Any]) -> Any:
    if name in values:
        return values[name]
    lowered = name.lower()
    for key, value in values.items():
        if isinstance(key, str) and key.lower() == lowered:
            return value
    head, dot, rest = name.partition(".")
    if not dot:
        return _MISSING
    inner = values.get(head)
    if isinstance(inner, Mapping):
        return _look(rest, inner)
    if isinstance(inner, list):
        index, _, tail = rest.partition(".")
        if index.isdigit() and int(index) < len(inner):
            return _look(tail, {"": inner[int(index)]}) if not tail else _look(f"x.{tail}", {"x": inner[int(index)]})
    return _MISSING
