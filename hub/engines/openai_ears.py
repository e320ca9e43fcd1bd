"""OpenAI as a transcriber: each stretch of speech is sent when it is over; there are no words before.

https://platform.openai.com/docs/api-reference/audio/createTranscription
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hub.engine import Account, EngineFailed
from hub.engines.openai_audio import CLIENTS, VENDOR, failure
from hub.engines.options import Options
from hub.models.voice import VadConfig
from hub.voice.activity import Activity
from hub.voice.codecs import pcm16
from hub.voice.speech import MULAW_8K, PCM_16K, Format, Heard, Hints, SpeechBegan, Words
from hub.voice.wav import header

if TYPE_CHECKING:
    from openai import AsyncOpenAI

MODEL = "gpt-transcribe"
ANSWER_SECONDS = 4.0
BEFORE_MS, LEAST_MS, MOST_MS = 400, 200, 30_000
"""So much is sent of what was before the speech; so much of it at least; a longer stretch is sent in parts."""
MOST_AT_ONCE = 4
_MOST_LETTERS, _MOST_HINTS = 10_000, 800


class OpenAITranscriber:
    """Takes telephone sound as it comes; every language, told by `language`.

    Options: `model`, `prompt` (words and names it may meet, beside the agent's own).
    """

    vendor = "openai"
    model = MODEL
    takes = (PCM_16K, MULAW_8K)
    ends_turns = False
    settles_in = 2.5

    async def open(self, format: Format, hints: Hints, options: Mapping[str, Any], account: Account) -> "OpenAIEars":
        """Does not wait for the vendor. Raises `EngineFailed` for bad options."""
        if format not in self.takes:
            raise EngineFailed(f"{VENDOR} is not given {format.codec} at {format.rate} Hz.", "invalid")
        given = Options(VENDOR, options)
        asked = {"model": given.text("model", MODEL), "response_format": "json"}
        if language := hints.language.replace("_", "-").partition("-")[0].lower():
            asked["language"] = language
        if prompt := ", ".join(filter(None, (given.text("prompt"), *hints.words)))[:_MOST_HINTS]:
            asked["prompt"] = prompt
        return OpenAIEars(await CLIENTS.of(account), format, asked)

    async def load(self, account: Account) -> None:
        await CLIENTS.of(account)


class OpenAIEars:
    """One call's transcriber."""

    def __init__(self, client: "AsyncOpenAI", format: Format, asked: Mapping[str, Any]) -> None:
        self._client, self._format, self._asked = client, format, asked
        self._activity = Activity(format, VadConfig())
        self._before: deque[bytes] = deque()
        self._before_size = 0
        self._speech: list[bytes] = []
        self._size = 0
        self._waiting: asyncio.Queue[SpeechBegan | Words | asyncio.Task[str] | EngineFailed] = asyncio.Queue()
        self._under_way: set[asyncio.Task[str]] = set()

    def feed(self, audio: bytes) -> None:
        """Any amount of sound; what is no speech is forgotten at once."""
        edge = self._activity.hear(audio)
        if edge == "began":
            self._waiting.put_nowait(SpeechBegan())
            self._speech, self._size = list(self._before), self._before_size
            self._before.clear()
            self._before_size = 0
        if self._activity.speaking:
            self._speech.append(audio)
            self._size += len(audio)
            if self._size > self._format.size(MOST_MS):
                self._send()
        else:
            self._keep(audio)
        if edge == "ended":
            self._send()

    def _keep(self, audio: bytes) -> None:
        self._before.append(audio)
        self._before_size += len(audio)
        while self._before_size - len(self._before[0]) > self._format.size(BEFORE_MS):
            self._before_size -= len(self._before.popleft())

    def finish(self) -> None:
        """Have the words of what was said since the last time."""
        self._send()
        if not self._under_way:
            self._waiting.put_nowait(Words("", final=True))

    def expect(self, phrases: Sequence[str]) -> None:
        """Nothing is learnt from it."""

    def _send(self) -> None:
        speech, self._speech, size, self._size = self._speech, [], self._size, 0
        if size < self._format.size(LEAST_MS):
            return
        if len(self._under_way) >= MOST_AT_ONCE:
            self._waiting.put_nowait(EngineFailed(f"{VENDOR} does not keep up with what is said.", "slow"))
            return
        task = asyncio.create_task(self._words(b"".join(speech)))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        self._waiting.put_nowait(task)

    async def _words(self, audio: bytes) -> str:
        """What is said in this stretch. Raises `EngineFailed`."""
        samples = pcm16(audio, self._format)
        file = ("speech.wav", header(self._format.rate, 1, len(samples) // 2) + samples, "audio/wav")
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._client.audio.transcriptions.create(file=file, **self._asked)
        except TimeoutError:
            raise EngineFailed(f"{VENDOR} did not answer within {ANSWER_SECONDS:g} s.", "slow") from None
        except Exception as error:
            raise failure(error) from error
        text = getattr(answer, "text", None)
        if not isinstance(text, str) or len(text) > _MOST_LETTERS:
            raise EngineFailed(f"{VENDOR} answered something else than words.", "garbage")
        return text.strip()

    async def heard(self) -> AsyncIterator[Heard]:
        """The start of speech, and final words in the order in which they were said. Raises `EngineFailed`."""
        while True:
            came = await self._waiting.get()
            if isinstance(came, EngineFailed):
                raise came
            yield Words(await came, final=True) if isinstance(came, asyncio.Task) else came

    async def close(self) -> None:
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
