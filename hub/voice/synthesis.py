"""Sentences becoming sound ahead of the moment they are needed; short phrases kept ready."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from hub.engine import EngineFailed
from hub.voice.codecs import Converter
from hub.voice.speech import Format, Mouth

FIRST_SOUND_SECONDS = 1.2
STALLED_SECONDS = 0.8
MOST_KEPT_BYTES = 20_000_000
LONGEST_SENTENCE_SECONDS = 120


@dataclass(slots=True)
class OpenMouth:
    """A voice at work, and the format it makes its sound in. `voice` tells it from other voices of the engine."""

    mouth: Mouth
    format: Format
    voice: str = ""

    async def close(self) -> None:
        await self.mouth.close()


class Synthesis:
    """One sentence on its way: it begins to be made at once, and is taken chunk by chunk in the line's format."""

    def __init__(self, opened: OpenMouth, text: str, wanted: Format) -> None:
        self.text = text
        self.begun_at = asyncio.get_running_loop().time()
        self._converter = Converter(opened.format, wanted)
        self._most = wanted.size(LONGEST_SENTENCE_SECONDS * 1000)
        self._chunks: list[bytes] = []
        self._size = 0
        self._fault: EngineFailed | None = None
        self._done = False
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._make(opened.mouth))

    async def _make(self, mouth: Mouth) -> None:
        total = 0
        try:
            async for audio in mouth.speak(self.text):
                total += len(audio)
                if total > self._most:
                    raise EngineFailed(f"made over {LONGEST_SENTENCE_SECONDS} s of sound for one sentence")
                self._add(self._converter.convert(audio))
            self._add(self._converter.flush())
            if not total:
                raise EngineFailed("made no sound")
        except EngineFailed as error:
            self._fault = error
        except asyncio.CancelledError:
            self._fault = EngineFailed("was stopped")
            raise
        except Exception as error:
            self._fault = EngineFailed(f"broke: {error}")
        finally:
            self._done = True
            self._news.set()

    def size(self) -> int:
        """How many bytes it has; 0 while they are not all made, or never will be."""
        return self._size if self._done and self._fault is None else 0

    def _add(self, audio: bytes) -> None:
        if audio:
            self._chunks.append(audio)
            self._size += len(audio)
            self._news.set()

    async def chunks(self, ahead_seconds: Callable[[], float]) -> AsyncIterator[bytes]:
        """The sound as it is made. Raises `EngineFailed` also when none comes for long.

        `ahead_seconds` says for how long there still is sound to be played.
        """
        at, patience = 0, FIRST_SOUND_SECONDS
        while True:
            while at < len(self._chunks):
                patience = STALLED_SECONDS
                yield self._chunks[at]
                at += 1
            if self._done and at == len(self._chunks):
                if self._fault is not None:
                    raise self._fault
                return
            self._news.clear()
            wait = patience + ahead_seconds()
            try:
                async with asyncio.timeout(wait):
                    await self._news.wait()
            except TimeoutError:
                raise EngineFailed(f"gave no sound for {wait:g} s") from None

    def cancel(self) -> None:
        self._task.cancel()


class Ready:
    """A sentence whose sound is there already; nothing is made."""

    def __init__(self, text: str, sound: bytes) -> None:
        self.text, self._sound = text, sound

    def size(self) -> int:
        return len(self._sound)

    async def chunks(self, ahead_seconds: Callable[[], float]) -> AsyncIterator[bytes]:
        yield self._sound

    def cancel(self) -> None:
        pass


class Kept:
    """Sound of phrases that must come at once, kept for all calls of this process."""

    def __init__(self, most_bytes: int = MOST_KEPT_BYTES) -> None:
        self._most, self._size = most_bytes, 0
        self._sounds: OrderedDict[tuple[str, str, Format], bytes] = OrderedDict()

    def get(self, voice: str, text: str, format: Format) -> bytes | None:
        found = self._sounds.get((voice, text, format))
        if found is not None:
            self._sounds.move_to_end((voice, text, format))
        return found

    def put(self, voice: str, text: str, format: Format, sound: bytes) -> None:
        key = (voice, text, format)
        if key in self._sounds:
            return
        self._sounds[key] = sound
        self._size += len(sound)
        while self._size > self._most and len(self._sounds) > 1:
            _, dropped = self._sounds.popitem(last=False)
            self._size -= len(dropped)


KEPT = Kept()
"""The phrases of this process."""


async def made(opened: OpenMouth, text: str, wanted: Format) -> bytes:
    """The whole sound of a phrase. Raises `EngineFailed`."""
    synthesis = Synthesis(opened, text, wanted)
    try:
        return b"".join([chunk async for chunk in synthesis.chunks(lambda: 0.0)])
    finally:
        synthesis.cancel()
