"""Engines, vendors and embedded ones: one file and one line each. Heavy SDKs are imported on first use."""

from functools import cache
from importlib import import_module

from hub.dialogue.turn import Brain

ENGINES = {
    "script": "hub.dialogue.script:Script",
}
"""The engines of thought: name > class that implements `hub.dialogue.turn.Brain`."""


class UnknownEngine(ValueError):
    """No engine of this name; the text lists those there are."""


@cache
def brain(name: str) -> Brain:
    """The engine of this name. Raises `UnknownEngine`."""
    if name not in ENGINES:
        raise UnknownEngine(f"There is no engine {name!r}; there are: {', '.join(ENGINES)}.")
    module, _, attribute = ENGINES[name].partition(":")
    made: Brain = getattr(import_module(module), attribute)()
    return made
