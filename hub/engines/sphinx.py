"""The embedded recogniser: pocketsphinx in processes of its own, looking for what the agent's callers may say.

It knows the words of the agent's phrase book (`hub.engines.phrase_book`) and no others, in English only.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import msgspec

from hub.engine import Account, EngineFailed
from hub.engines.worker_frames import BEGAN, CLOSE, EXPECT, FEED, FINAL, FINISH, OPEN, PARTIAL, packed
from hub.engines.workers import Channel, Pool, Worker
from hub.voice.speech import MULAW_8K, PCM_16K, PCM_48K, Format, Heard, Hints, SpeechBegan, Words

OPEN_SECONDS = 10.0
ANSWER_SECONDS = 5.0


class Sphinx:
    """Hears what an agent's phrase book foresees. Takes telephone sound as it comes; the worker converts it."""

    vendor = ""
    takes = (PCM_16K, MULAW_8K, Format("pcm16", 8000), PCM_48K)
    ends_turns = False

    def __init__(self) -> None:
        size = max(1, (os.cpu_count() or 1) // 2)
        self.pool = Pool("hub.engines.sphinx_worker", "The embedded recogniser", size)

    async def open(self, format: Format, hints: Hints, options: Mapping[str, Any], account: Account) -> "SphinxEars":
        """Make the phrase book known to a worker. Raises `EngineFailed`: no pocketsphinx, or another language."""
        if format not in self.takes:
            raise EngineFailed(f"The embedded recogniser does not take {format.codec} at {format.rate} Hz.")
        if not hints.language.lower().startswith("en"):
            raise EngineFailed(f"The embedded recogniser knows English only, not {hints.language}.")
        worker = await self.pool.worker()
        ears = SphinxEars(worker)
        try:
            await ears.begin(format, hints)
        except BaseException:
            await ears.close()
            raise
        return ears


class SphinxEars:
    """One call's recogniser."""

    def __init__(self, worker: Worker) -> None:
        self._worker, self._held = worker, ExitStack()
        self._channel: Channel = self._held.enter_context(worker.channel())
        self._unsettled: list[asyncio.TimerHandle] = []

    async def begin(self, format: Format, hints: Hints) -> None:
        asked = {
            "codec": format.codec,
            "rate": format.rate,
            "definition": hints.definition,
            "phrases": list(hints.phrases),
            "words": list(hints.words),
        }
        self._channel.send(OPEN, packed(asked))
        await self._channel.get(OPEN_SECONDS)

    def feed(self, audio: bytes) -> None:
        """Any amount of sound; two minutes that nobody worked on is a failure, told by `heard`."""
        self._channel.send(FEED, audio)

    def finish(self) -> None:
        """Settle the words: `heard` gives final ones within a few milliseconds, empty when nothing was understood."""
        self._channel.send(FINISH)
        late = f"{self._worker.name} did not answer for {ANSWER_SECONDS:g} s and was ended."
        loop = asyncio.get_running_loop()
        self._unsettled.append(loop.call_later(ANSWER_SECONDS, self._worker.fail, late))

    def expect(self, phrases: Sequence[str]) -> None:
        """What was just offered, and what the agent just said: a question of its flow makes its answers likely."""
        self._channel.send(EXPECT, packed(list(phrases)))

    async def heard(self) -> AsyncIterator[Heard]:
        """The start of speech, words so far at most every 200 ms, and final words. Raises `EngineFailed`."""
        while True:
            kind, body = await self._channel.get()
            if kind == BEGAN:
                yield SpeechBegan()
            elif kind in (PARTIAL, FINAL):
                if kind == FINAL and self._unsettled:
                    self._unsettled.pop(0).cancel()
                said = msgspec.json.decode(body)
                yield Words(said["text"], kind == FINAL, said["from"], said["to"])

    async def close(self) -> None:
        for timer in self._unsettled:
            timer.cancel()
        self._unsettled.clear()
        self._channel.send(CLOSE)
        self._held.close()
