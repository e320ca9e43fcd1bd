"""The embedded voice: espeak-ng in a process of its own, for every language it knows, without key or network.

espeak-ng is GPL-3.0-or-later and stays outside this process; see `hub.engines.espeak_worker`.
"""

import re
import struct
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from hub.engine import Account, EngineFailed
from hub.engines.espeak_text import speakable
from hub.engines.espeak_voices import catalogue
from hub.engines.worker_frames import CANCEL, END, SPEAK, TAKEN, packed
from hub.engines.workers import Pool
from hub.voice.speech import MULAW_8K, PCM_16K, PCM_24K, PCM_48K, Format, NamedVoice

ANSWER_SECONDS = 5.0
NORMAL_WORDS_PER_MINUTE = 175
ENGLISH_PHONE, ENGLISH = "en-us+klatt4", "en-us+f5"
_VOICE = re.compile(r"[A-Za-z0-9_+ -]{1,60}")


class Espeak:
    """Speaks any text at once; first sound comes after a few milliseconds.

    Options: `voice` (a name of espeak-ng's such as `en+f3` or `de`), `speed` (0.5 to 2, 1 is 175 words a minute).
    """

    vendor = ""
    gives = (MULAW_8K, PCM_16K, PCM_24K, PCM_48K, Format("pcm16", 8000))

    def __init__(self) -> None:
        self.pool = Pool("hub.engines.espeak_worker", "The embedded voice")

    async def open(self, format: Format, language: str, options: Mapping[str, Any], account: Account) -> "EspeakMouth":
        """Start the worker if it does not run. Raises `EngineFailed`: no espeak-ng, or options that cannot be."""
        if format not in self.gives:
            raise EngineFailed(f"The embedded voice does not give {format.codec} at {format.rate} Hz.")
        named = str(options.get("voice") or "")
        if named and not _VOICE.fullmatch(named):
            raise EngineFailed(f"{named[:60]!r} is no voice of espeak-ng.")
        await self.pool.worker()
        wanted = [named] if named else voices(language, format)
        return EspeakMouth(self.pool, format, language, wanted, _speed(options))

    async def voices(self, account: Account) -> Sequence[NamedVoice]:
        """Those worth a choice; see `hub.engines.espeak_voices`."""
        return catalogue()


class EspeakMouth:
    """One call's voice."""

    def __init__(self, pool: Pool, format: Format, language: str, voices: list[str], speed: float) -> None:
        self._pool, self._format, self._language, self._voices = pool, format, language, voices
        self._words_per_minute = round(NORMAL_WORDS_PER_MINUTE * speed)

    async def speak(self, text: str) -> AsyncIterator[bytes]:
        """The sound of a text of at most 10,000 characters, whole samples in pieces of about 100 ms.

        No sound for a text without words. Raises `EngineFailed`.
        """
        said = speakable(text, self._language)
        if not said:
            return
        worker = await self._pool.worker()
        with worker.channel() as channel:
            over = False
            channel.send(SPEAK, self._request(said))
            try:
                while True:
                    kind, sound = await channel.get(ANSWER_SECONDS)
                    if kind == END:
                        over = True
                        return
                    yield sound
                    channel.send(TAKEN, struct.pack(">I", len(sound)))
            finally:
                if not over:
                    channel.send(CANCEL)

    def _request(self, said: str) -> bytes:
        asked = {
            "text": said,
            "voices": self._voices,
            "words_per_minute": self._words_per_minute,
            "codec": self._format.codec,
            "rate": self._format.rate,
        }
        return packed(asked)

    async def close(self) -> None:
        """Nothing is held between two sentences."""


def voices(language: str, format: Format) -> list[str]:
    """The voices for a language, the best first: English ones that carry well, else the language's own."""
    tag = language.lower().replace("_", "-") or "en-us"
    main = tag.partition("-")[0]
    if main != "en":
        return list(dict.fromkeys((tag, main)))
    best = ENGLISH_PHONE if format.rate == 8000 else ENGLISH
    accent = {"en-gb": "en-gb-x-rp", "en-au": "en", "en-ie": "en", "en-in": "en"}.get(tag)
    return [f"{accent}+{best.partition('+')[2]}", best] if accent else [best]


def _speed(options: Mapping[str, Any]) -> float:
    try:
        return min(max(float(options.get("speed") or 1), 0.5), 2.0)
    except (TypeError, ValueError) as error:
        raise EngineFailed(f"A speed is a number from 0.5 to 2, not {options.get('speed')!r}.") from error
