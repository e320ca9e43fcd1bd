"""What is checked of an agent's settings beyond their shapes: engines that exist, a number to transfer calls to."""

import re
from collections.abc import Iterator, Mapping

from hub.engines import ENGINES, TRANSCRIBERS, VOICES, choice
from hub.models import AgentDefinition
from hub.models.voice import Hearing, Speaking

Fault = tuple[tuple[str | int, ...], str]
"""Where in the definition, and what is wrong there."""

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


def faults(definition: AgentDefinition) -> Iterator[Fault]:
    """Everything that would fail in an interaction."""
    call = definition.call
    if not _known(definition.engine, ENGINES):
        yield ("engine",), unknown(definition.engine, ENGINES)
    for place, name in enumerate(definition.engine_fallbacks):
        if name not in ENGINES:
            yield ("engine_fallbacks", place), unknown(name, ENGINES)
    yield from _engines("hearing", call.hearing, TRANSCRIBERS)
    yield from _engines("speaking", call.speaking, VOICES)
    if call.transfer_to and not _E164.fullmatch(call.transfer_to):
        yield ("call", "transfer_to"), "Write the number with its country, like +12025550177."


def _engines(part: str, chosen: Hearing | Speaking, roster: Mapping[str, str]) -> Iterator[Fault]:
    if not _known(chosen.engine, roster):
        yield ("call", part, "engine"), unknown(chosen.engine, roster)
    for place, name in enumerate(chosen.fallbacks):
        if name not in roster:
            yield ("call", part, "fallbacks", place), unknown(name, roster)
    for name in chosen.voices if isinstance(chosen, Speaking) else ():
        if name not in roster:
            yield ("call", part, "voices", name), unknown(name, roster)


def _known(name: str, roster: Mapping[str, str]) -> bool:
    return name in ("", choice.AUTO) or name in roster


def unknown(name: str, roster: Mapping[str, str]) -> str:
    return f"There is no engine {name!r}; there are: {', '.join(roster)}."
