"""What is checked of an agent beyond the shapes of its settings: engines that exist, a number to transfer to."""

import re
from collections.abc import Iterator, Mapping

from hub.engines import ENGINES, TRANSCRIBERS, VOICES
from hub.engines.choice import AUTO
from hub.models import AgentDefinition
from hub.models.voice import Hearing, Speaking

Fault = tuple[tuple[str | int, ...], str]
"""Where in the definition, and what is wrong there."""

_BEST = ("", AUTO)
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


def faults(definition: AgentDefinition) -> Iterator[Fault]:
    """Everything that would fail in a conversation."""
    call = definition.call
    if definition.engine not in (*_BEST, *ENGINES):
        yield ("engine",), _unknown(definition.engine, ENGINES)
    for place, name in enumerate(definition.engine_fallbacks):
        if name not in ENGINES:
            yield ("engine_fallbacks", place), _unknown(name, ENGINES)
    yield from _engines("hearing", call.hearing, TRANSCRIBERS)
    yield from _engines("speaking", call.speaking, VOICES)
    if call.transfer_to and not _E164.fullmatch(call.transfer_to):
        yield ("call", "transfer_to"), "Write the number with its country, like +12025550177."


def _engines(part: str, chosen: Hearing | Speaking, roster: Mapping[str, str]) -> Iterator[Fault]:
    if chosen.engine not in (*_BEST, *roster):
        yield ("call", part, "engine"), _unknown(chosen.engine, roster)
    for place, name in enumerate(chosen.fallbacks):
        if name not in roster:
            yield ("call", part, "fallbacks", place), _unknown(name, roster)


def _unknown(name: str, roster: Mapping[str, str]) -> str:
    return f"There is no engine {name!r}; there are: {', '.join(roster)}."
