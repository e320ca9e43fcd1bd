"""Which `{{names}}` an agent's texts ask for, and which of them nobody gives."""

from collections.abc import Iterator, Mapping
from typing import Any

from hub.dialogue.template import lookup, names

FILLED_BY_US = frozenset({"agent", "customer", "now", "name", "language", "known_as", "secret"})
MOST_NAMES = 40


def asked(definition: Mapping[str, Any]) -> list[str]:
    """The names that only parameters can fill: no answer of the flow does, no tool, and not we ourselves."""
    filled = {*FILLED_BY_US}
    for stage in definition.get("flow", {}).get("stages", []):
        filled |= {spec["name"] for spec in stage.get("fields", [])}
    for tool in definition.get("tools", []):
        filled |= {tool["name"], *tool.get("arguments", {}).get("properties", {})}
    found = [name for text in _texts(definition) for name in names(text) if name.partition(".")[0] not in filled]
    return list(dict.fromkeys(found))[:MOST_NAMES]


def unfilled(definition: Mapping[str, Any], values: Mapping[str, Any]) -> list[str]:
    """Names that the texts ask for and that have no value: they will be left out of what is said."""
    return [name for name in asked(definition) if lookup(name, values) is None]


def unused(definition: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """Values that were given and that no text asks for: often a misspelt name."""
    wanted = {part.lower() for text in _texts(definition) for name in names(text) for part in (name, _head(name))}
    return [name for name in given if name.lower() not in wanted]


def _head(name: str) -> str:
    return name.partition(".")[0]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if "{{" in value:
            yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
