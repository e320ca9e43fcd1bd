"""Stand-ins for vendors of speech: ears that read the sandbox's tones and a voice that speaks them, on any line."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from fixtures.sandbox import tones
from fixtures.sandbox.twilio.voice.audio import from_mulaw, to_mulaw
from hub.engine import Account
from hub.engines import TRANSCRIBERS, VOICES
from hub.voice.speech import MULAW_8K, PCM_16K, EndOfTurn, Format, Heard, Hints, Words

QUIET_MS = 300
"""So much quiet ends a turn."""


class Ears:
    vendor = ""
    takes = (MULAW_8K, PCM_16K)
    ends_turns = True

    async def open(self, format: Format, hints: Hints, options: Mapping[str, Any], account: Account) -> "OpenEars":
        return OpenEars(format)


class OpenEars:
    def __init__(self, format: Format) -> None:
        self._format, self._reader, self._told = format, tones.Reader(format.rate), 0
        self._came: asyncio.Queue[Heard] = asyncio.Queue()

    def feed(self, audio: bytes) -> None:
        samples = from_mulaw(audio) if self._format.codec == "mulaw" else np.frombuffer(audio, "<i2")
        self._reader.hear(samples)
        words = self._reader.words[self._told :]
        if words and self._reader.quiet_ms >= QUIET_MS:
            self._told += len(words)
            self._came.put_nowait(Words(tones.joined(words), final=True))
            self._came.put_nowait(EndOfTurn())

    def finish(self) -> None: ...

    def expect(self, phrases: Sequence[str]) -> None: ...

    async def heard(self) -> AsyncIterator[Heard]:
        while True:
            yield await self._came.get()

    async def close(self) -> None: ...


class Voice:
    vendor = ""
    gives = (MULAW_8K, PCM_16K)

    async def open(self, format: Format, language: str, options: Mapping[str, Any], account: Account) -> "OpenVoice":
        return OpenVoice(format)


class OpenVoice:
    def __init__(self, format: Format) -> None:
        self._format = format

    async def speak(self, text: str) -> AsyncIterator[bytes]:
        samples = tones.spoken(text, self._format.rate)
        sound = to_mulaw(samples) if self._format.codec == "mulaw" else samples.astype("<i2").tobytes()
        for at in range(0, len(sound), 4_000):
            yield sound[at : at + 4_000]

    async def close(self) -> None: ...


@contextlib.contextmanager
def tone_engines() -> Iterator[None]:
    """They are in the rosters as `tones`."""
    TRANSCRIBERS["tones"], VOICES["tones"] = f"{__name__}:Ears", f"{__name__}:Voice"
    try:
        yield
    finally:
        TRANSCRIBERS.pop("tones")
        VOICES.pop("tones")
