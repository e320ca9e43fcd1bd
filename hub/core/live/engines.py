"""The engines of hearing and speaking as one call wants them: which, in what format, with which settings."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hub.core.live.metered import MeteredEars, MeteredMouth
from hub.core.metering import Meter
from hub.core.whose import Part, Whose
from hub.engine import Account, EngineFailed
from hub.engines import TRANSCRIBERS, VOICES, UnknownEngine, choice, transcriber, voice
from hub.models.voice import Call, Speaking
from hub.voice.codecs import Converter
from hub.voice.hearing import SETTLING_SECONDS, OpenEars
from hub.voice.speech import Format, Hints, Library, Transcriber, Voice, best
from hub.voice.synthesis import OpenMouth

LOADED_WITHIN_SECONDS = 6.0


class Engines:
    """Opens engines by name for a line of this format. Nothing is transcoded where an engine speaks the line's own.

    `whose` are the accounts they sign in with, `accounts` those at hand for each part; `meter` counts what they are
    given.
    """

    def __init__(
        self, settings: Call, agent: Mapping[str, Any], format: Format, topics: Sequence[str],
        whose: Whose, accounts: Mapping[Part, Mapping[str, Account]], meter: Meter,
    ) -> None:  # fmt: skip
        self._settings, self._agent, self._format, self._topics = settings, agent, format, topics
        self._whose, self._meter = whose, meter
        self._language = str(agent.get("language", "en-US"))
        self.ears_names = choice.ears(settings.hearing, self._language, accounts.get("ears", {}))
        self.mouth_names = choice.mouths(settings.speaking, accounts.get("mouth", {}))
        """In the order in which they are tried."""

    async def load(self) -> None:
        """Import the libraries of those that begin. The first time it takes seconds that no vendor is to blame for."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOADED_WITHIN_SECONDS):
                await self._load("ears", transcriber, self.ears_names[0])
                await self._load("mouth", voice, self.mouth_names[0])

    async def _load(self, part: Part, made: Callable[[str], Transcriber | Voice], name: str) -> None:
        with contextlib.suppress(EngineFailed, UnknownEngine):  # whoever opens it is told
            engine = made(name)
            if isinstance(engine, Library):
                await engine.load(await self._whose.of(part, engine.vendor))

    async def ears(self, name: str, spoken: Format | None = None) -> OpenEars:
        """Connect it for sound of the line's format, or of another one. Raises `EngineFailed`."""
        if name not in TRANSCRIBERS:
            raise EngineFailed(f"there is no transcriber {name!r}")
        engine, spoken, hearing = transcriber(name), spoken or self._format, self._settings.hearing
        taken = spoken if spoken in engine.takes else engine.takes[0]
        language = hearing.language or self._language
        hints = Hints(language, self._topics, hearing.keywords, definition=self._agent)
        options = hearing.options if name == hearing.engine else {}
        account = await self._whose.of("ears", engine.vendor)
        opened = await engine.open(taken, hints, options, account)
        settles_in = getattr(engine, "settles_in", SETTLING_SECONDS)
        metered = MeteredEars(opened, taken, self._meter, *_whose(name, engine, options, account))
        return OpenEars(metered, Converter(spoken, taken), engine.ends_turns, settles_in)

    async def mouth(self, name: str) -> OpenMouth:
        """Connect it. Raises `EngineFailed`."""
        if name not in VOICES:
            raise EngineFailed(f"there is no voice engine {name!r}")
        engine, speaking = voice(name), self._settings.speaking
        made = best(engine.gives, self._format)
        options = spoken_with(speaking, name)
        voice_of = json.dumps([self._language, options], sort_keys=True, default=str)
        account = await self._whose.of("mouth", engine.vendor)
        opened = await engine.open(made, self._language, options, account)
        metered = MeteredMouth(opened, self._meter, *_whose(name, engine, options, account))
        return OpenMouth(metered, made, f"{name} {voice_of}")


def spoken_with(speaking: Speaking, name: str) -> dict[str, Any]:
    """The options that the engine of this name speaks with."""
    named = name == speaking.engine
    chosen = speaking.voices.get(name) or (speaking.voice if named else "")
    return {"speed": speaking.speed, **(speaking.options if named else {}), **({"voice": chosen} if chosen else {})}


def _whose(
    name: str, engine: Transcriber | Voice, options: Mapping[str, Any], account: Account
) -> tuple[str, str, bool]:
    """Vendor, model and whose account: what is paid for."""
    model = options.get("model") or getattr(engine, "model", "") or ("" if engine.vendor else name)
    return engine.vendor, str(model), account.own
