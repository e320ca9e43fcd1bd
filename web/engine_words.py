"""What people read of engines: their names, and what the automatic choice comes to."""

from collections.abc import Mapping, Sequence

from hub.engine import Account
from hub.engines import choice

NAMES = {
    choice.AUTO: "Automatic",
    "script": "Embedded script",
    "sphinx": "Embedded recogniser",
    "espeak": "Embedded voice",
    "openai": "OpenAI",
    "elevenlabs": "ElevenLabs",
    "deepgram": "Deepgram",
    "deepgram-flux": "Deepgram Flux",
}
_MORE = {
    "script": "follows the flow and answers from knowledge, without a key or a network",
    "sphinx": "English, only what the agent expects",
    "espeak": "many languages, mechanical",
}
_EMBEDDED = ("script", "sphinx", "espeak")


def name(engine: str) -> str:
    return NAMES.get(engine or choice.AUTO, engine)


def its_voice(engine: str) -> str:
    """The name of the field for the voice of this engine."""
    return name(engine) if name(engine).endswith("voice") else f"{name(engine)} voice"


def vendor(engine: str) -> str:
    """Whose account an engine needs; empty for an embedded one."""
    return "" if engine in _EMBEDDED else engine.partition("-")[0]


def options(
    roster: Mapping[str, str], automatic: Sequence[str], accounts: Mapping[str, Account]
) -> list[tuple[str, str]]:
    """The choices of an engine: the automatic one with what it is now, then each, with what it lacks."""
    return [
        (choice.AUTO, f"{NAMES[choice.AUTO]} (now: {name(automatic[0])})"),
        *((engine, _described(engine, accounts)) for engine in roster),
    ]


def _described(engine: str, accounts: Mapping[str, Account]) -> str:
    wanted = vendor(engine)
    if wanted in choice.VENDORS and wanted not in accounts:
        return f"{name(engine)} (needs {wanted.upper()}_API_KEY)"
    return f"{name(engine)} ({_MORE[engine]})" if engine in _MORE else name(engine)


def order(engines: Sequence[str]) -> str:
    """In words: which one, and which after it."""
    first, *others = (name(engine) for engine in engines)
    return f"{first}; if that fails: {', then '.join(others)}" if others else first
