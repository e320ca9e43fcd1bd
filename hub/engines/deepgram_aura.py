"""Speaking by Deepgram's Aura: https://developers.deepgram.com/docs/text-to-speech"""

import asyncio
import contextlib
import textwrap
import warnings
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
from httpx_aiohttp import HttpxAiohttpClient

from hub.engine import Account, EngineFailed
from hub.engines import deepgram
from hub.engines.clients import Clients
from hub.engines.options import Options
from hub.engines.received import FIRST_SECONDS, Received, speakable
from hub.engines.refusals import hung_up, refused
from hub.voice.codecs import silence
from hub.voice.speech import MULAW_8K, PCM_16K, PCM_24K, PCM_48K, Format, NamedVoice

if TYPE_CHECKING:
    from deepgram import AsyncDeepgramClient

CONNECT_SECONDS = 2.0
LIST_SECONDS = 8.0
KEPT_SECONDS = 60.0
"""For so long an idle connection waits for the next sentence."""
MOST_LETTERS = 2_000
"""For one request: https://developers.deepgram.com/docs/tts-rest"""
MOST_VOICES = 1_000

VOICES = {
    "en": "aura-2-thalia-en", "es": "aura-2-celeste-es", "de": "aura-2-viktoria-de", "fr": "aura-2-agathe-fr",
    "nl": "aura-2-rhea-nl", "it": "aura-2-livia-it", "ja": "aura-2-izanami-ja",
}  # fmt: skip
"""The voice for a language, unless the agent has chosen one: https://developers.deepgram.com/docs/tts-models"""


class Client(NamedTuple):
    """The SDK, and the connections under it."""

    sdk: "AsyncDeepgramClient"
    http: httpx.AsyncClient


def _make(account: Account) -> Client:
    from deepgram import AsyncDeepgramClient

    http = HttpxAiohttpClient(  # follows no redirect: the key would go along
        limits=httpx.Limits(max_connections=500, max_keepalive_connections=100, keepalive_expiry=KEPT_SECONDS)
    )
    where = deepgram.environment(account)
    sdk = AsyncDeepgramClient(api_key=account.key, environment=where, httpx_client=http, max_retries=0)
    with warnings.catch_warnings():  # its live clients come along, which are of a WebSocket library's past
        warnings.simplefilter("ignore", DeprecationWarning)
        _ = sdk.speak.v1.audio, sdk.manage.v1.models
    return Client(sdk, http)


async def _close(client: Client) -> None:
    await client.http.aclose()


class Aura:
    """The voice `deepgram`.

    Options: `voice` (a model such as aura-2-thalia-en, or its short name, thalia), `speed` (0.7 to 1.5), `mip_opt_out`
    (true: Deepgram does not learn from it).
    """

    vendor, model = "deepgram", "aura-2"
    gives = (MULAW_8K, PCM_48K, PCM_24K, PCM_16K)

    def __init__(self) -> None:
        self._clients = Clients(_make, _close)

    async def open(self, format: Format, language: str, options: Mapping[str, Any], account: Account) -> "AuraMouth":
        """Does not wait for Deepgram; a connection is made beside. Raises `EngineFailed` for options that cannot be."""
        if format not in self.gives:
            raise EngineFailed(f"{deepgram.VENDOR} is not asked for {format.codec} at {format.rate} Hz.", "invalid")
        asked = request(format, language, Options(deepgram.VENDOR, options))
        return AuraMouth(await self._clients.of(account), format, asked)

    async def load(self, account: Account) -> None:
        await self._clients.of(account)

    async def voices(self, account: Account) -> Sequence[NamedVoice]:
        """The voices there are, at most 1,000. Raises `EngineFailed`."""
        client = await self._clients.of(account)
        try:
            async with asyncio.timeout(LIST_SECONDS):
                found = await client.sdk.manage.v1.models.list(request_options={"timeout_in_seconds": LIST_SECONDS})
            return [_named(voice) for voice in (found.tts or ())[:MOST_VOICES] if voice.canonical_name]
        except TimeoutError:
            words = f"{deepgram.VENDOR} did not list its voices within {LIST_SECONDS:g} s."
            raise EngineFailed(words, "slow") from None
        except Exception as error:
            raise failure(error) from error


def _named(voice: Any) -> NamedVoice:
    tags = (voice.metadata.tags if voice.metadata else None) or ()
    languages = sorted(voice.languages or ("",), key=len)
    return NamedVoice(
        voice.canonical_name, str(voice.name or voice.canonical_name).title(), languages[-1],
        "female" if "feminine" in tags else "male" if "masculine" in tags else "",
        str((voice.metadata and voice.metadata.accent) or ""), str((voice.metadata and voice.metadata.sample) or ""),
    )  # fmt: skip


def request(format: Format, language: str, options: Options) -> dict[str, Any]:
    """What is asked with every sentence. Raises `EngineFailed` for an option that cannot be."""
    speed = min(max(options.number("speed", 0.5, 2, 1.0), 0.7), 1.5)
    asked = {
        "model": model(options.text("voice"), language),
        "encoding": deepgram.ENCODINGS[format.codec],
        "sample_rate": format.rate,
        "container": "none",
        "speed": None if speed == 1 else speed,
        "mip_opt_out": options.switch("mip_opt_out"),
        "request_options": {"timeout_in_seconds": CONNECT_SECONDS},
    }
    return {name: value for name, value in asked.items() if value is not None}


def model(voice: str, language: str) -> str:
    """What Deepgram calls this voice; the language's own without one. Raises `EngineFailed`."""
    short = language.replace("_", "-").partition("-")[0].lower()
    if not voice and short not in VOICES:
        words = f"{deepgram.VENDOR} has no voice for {language}; it speaks {', '.join(VOICES)}."
        raise EngineFailed(words, "invalid")
    if not voice:
        return VOICES[short]
    return voice if voice.startswith("aura-") else f"aura-2-{voice.lower()}-{short}"


class AuraMouth:
    """One call's voice."""

    def __init__(self, client: Client, format: Format, asked: Mapping[str, Any]) -> None:
        self._client, self._format, self._asked = client, format, asked

    async def speak(self, text: str) -> AsyncIterator[bytes]:
        """The sound of a sentence, whole samples as they come. Raises `EngineFailed`."""
        if not speakable(text):
            yield silence(self._format, 100)
            return
        for part in textwrap.wrap(text, MOST_LETTERS):
            async for sound in self._spoken(part):
                yield sound

    async def _spoken(self, text: str) -> AsyncIterator[bytes]:
        time = asyncio.get_running_loop().time
        begun_at = time()
        async with contextlib.AsyncExitStack() as held:
            try:
                async with asyncio.timeout(FIRST_SECONDS):
                    audio = self._client.sdk.speak.v1.audio.with_raw_response
                    response = await held.enter_async_context(audio.generate(text=text, **self._asked))
            except TimeoutError:
                words = f"{deepgram.VENDOR} did not answer within {FIRST_SECONDS:g} s."
                raise EngineFailed(words, "slow") from None
            except Exception as error:
                raise failure(error) from error
            received = Received(deepgram.VENDOR, self._format, text, self._asked.get("speed", 1.0))
            received.announced(response.headers.get("content-type", ""))
            try:
                async for sound in received.played(response.data, time() - begun_at):
                    yield sound
            except EngineFailed:
                raise
            except Exception as error:
                raise failure(error) from error

    async def close(self) -> None: ...


def failure(error: Exception) -> EngineFailed:
    """What an error of the SDK or the connection means."""
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        body = getattr(error, "body", "")
        words = body.get("err_msg") or body.get("message") if isinstance(body, Mapping) else body
        return refused(deepgram.VENDOR, status, "" if "<" in str(words) else str(words or "").rstrip("."))
    if isinstance(error, httpx.TimeoutException) and not hung_up(error):
        return EngineFailed(f"{deepgram.VENDOR} was not reached in time.", "slow")
    if isinstance(error, httpx.DecodingError):
        return EngineFailed(f"{deepgram.VENDOR} sent what cannot be unpacked.", "garbage")
    if isinstance(error, httpx.HTTPError):
        words = str(error) or type(error).__name__
        return EngineFailed(f"The connection to {deepgram.VENDOR} broke: {words}.", "broken")
    words = f"{deepgram.VENDOR} answered what its SDK does not understand: {type(error).__name__}."
    return EngineFailed(words, "garbage")
