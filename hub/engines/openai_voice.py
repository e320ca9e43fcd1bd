"""OpenAI as a voice: its speech endpoint, streamed at 24 kHz. https://platform.openai.com/docs/guides/text-to-speech"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hub.engine import Account, EngineFailed
from hub.engines.openai_audio import CLIENTS, VENDOR, failure
from hub.engines.options import Options
from hub.engines.received import FIRST_SECONDS, Received, speakable
from hub.voice.codecs import silence
from hub.voice.speech import PCM_24K, Format, NamedVoice

if TYPE_CHECKING:
    from openai import AsyncOpenAI

MODEL, VOICE = "gpt-4o-mini-tts", "alloy"
_VOICES = (
    ("alloy", ""), ("ash", "male"), ("ballad", "male"), ("cedar", "male"), ("coral", "female"), ("echo", "male"),
    ("fable", ""), ("marin", "female"), ("nova", "female"), ("onyx", "male"), ("sage", "female"),
    ("shimmer", "female"), ("verse", "male"),
)  # fmt: skip
_MOST_LETTERS = 4_096


class OpenAIVoice:
    """Speaks every language by the text alone.

    Options: `voice`, `model`, `speed` (0.25 to 4), `instructions` (how to speak, in words).
    """

    vendor = "openai"
    model = MODEL
    gives = (PCM_24K,)

    async def open(self, format: Format, language: str, options: Mapping[str, Any], account: Account) -> "OpenAIMouth":
        """Does not wait for the vendor. Raises `EngineFailed` for bad options."""
        if format != PCM_24K:
            raise EngineFailed(f"{VENDOR} does not give {format.codec} at {format.rate} Hz.", "invalid")
        given = Options(VENDOR, options)
        asked: dict[str, Any] = {
            "model": given.text("model", MODEL),
            "voice": given.text("voice", VOICE),
            "speed": given.number("speed", 0.25, 4, 1.0),
            "response_format": "pcm",
        }
        if instructions := given.text("instructions"):
            asked["instructions"] = instructions
        return OpenAIMouth(await CLIENTS.of(account), asked)

    async def load(self, account: Account) -> None:
        await CLIENTS.of(account)

    async def voices(self, account: Account) -> Sequence[NamedVoice]:
        """Those of the vendor's guide; it has no list of them to ask for."""
        return [NamedVoice(name, name.title(), gender=gender) for name, gender in _VOICES]


class OpenAIMouth:
    """One call's voice."""

    def __init__(self, client: "AsyncOpenAI", asked: Mapping[str, Any]) -> None:
        self._client, self._asked = client, asked

    async def speak(self, text: str) -> AsyncIterator[bytes]:
        """The sound of a sentence, whole samples as they come. Raises `EngineFailed`."""
        if not speakable(text):
            yield silence(PCM_24K, 100)
            return
        time = asyncio.get_running_loop().time
        begun_at = time()
        async with contextlib.AsyncExitStack() as held:
            try:
                async with asyncio.timeout(FIRST_SECONDS):
                    asked = self._client.audio.speech.with_streaming_response.create(
                        input=text[:_MOST_LETTERS], **self._asked
                    )
                    response = await held.enter_async_context(asked)
            except TimeoutError:
                raise EngineFailed(f"{VENDOR} did not answer within {FIRST_SECONDS:g} s.", "slow") from None
            except Exception as error:
                raise failure(error) from error
            received = Received(VENDOR, PCM_24K, text, self._asked["speed"])
            received.announced(response.headers.get("content-type", ""))
            try:
                async for sound in received.played(response.iter_bytes(), time() - begun_at):
                    yield sound
            except EngineFailed:
                raise
            except Exception as error:
                raise failure(error) from error

    async def close(self) -> None:
        """Nothing is held between two sentences but the account's connections."""
