"""Fields of an agent's definition replaced for one interaction."""

from collections.abc import Iterator, Mapping
from typing import Any


def overridden(definition: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The definition with these fields: objects are merged, lists and all other values take the place of the old."""
    made = dict(definition)
    for name, value in overrides.items():
        before = made.get(name)
        both = isinstance(value, Mapping) and isinstance(before, Mapping)
        made[name] = overridden(before, value) if both else value  # type: ignore[arg-type]
    return made


def paths(overrides: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Which fields are replaced, dotted, such as `call.speaking.speed`."""
    for name, value in overrides.items():
        path = f"{above}.{name}" if above else name
        if isinstance(value, Mapping) and value:
            yield from paths(value, path)
        else:
            yield path
