"""Deepgram's voice through its SDK against the sandbox: what it is asked, what comes of it, every way it can fail."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import numpy as np
import pytest

from fixtures.sandbox import tones
from fixtures.sandbox.deepgram.faults import FAULTS, STATUSES
from fixtures.sandbox.twilio.voice.audio import from_mulaw
from fixtures.sandbox.vendor_sound import FAULTS as OF_SOUND
from hub.engine import EngineFailed
from hub.engines.deepgram_aura import Aura, AuraMouth
from hub.voice.speech import MULAW_8K, PCM_16K, PCM_24K, PCM_48K, Catalogue, Format, NamedVoice
from tests.engine_faults import SOUND_FAULTS
from tests.engines_world import Vendors, tasks, vendors
from tests.fakes import until
from tests.world import eventually

pytestmark = pytest.mark.anyio

TEXT = "Good morning, this is a sentence of some length."
REFUSALS = {"unauthorized": "refused", "unpaid": "refused", "forbidden": "refused", "too_many": "busy",
            "server_error": "broken"}  # fmt: skip


@pytest.fixture
async def world(anyio_backend: str) -> AsyncIterator[Vendors]:
    async with vendors(deepgram_key="right") as made:
        yield made


async def mouth(
    world: Vendors, format: Format = MULAW_8K, language: str = "en-US", key: str = "right", **options: Any
) -> AuraMouth:
    return await Aura().open(format, language, options, world.account("/deepgram", key))


async def said(mouth: AuraMouth, text: str = TEXT) -> bytes:
    return b"".join([sound async for sound in mouth.speak(text)])


def read(sound: bytes, format: Format) -> str:
    samples = from_mulaw(sound) if format.codec == "mulaw" else np.frombuffer(sound, "<i2")
    return tones.read(samples, format.rate)


async def queries(world: Vendors) -> list[dict[str, list[str]]]:
    return [one["query"] for one in await world.asked("deepgram", "speak")]


@pytest.mark.parametrize("format", [MULAW_8K, PCM_16K, PCM_24K, PCM_48K], ids=str)
async def test_a_sentence_is_spoken_in_the_lines_own_format(world: Vendors, format: Format) -> None:
    assert read(await said(await mouth(world, format)), format) == TEXT
    (query,) = await queries(world)
    encoding = "mulaw" if format.codec == "mulaw" else "linear16"
    assert query == {
        "model": ["aura-2-thalia-en"], "encoding": [encoding], "sample_rate": [str(format.rate)], "container": ["none"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("language", "options", "model"),
    [
        ("en-US", {}, "aura-2-thalia-en"),
        ("de-DE", {}, "aura-2-viktoria-de"),
        ("en-GB", {"voice": "draco"}, "aura-2-draco-en"),
        ("en-US", {"voice": "aura-asteria-en"}, "aura-asteria-en"),
    ],
)
async def test_the_voice_is_the_agents_or_the_languages(
    world: Vendors, language: str, options: dict[str, Any], model: str
) -> None:
    await said(await mouth(world, language=language, **options))
    assert (await queries(world))[0]["model"] == [model]


async def test_a_language_that_it_does_not_speak_is_named(world: Vendors) -> None:
    with pytest.raises(EngineFailed, match="no voice for pl-PL; it speaks en, es") as caught:
        await mouth(world, language="pl-PL")
    assert caught.value.fault == "invalid"


@pytest.mark.parametrize(("speed", "asked"), [(1.0, None), (1.2, ["1.2"]), (2.0, ["1.5"]), (0.5, ["0.7"])])
async def test_the_speed_is_the_nearest_that_there_is(world: Vendors, speed: float, asked: list[str] | None) -> None:
    await said(await mouth(world, speed=speed))
    assert (await queries(world))[0].get("speed") == asked


async def test_a_very_long_text_is_asked_for_in_parts(world: Vendors) -> None:
    text = " ".join(f"This is sentence {number}." for number in range(150))
    assert read(await said(await mouth(world), text), MULAW_8K) == text
    parts = [one["text"] for one in await world.asked("deepgram", "speak")]
    assert len(parts) == 2
    assert " ".join(parts) == text


async def test_the_first_sound_passes_through_at_once(world: Vendors) -> None:
    await world.takes("deepgram", each_ms=100)
    opened, time = await mouth(world), asyncio.get_running_loop().time
    began, at = time(), []
    async for _ in opened.speak(TEXT):
        at.append(time() - began)
    assert at[0] < 0.3
    assert at[-1] > 1.5


async def test_connections_are_used_again(world: Vendors) -> None:
    voice = Aura()
    for _ in range(3):
        opened = await voice.open(MULAW_8K, "en-US", {}, world.account("/deepgram", "right"))
        await said(opened)
        await opened.close()
    ports = {one["port"] for one in await world.asked("deepgram", "speak")}
    assert len(ports) == 1


async def test_several_sentences_are_made_side_by_side(world: Vendors) -> None:
    await world.takes("deepgram", first_ms=300)
    opened, time = await mouth(world), asyncio.get_running_loop().time
    began = time()
    first, second = await asyncio.gather(said(opened, "The first one."), said(opened, "The second one."))
    assert time() - began < 0.55
    assert (read(first, MULAW_8K), read(second, MULAW_8K)) == ("The first one.", "The second one.")


async def test_who_is_interrupted_stops_the_request(world: Vendors) -> None:
    await world.takes("deepgram", each_ms=50)
    before = tasks()
    async with aclosing((await mouth(world)).speak(TEXT * 10)) as sound:
        await anext(sound)

    (stopped,) = await eventually(lambda: world.asked("deepgram", "spoken"), bool, 3)
    assert not stopped["whole"]
    assert stopped["bytes"] < 20_000
    await until(lambda: tasks() <= before)


async def test_what_has_no_sound_is_not_asked_for(world: Vendors) -> None:
    assert set(await said(await mouth(world), " - ")) == {0xFF}
    assert await queries(world) == []


async def test_a_wrong_key_is_refused_and_not_told(world: Vendors) -> None:
    with pytest.raises(EngineFailed, match="401") as caught:
        await said(await mouth(world, key="wrong"))
    assert caught.value.fault == "refused"
    assert "wrong" not in str(caught.value)


# every way to fail


def test_every_fault_of_speaking_is_tried() -> None:
    of_speaking = {name for name, words in FAULTS.items() if words.startswith("speak:")}
    assert of_speaking == set(SOUND_FAULTS) == set(OF_SOUND)
    assert set(REFUSALS) == set(STATUSES)


@pytest.mark.parametrize("fault", [*REFUSALS, *SOUND_FAULTS])
async def test_a_fault_is_told_by_its_kind_and_soon(world: Vendors, fault: str) -> None:
    await world.misbehaves("deepgram", fault, stage="speak")
    time, before = asyncio.get_running_loop().time, tasks()
    began, opened = time(), await mouth(world)
    expected = {**REFUSALS, **SOUND_FAULTS}[fault]
    if expected == "well":
        assert read(await said(opened), MULAW_8K) == TEXT
    else:
        with pytest.raises(EngineFailed) as caught:
            await said(opened)
        assert caught.value.fault == expected, caught.value
        assert "Deepgram" in str(caught.value)
    assert time() - began < 4.5
    assert len(await world.asked("deepgram", "speak")) == 1, "it was tried again"
    await opened.close()
    await until(lambda: tasks() <= before)


# the catalogue


async def test_the_voices_are_listed(world: Vendors) -> None:
    voice = Aura()
    assert isinstance(voice, Catalogue)
    voices = await voice.voices(world.account("/deepgram", "right"))
    assert voices[0] == NamedVoice(
        "aura-2-thalia-en", "Thalia", "en-US", "female", "American",
        f"{world.url}/deepgram/samples/aura-2-thalia-en.wav",
    )  # fmt: skip
    assert {one.gender for one in voices} == {"female", "male"}


async def test_a_catalogue_that_is_refused_says_why(world: Vendors) -> None:
    await world.misbehaves("deepgram", "server_error", stage="models")
    with pytest.raises(EngineFailed, match="500") as caught:
        await Aura().voices(world.account("/deepgram", "right"))
    assert caught.value.fault == "broken"
    assert len(await world.asked("deepgram", "models")) == 1, "it was tried again"
