"""The voices that agents can have: those of an engine, found by words, and how each of them sounds."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from hub.core.context import Context
from hub.dialogue.outbound import Failed, Forbidden
from hub.engine import Account, EngineFailed
from hub.engines import voice
from hub.voice.chain import release
from hub.voice.codecs import pcm16
from hub.voice.speech import PCM_24K, NamedVoice, Voice, best
from hub.voice.wav import header

PREVIEW_SECONDS = 10.0
MOST_PREVIEW_BYTES = 3_000_000
_PREVIEW_TYPES = re.compile(r"audio/(mpeg|mp3|wav|x-wav|wave|ogg|mp4|aac|flac|webm)")
_SENTENCES = {
    "en": "Hello, this is how I sound when I talk with your customers.",
    "de": "Hallo, so klinge ich, wenn ich mit Ihren Kunden spreche.",
    "es": "Hola, así sueno cuando hablo con sus clientes.",
    "fr": "Bonjour, voici ma voix quand je parle avec vos clients.",
    "it": "Buongiorno, questa è la mia voce quando parlo con i vostri clienti.",
    "nl": "Hallo, zo klink ik als ik met uw klanten praat.",
    "pt": "Olá, esta é a minha voz quando falo com os seus clientes.",
}


class NoVoice(LookupError):
    """The engine has no voice of this name; the text says so."""


@dataclass(frozen=True, slots=True)
class Sound:
    """How a voice sounds, as a file."""

    data: bytes
    media_type: str


async def listed(hub: Context, workspace_id: UUID, name: str) -> Sequence[NamedVoice]:
    """The voices of the engine of this name. Raises `UnknownEngine`, `EngineFailed`."""
    return await hub.catalogues.of(name, await hub.accounts.of(workspace_id, voice(name).vendor))


def matching(voices: Sequence[NamedVoice], wanted: str) -> list[NamedVoice]:
    """Those in which every word of what is wanted is found."""
    words = wanted.lower().split()
    texts = [" ".join((one.name, one.id, one.language, one.gender, one.accent)).lower() for one in voices]
    return [one for one, text in zip(voices, texts, strict=True) if all(_found(word, text) for word in words)]


def _found(word: str, text: str) -> bool:
    """`male` does not find `female`."""
    return re.search(rf"(?<![a-z]){re.escape(word)}", text) is not None


async def preview(hub: Context, workspace_id: UUID, name: str, id: str) -> Sound:
    """How this voice of the engine sounds: as the vendor shows it, else a sentence of our own.

    Raises `UnknownEngine`, `NoVoice`, `EngineFailed`.
    """
    found = next((one for one in await listed(hub, workspace_id, name) if one.id == id), None)
    if found is None:
        raise NoVoice(f"{name} has no voice {id[:80]!r} in its list.")
    if found.preview_url:
        return await _fetched(hub, name, found.preview_url)
    engine = voice(name)
    return await _spoken(engine, found, await hub.accounts.of(workspace_id, engine.vendor))


async def _fetched(hub: Context, name: str, url: str) -> Sound:
    try:
        answer = await hub.outside.request("GET", url, timeout=PREVIEW_SECONDS, limit=MOST_PREVIEW_BYTES)
    except (Failed, Forbidden) as error:
        raise EngineFailed(f"The preview of {name} could not be fetched. {error}") from error
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if answer.status != 200 or not answer.body:
        raise EngineFailed(f"The preview of {name} could not be fetched: it answered {answer.status}.")
    if not _PREVIEW_TYPES.fullmatch(media_type):
        raise EngineFailed(f"The preview of {name} is no sound, but {media_type[:60] or 'of no type'}.", "garbage")
    return Sound(answer.body, media_type)


async def _spoken(engine: Voice, wanted: NamedVoice, account: Account) -> Sound:
    given = best(engine.gives, PCM_24K)
    language = wanted.language or "en-US"
    sentence = _SENTENCES.get(language.partition("-")[0].lower(), _SENTENCES["en"])
    try:
        async with asyncio.timeout(PREVIEW_SECONDS):
            mouth = await engine.open(given, language, {"voice": wanted.id}, account)
            try:
                spoken = b"".join([sound async for sound in mouth.speak(sentence)])
            finally:
                await release(mouth)
    except TimeoutError:
        raise EngineFailed(f"Nothing was spoken within {PREVIEW_SECONDS:g} s.", "slow") from None
    samples = pcm16(spoken, given)
    if not samples:
        raise EngineFailed(f"Nothing was spoken for the preview of {wanted.name}.", "garbage")
    return Sound(header(given.rate, 1, len(samples) // 2) + samples, "audio/wav")
