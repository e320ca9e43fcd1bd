"""Engines, vendors and embedded ones: one file and one line each. Heavy SDKs are imported on first use."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

from hub.dialogue.results import Extractor
from hub.dialogue.turn import Brain
from hub.voice.speech import Transcriber, Voice

ENGINES = {
    "script": "hub.dialogue.script:Script",
    "openai": "hub.engines.openai:openai",
}
"""The engines of thought: name > what makes one that implements `hub.dialogue.turn.Brain`."""

EXTRACTORS = {
    "script": "hub.dialogue.taking:Taking",
    "openai": "hub.engines.openai_results:results",
}
"""What takes results out of interactions, by the engine of thought: name > `hub.dialogue.results.Extractor`."""

TRANSCRIBERS = {
    "sphinx": "hub.engines.sphinx:Sphinx",
    "deepgram": "hub.engines.deepgram_nova:Nova",
    "deepgram-flux": "hub.engines.deepgram_flux:Flux",
    "openai": "hub.engines.openai_ears:OpenAITranscriber",
}
"""The engines of hearing: name > class that implements `hub.voice.speech.Transcriber`."""

VOICES = {
    "espeak": "hub.engines.espeak:Espeak",
    "elevenlabs": "hub.engines.elevenlabs:ElevenLabs",
    "deepgram": "hub.engines.deepgram_aura:Aura",
    "openai": "hub.engines.openai_voice:OpenAIVoice",
}
"""The engines of speaking: name > class that implements `hub.voice.speech.Voice`."""


class UnknownEngine(ValueError):
    """No engine of this name; the text lists those there are."""


@cache
def brain(name: str) -> Brain:
    """The engine of this name. Raises `UnknownEngine`."""
    made: Brain = _made(ENGINES, name)
    return made


@cache
def extractor(name: str) -> Extractor:
    """What takes results with the engine of this name. Raises `UnknownEngine`."""
    made: Extractor = _made(EXTRACTORS, name)
    return made


@cache
def transcriber(name: str) -> Transcriber:
    """The engine of this name. Raises `UnknownEngine`."""
    made: Transcriber = _made(TRANSCRIBERS, name)
    return made


@cache
def voice(name: str) -> Voice:
    """The engine of this name. Raises `UnknownEngine`."""
    made: Voice = _made(VOICES, name)
    return made


def _made(roster: Mapping[str, str], name: str) -> Any:
    if name not in roster:
        raise UnknownEngine(f"There is no engine {name!r}; there are: {', '.join(roster)}.")
    module, _, attribute = roster[name].partition(":")
    return getattr(import_module(module), attribute)()
