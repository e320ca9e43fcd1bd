"""ElevenLabs: its catalogue through the official SDK, its sound streamed over connections kept for the next sentence.

A sentence's request through the SDK takes three times the CPU of this one, and stands between words and sound.
https://elevenlabs.io/docs/api-reference/text-to-speech/stream
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

import aiohttp
import msgspec
from aiohttp.http_exceptions import ContentEncodingError

from hub.engine import Account, EngineFailed
from hub.engines.clients import Clients
from hub.engines.elevenlabs_catalogue import catalogue
from hub.engines.elevenlabs_refusals import VENDOR, TooManyAtOnce, refusal
from hub.engines.options import Options
from hub.engines.received import FIRST_SECONDS, Received, speakable
from hub.voice.codecs import silence
from hub.voice.speech import MULAW_8K, PCM_16K, PCM_24K, Format, NamedVoice

PRODUCTION = "https://api.elevenlabs.io"
SARAH = "EXAVITQu4vr4xnSDxMaL"
"""A premade voice, which every account has."""
MODEL = "eleven_flash_v2_5"
CONNECT_SECONDS = 2.0
KEPT_SECONDS = 60.0
"""For so long an idle connection waits for the next sentence."""
AGAIN_AFTER = (0.3, 0.6)
"""Seconds to the next try when the subscription's requests at once are all under way: one of them will be over."""
_CONTEXT_LETTERS = 300
_MOST_WORDS = 65_536
_NAMES = {MULAW_8K: "ulaw_8000", PCM_24K: "pcm_24000", PCM_16K: "pcm_16000", Format("pcm16", 8000): "pcm_8000"}


class _Connections:
    """One account's."""

    def __init__(self, account: Account) -> None:
        self._key, self._address = account.key, (account.base_url or PRODUCTION).rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    @property
    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=500, keepalive_timeout=KEPT_SECONDS),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
                headers={"xi-api-key": self._key}, trust_env=True, cookie_jar=aiohttp.DummyCookieJar(),
            )  # fmt: skip
        return self._session

    async def reach(self) -> None:
        """Have one ready. Who is not there is told of when a sentence is wanted."""
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            timeout = aiohttp.ClientTimeout(total=CONNECT_SECONDS)
            await (await self._http.head(self._address, allow_redirects=False, timeout=timeout)).read()

    @contextlib.asynccontextmanager
    async def stream(
        self, voice: str, query: Mapping[str, str], body: Mapping[str, Any]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The vendor's answer, if it is one. Raises `EngineFailed`."""
        url = f"{self._address}/v1/text-to-speech/{quote(voice, safe='')}/stream"
        asking = self._http.post(
            url, params=query, data=msgspec.json.encode(body), headers={"content-type": "application/json"},
            allow_redirects=False,  # the key would go along
        )  # fmt: skip
        try:
            async with asking as response:
                if response.status != 200:
                    raise refusal(response.status, await _said(response))
                yield response
        except (aiohttp.ClientError, ValueError) as error:
            raise _broken(error) from error

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


class ElevenLabs:
    """Speaks 32 languages; mu-law as telephones have it, else 16 bits at 24 kHz, which every subscription may use.

    Options: `voice` (an id of the catalogue), `model`, `speed` (0.7 to 1.2), `stability`, `similarity` and `style` (0
    to 1), `speaker_boost` (true or false), `latency` (0 to 4, quicker and less careful), `language` (two letters).
    """

    vendor = "elevenlabs"
    model = MODEL
    gives = (PCM_24K, MULAW_8K, PCM_16K, Format("pcm16", 8000))

    def __init__(self) -> None:
        self._connections = Clients(_Connections, _Connections.close)

    async def open(
        self, format: Format, language: str, options: Mapping[str, Any], account: Account
    ) -> "ElevenLabsMouth":
        """Does not wait for the vendor; a connection is made beside. Raises `EngineFailed` for bad options."""
        if format not in _NAMES:
            raise EngineFailed(f"{VENDOR} is not asked for {format.codec} at {format.rate} Hz.", "invalid")
        asked = request(format, language, Options(VENDOR, options))
        return ElevenLabsMouth(await self._connections.of(account), format, asked)

    async def voices(self, account: Account) -> Sequence[NamedVoice]:
        """The voices of the account, at most 1,000. Raises `EngineFailed`."""
        return await catalogue(account, account.base_url or PRODUCTION)


class Asked(NamedTuple):
    """What is asked with every sentence."""

    voice: str
    query: Mapping[str, str]
    body: Mapping[str, Any]


def request(format: Format, language: str, options: Options) -> Asked:
    """What is asked with every sentence. Raises `EngineFailed` for an option that cannot be."""
    settings = {
        "speed": min(max(options.number("speed", 0.5, 2, 1.0), 0.7), 1.2),
        "stability": options.number("stability", 0, 1),
        "similarity_boost": options.number("similarity", 0, 1),
        "style": options.number("style", 0, 1),
        "use_speaker_boost": options.switch("speaker_boost"),
    }
    model = options.text("model", MODEL)
    latency = options.number("latency", 0, 4)
    query = {"output_format": _NAMES[format]}
    if latency is not None:
        query["optimize_streaming_latency"] = str(int(latency))
    body = {"model_id": model, "voice_settings": {name: it for name, it in settings.items() if it is not None}}
    if model.endswith(("_v2_5", "_v3")):  # the others know the language by the text and refuse to be told
        body["language_code"] = options.text("language", language.replace("_", "-").partition("-")[0].lower())
    return Asked(options.text("voice", SARAH), query, body)


class ElevenLabsMouth:
    """One call's voice."""

    def __init__(self, connections: _Connections, format: Format, asked: Asked) -> None:
        self._connections, self._format, self._asked = connections, format, asked
        self._before = ""
        self._reaching = asyncio.create_task(connections.reach())

    async def speak(self, text: str) -> AsyncIterator[bytes]:
        """The sound of a sentence, whole samples as they come. Raises `EngineFailed`."""
        if not speakable(text):
            yield silence(self._format, 100)
            return
        before, self._before = self._before, text[-_CONTEXT_LETTERS:]
        time = asyncio.get_running_loop().time
        begun_at = time()
        async with contextlib.AsyncExitStack() as held:
            try:
                async with asyncio.timeout(FIRST_SECONDS):
                    response = await self._answered(held, text, before)
            except TimeoutError:
                raise EngineFailed(f"{VENDOR} did not answer within {FIRST_SECONDS:g} s.", "slow") from None
            received = Received(VENDOR, self._format, text, self._asked.body["voice_settings"]["speed"])
            received.announced(response.headers.get("content-type", ""))
            async for sound in received.played(response.content.iter_any(), time() - begun_at):
                yield sound

    async def _answered(self, held: contextlib.AsyncExitStack, text: str, before: str) -> aiohttp.ClientResponse:
        voice, query, body = self._asked
        context = {"previous_text": before} if before and not body["model_id"].endswith("_v3") else {}
        sentence = {"text": text, **body, **context}
        for pause in AGAIN_AFTER:
            try:
                return await held.enter_async_context(self._connections.stream(voice, query, sentence))
            except TooManyAtOnce:
                await asyncio.sleep(pause)
        return await held.enter_async_context(self._connections.stream(voice, query, sentence))

    async def close(self) -> None:
        self._reaching.cancel()


async def _said(response: aiohttp.ClientResponse) -> bytes:
    """The body of a refusal, in however many pieces it comes."""
    said = b""
    async for piece in response.content.iter_any():
        said += piece
        if len(said) > _MOST_WORDS:
            break
    return said


def _broken(error: Exception) -> EngineFailed:
    """What an error of the connection means."""
    if isinstance(error, TimeoutError):
        return EngineFailed(f"{VENDOR} was not reached in time.", "slow")
    if isinstance(error.__cause__, ContentEncodingError):
        return EngineFailed(f"{VENDOR} sent what cannot be unpacked.", "garbage")
    if isinstance(error, aiohttp.ClientConnectionError | aiohttp.ClientPayloadError):
        return EngineFailed(f"The connection to {VENDOR} broke: {str(error) or type(error).__name__}.", "broken")
    return EngineFailed(f"{VENDOR} answered what nobody understands: {type(error).__name__}.", "garbage")
