"""ElevenLabs: its voices through the official SDK, streamed, over connections that are kept for the next sentence.

https://elevenlabs.io/docs/api-reference/text-to-speech/stream
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
from httpx_aiohttp import HttpxAiohttpClient

from hub.engine import Account, EngineFailed
from hub.engines.clients import Clients
from hub.engines.options import Options
from hub.engines.received import FIRST_SECONDS, Received, speakable
from hub.engines.refusals import hung_up, refused
from hub.voice.codecs import silence
from hub.voice.speech import MULAW_8K, PCM_16K, PCM_24K, Format, NamedVoice

if TYPE_CHECKING:
    from elevenlabs.client import AsyncElevenLabs

VENDOR = "ElevenLabs"
SARAH = "EXAVITQu4vr4xnSDxMaL"
"""A premade voice, which every account has."""
MODEL = "eleven_flash_v2_5"
CONNECT_SECONDS = 2.0
LIST_SECONDS = 8.0
KEPT_SECONDS = 60.0
"""For so long an idle connection waits for the next sentence."""
AGAIN_AFTER = (0.3, 0.6)
"""Seconds to the next try when the subscription's requests at once are all under way: one of them will be over."""
MOST_VOICES, _PAGE = 1_000, 100
_CONTEXT_LETTERS = 300
_NAMES = {MULAW_8K: "ulaw_8000", PCM_24K: "pcm_24000", PCM_16K: "pcm_16000", Format("pcm16", 8000): "pcm_8000"}


class Client(NamedTuple):
    """The SDK, and the connections under it."""

    sdk: "AsyncElevenLabs"
    http: httpx.AsyncClient
    address: str


def _make(account: Account) -> Client:
    from elevenlabs.client import AsyncElevenLabs
    from elevenlabs.environment import ElevenLabsEnvironment

    http = HttpxAiohttpClient(  # follows no redirect: the key would go along
        limits=httpx.Limits(max_connections=500, max_keepalive_connections=100, keepalive_expiry=KEPT_SECONDS)
    )
    address = account.base_url or str(ElevenLabsEnvironment.PRODUCTION.value)
    return Client(AsyncElevenLabs(base_url=address, api_key=account.key, httpx_client=http), http, address)


async def _close(client: Client) -> None:
    await client.http.aclose()


class ElevenLabs:
    """Speaks 32 languages; mu-law as telephones have it, else 16 bits at 24 kHz, which every subscription may use.

    Options: `voice` (an id of the catalogue), `model`, `speed` (0.7 to 1.2), `stability`, `similarity` and `style` (0
    to 1), `speaker_boost` (true or false), `latency` (0 to 4, quicker and less careful), `language` (two letters).
    """

    vendor = "elevenlabs"
    model = MODEL
    gives = (PCM_24K, MULAW_8K, PCM_16K, Format("pcm16", 8000))

    def __init__(self) -> None:
        self._clients = Clients(_make, _close)

    async def open(
        self, format: Format, language: str, options: Mapping[str, Any], account: Account
    ) -> "ElevenLabsMouth":
        """Does not wait for the vendor; a connection is made beside. Raises `EngineFailed` for bad options."""
        if format not in _NAMES:
            raise EngineFailed(f"{VENDOR} is not asked for {format.codec} at {format.rate} Hz.", "invalid")
        asked = request(format, language, Options(VENDOR, options))
        return ElevenLabsMouth(await self._clients.of(account), format, asked)

    async def load(self, account: Account) -> None:
        await self._clients.of(account)

    async def voices(self, account: Account) -> Sequence[NamedVoice]:
        """The voices of the account, at most 1,000. Raises `EngineFailed`."""
        client = await self._clients.of(account)
        found: list[NamedVoice] = []
        page: str | None = None
        try:
            async with asyncio.timeout(LIST_SECONDS):
                while len(found) < MOST_VOICES:
                    answer = await client.sdk.voices.search(
                        page_size=_PAGE, next_page_token=page, request_options={"max_retries": 0}
                    )
                    if not isinstance(answer.voices, list):
                        raise EngineFailed(f"{VENDOR} answered something else than a list of voices.", "garbage")
                    found += [_named(voice) for voice in answer.voices]
                    page = answer.next_page_token
                    if not answer.has_more or not page:
                        break
        except TimeoutError:
            raise EngineFailed(f"{VENDOR} did not list its voices within {LIST_SECONDS:g} s.", "slow") from None
        except Exception as error:
            raise failure(error) from error
        return found[:MOST_VOICES]


def _named(voice: Any) -> NamedVoice:
    labels = voice.labels or {}
    return NamedVoice(
        str(voice.voice_id), str(voice.name or voice.voice_id), str(labels.get("language") or ""),
        str(labels.get("gender") or ""), str(labels.get("accent") or ""), str(voice.preview_url or ""),
    )  # fmt: skip


def request(format: Format, language: str, options: Options) -> dict[str, Any]:
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
    asked = {
        "voice_id": options.text("voice", SARAH),
        "model_id": model,
        "output_format": _NAMES[format],
        "voice_settings": {name: value for name, value in settings.items() if value is not None},
        "optimize_streaming_latency": None if latency is None else int(latency),
        "request_options": {"timeout_in_seconds": CONNECT_SECONDS, "chunk_size": None},
    }
    if model.endswith(("_v2_5", "_v3")):  # the others know the language by the text and refuse to be told
        asked["language_code"] = options.text("language", language.replace("_", "-").partition("-")[0].lower())
    return asked


class ElevenLabsMouth:
    """One call's voice."""

    def __init__(self, client: Client, format: Format, asked: Mapping[str, Any]) -> None:
        self._client, self._format, self._asked = client, format, asked
        self._before = ""
        self._warming = asyncio.create_task(self._warm())

    async def _warm(self) -> None:
        """Have a connection ready before the first sentence."""
        with contextlib.suppress(httpx.HTTPError):
            await self._client.http.head(self._client.address, timeout=CONNECT_SECONDS)

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
                    response = await self._asked_for(held, text, before)
            except TimeoutError:
                raise EngineFailed(f"{VENDOR} did not answer within {FIRST_SECONDS:g} s.", "slow") from None
            received = Received(VENDOR, self._format, text, self._asked["voice_settings"]["speed"])
            received.announced(response.headers.get("content-type", ""))
            try:
                async for sound in received.played(response.data, time() - begun_at):
                    yield sound
            except EngineFailed:
                raise
            except Exception as error:
                raise failure(error) from error

    async def _asked_for(self, held: contextlib.AsyncExitStack, text: str, before: str) -> Any:
        context = {"previous_text": before} if before and not self._asked["model_id"].endswith("_v3") else {}
        for pause in (*AGAIN_AFTER, None):
            try:
                stream = self._client.sdk.text_to_speech.with_raw_response.stream(text=text, **self._asked, **context)
                return await held.enter_async_context(stream)
            except Exception as error:
                if pause is None or "too_many_concurrent" not in str(getattr(error, "body", "")):
                    raise failure(error) from error
                await asyncio.sleep(pause)
        raise AssertionError("the last try returns or raises")

    async def close(self) -> None:
        self._warming.cancel()


def failure(error: Exception) -> EngineFailed:
    """What an error of the SDK or the connection means."""
    if isinstance(error, EngineFailed):
        return error
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        return refused(VENDOR, status, _words(getattr(error, "body", "")))
    if isinstance(error, httpx.TimeoutException) and not hung_up(error):
        return EngineFailed(f"{VENDOR} was not reached in time.", "slow")
    if isinstance(error, httpx.DecodingError):
        return EngineFailed(f"{VENDOR} sent what cannot be unpacked.", "garbage")
    if isinstance(error, httpx.HTTPError):
        return EngineFailed(f"The connection to {VENDOR} broke: {str(error) or type(error).__name__}.", "broken")
    return EngineFailed(f"{VENDOR} answered what its SDK does not understand: {type(error).__name__}.", "garbage")


def _words(body: Any) -> str:
    """The vendor's own words in the body of a refusal."""
    detail = body.get("detail", "") if isinstance(body, Mapping) else body
    if isinstance(detail, Mapping):
        return str(detail.get("message") or detail.get("status") or "")
    if isinstance(detail, list):
        said = [one for one in detail if isinstance(one, Mapping)]
        return "; ".join(f"{'.'.join(map(str, one.get('loc', ())))} {one.get('msg', '')}" for one in said)
    text = str(detail)
    return "" if "<" in text else text
