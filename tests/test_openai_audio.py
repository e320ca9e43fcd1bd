"""OpenAI's speech and transcriptions through its SDK, against the sandbox, and every way they can fail."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fixtures.sandbox import tones
from fixtures.sandbox.openai.audio import FAULTS
from fixtures.sandbox.twilio.voice.audio import to_mulaw
from hub.engine import EngineFailed
from hub.engines.openai_ears import MOST_AT_ONCE, OpenAIEars, OpenAITranscriber
from hub.engines.openai_voice import OpenAIMouth, OpenAIVoice
from hub.voice.codecs import Converter
from hub.voice.speech import MULAW_8K, PCM_16K, PCM_24K, Format, Heard, Hints, SpeechBegan, Words
from tests.engine_faults import NEVER_PLAYED, SOUND_FAULTS
from tests.engines_world import Vendors, tasks, vendors
from tests.fakes import until
from tests.world import eventually

pytestmark = pytest.mark.anyio

VENDOR = "openai-audio"
TEXT = "Good morning, this is a sentence of some length."
SPEECH = Path("fixtures/audio/sentences.ulaw").read_bytes()[7_200:12_000]
QUIET = b"\xff" * 8_000
STATUSES = {
    "401": "refused", "403": "refused", "404_model": "invalid", "400": "invalid", "429": "busy", "429_quota": "busy",
    "500": "broken",
}  # fmt: skip
SPEECH_KINDS = STATUSES | SOUND_FAULTS
WORDS_KINDS = {
    **STATUSES, "502_html": "broken", "503": "broken", "redirect": "garbage", "reset": "broken", "hang_up": "broken",
    "never": "slow", "slow_headers": "slow", "html_200": "garbage", "json_200": "garbage", "empty": "well",
    "no_text": "garbage", "wrong_type": "garbage", "not_json": "garbage", "half_json": "garbage",
    "endless_text": "garbage",
}  # fmt: skip


@pytest.fixture
async def world(anyio_backend: str) -> AsyncIterator[Vendors]:
    async with vendors(openai_key="right") as made:
        yield made


async def mouth(world: Vendors, **options: Any) -> OpenAIMouth:
    return await OpenAIVoice().open(PCM_24K, "en-US", options, world.account("/openai/v1", "right"))


async def ears(world: Vendors, format: Format = MULAW_8K, **options: Any) -> OpenAIEars:
    hints = Hints("en-US", words=["Ruiz", "Delta Dental"])
    return await OpenAITranscriber().open(format, hints, options, world.account("/openai/v1", "right"))


def spoken(text: str) -> bytes:
    """Somebody says this: a voice, and the words as tones."""
    return SPEECH + to_mulaw(tones.spoken(text))


def hear(ears: OpenAIEars, sound: bytes, convert: Converter | None = None) -> None:
    for at in range(0, len(sound), 160):
        frame = sound[at : at + 160]
        ears.feed(convert.convert(frame) if convert else frame)


async def finals(ears: OpenAIEars, count: int) -> list[str]:
    found: list[str] = []
    async with asyncio.timeout(8):
        async for heard in ears.heard():
            if isinstance(heard, Words):
                assert heard.final
                found.append(heard.text)
            if len(found) == count:
                break
    return found


# speaking


async def test_a_sentence_comes_as_sixteen_bits_while_it_is_made(world: Vendors) -> None:
    await world.takes(VENDOR, each_ms=30)
    loop, came, sound = asyncio.get_running_loop(), [], b""
    opened = await mouth(world, voice="nova", speed=1.25, instructions="Whisper.")
    began = loop.time()
    async for piece in opened.speak(TEXT):
        came.append(loop.time() - began)
        sound += piece
    assert tones.read(np.frombuffer(sound, "<i2"), 24_000) == TEXT
    assert came[0] < came[-1] / 2
    (asked,) = await world.asked(VENDOR, "speech")
    assert asked["body"] == {
        "input": TEXT, "model": "gpt-4o-mini-tts", "voice": "nova", "speed": 1.25, "response_format": "pcm",
        "instructions": "Whisper.",
    }  # fmt: skip


async def test_connections_are_used_again(world: Vendors) -> None:
    opened = await mouth(world)
    for text in ("One.", "And two.", "And three."):
        assert [sound async for sound in opened.speak(text)]
    assert len({tuple(asked["peer"]) for asked in await world.asked(VENDOR, "speech")}) == 1


async def test_an_option_of_the_voice_that_cannot_be_is_told(world: Vendors) -> None:
    with pytest.raises(EngineFailed, match=r"`speed` is a number from 0\.25 to 4") as failed:
        await mouth(world, speed=9)
    assert failed.value.fault == "invalid"


def test_every_fault_of_the_sandbox_is_tried() -> None:
    assert SPEECH_KINDS.keys() | WORDS_KINDS.keys() == FAULTS.keys()


@pytest.mark.parametrize("fault", SPEECH_KINDS)
async def test_every_fault_of_speech_ends_soon_and_is_told(world: Vendors, fault: str) -> None:
    await world.misbehaves(VENDOR, fault, stage="speech", after=3)
    before = tasks()
    opened, began = await mouth(world), asyncio.get_running_loop().time()
    sound, kind, words = b"", "well", ""
    try:
        async for piece in opened.speak(TEXT):
            assert len(piece) % 2 == 0
            sound += piece
    except EngineFailed as error:
        kind, words = error.fault, str(error)
    assert kind == SPEECH_KINDS[fault], words
    assert not (sound and fault in NEVER_PLAYED)
    assert asyncio.get_running_loop().time() - began < 4
    if kind == "well":
        assert tones.read(np.frombuffer(sound, "<i2"), 24_000) == TEXT
    else:
        assert "OpenAI" in words
    assert len(await world.asked(VENDOR, "speech")) == 1
    await opened.close()
    await until(lambda: tasks() <= before)


# hearing


@pytest.mark.parametrize("format", [MULAW_8K, PCM_16K])
async def test_what_was_said_is_understood_when_they_have_finished(world: Vendors, format: Format) -> None:
    opened = await ears(world, format)
    convert = Converter(MULAW_8K, format) if format != MULAW_8K else None
    hear(opened, QUIET + spoken("A cleaning please") + QUIET[:2_400], convert)
    opened.finish()
    assert await finals(opened, 1) == ["A cleaning please"]
    (asked,) = await world.asked(VENDOR, "transcriptions")
    assert (asked["model"], asked["language"], asked["prompt"]) == ("gpt-transcribe", "en", "Ruiz, Delta Dental")
    assert asked["size"] < 2 * 16_000 * 3  # what was before it is not sent
    await opened.close()


async def test_the_start_of_speech_is_told_at_once(world: Vendors) -> None:
    opened = await ears(world)
    hear(opened, QUIET + SPEECH)
    heard: Heard = await anext(opened.heard())
    assert isinstance(heard, SpeechBegan)
    await opened.close()


async def test_stretches_come_in_their_order_whichever_is_understood_first(world: Vendors) -> None:
    await world.takes(VENDOR, first_ms=400)
    opened = await ears(world)
    hear(opened, QUIET + spoken("The first") + QUIET[:2_400])
    opened.finish()
    await eventually(lambda: world.asked(VENDOR, "transcriptions"), len)
    await world.takes(VENDOR, first_ms=0)
    hear(opened, spoken("The second") + QUIET[:2_400])
    opened.finish()
    assert await finals(opened, 2) == ["The first", "The second"]
    await opened.close()


async def test_speech_that_nobody_calls_finished_is_sent_after_a_quiet_while(world: Vendors) -> None:
    opened = await ears(world)
    hear(opened, QUIET + spoken("Hello there") + QUIET)
    assert await finals(opened, 1) == ["Hello there"]
    await opened.close()


async def test_silence_is_sent_to_nobody_and_settles_at_once(world: Vendors) -> None:
    opened = await ears(world)
    hear(opened, QUIET * 3)
    opened.finish()
    assert await finals(opened, 1) == [""]
    assert not await world.asked(VENDOR, "transcriptions")
    await opened.close()


async def test_a_vendor_that_does_not_keep_up_is_let_go(world: Vendors) -> None:
    await world.takes(VENDOR, first_ms=1_000)
    opened = await ears(world)
    for _ in range(MOST_AT_ONCE + 1):
        hear(opened, QUIET + spoken("Again") + QUIET[:2_400])
        opened.finish()
    with pytest.raises(EngineFailed, match="does not keep up") as failed:
        await finals(opened, MOST_AT_ONCE + 1)
    assert failed.value.fault == "slow"
    assert len(await world.asked(VENDOR, "transcriptions")) == MOST_AT_ONCE
    await opened.close()


async def test_hanging_up_stops_what_is_under_way(world: Vendors) -> None:
    await world.takes(VENDOR, first_ms=3_000)
    before = tasks()
    opened = await ears(world)
    hear(opened, QUIET + spoken("Never mind") + QUIET[:2_400])
    opened.finish()
    await opened.close()
    await until(lambda: tasks() <= before)


@pytest.mark.parametrize("fault", WORDS_KINDS)
async def test_every_fault_of_transcriptions_ends_soon_and_is_told(world: Vendors, fault: str) -> None:
    await world.misbehaves(VENDOR, fault, stage="transcriptions")
    before = tasks()
    opened, began = await ears(world), asyncio.get_running_loop().time()
    hear(opened, QUIET + spoken("A cleaning please") + QUIET[:2_400])
    opened.finish()
    kind, words = "well", ""
    try:
        assert await finals(opened, 1) == [""]
    except EngineFailed as error:
        kind, words = error.fault, str(error)
    assert kind == WORDS_KINDS[fault], words
    assert asyncio.get_running_loop().time() - began < 5
    assert kind == "well" or "OpenAI" in words
    assert len(await world.asked(VENDOR, "transcriptions")) == 1
    await opened.close()
    await until(lambda: tasks() <= before)
