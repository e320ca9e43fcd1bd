"""ElevenLabs against the sandbox: what it is asked, what comes of it, and every way it can fail."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from fixtures.sandbox import tones
from fixtures.sandbox.elevenlabs.faults import FAULTS
from fixtures.sandbox.twilio.voice.audio import from_mulaw
from hub.engine import Account, EngineFailed
from hub.engines.elevenlabs import ElevenLabs, ElevenLabsMouth
from hub.voice.speech import MULAW_8K, PCM_16K, PCM_24K, Format
from tests.engine_faults import ELEVENLABS_FAULTS, NEVER_PLAYED
from tests.engines_world import Vendors, tasks, vendors
from tests.fakes import until

pytestmark = pytest.mark.anyio

TEXT = "Good morning, this is a sentence of some length."
GEORGE = "JBFqnCBsd6RMkjVDRZzb"


@pytest.fixture
async def world(anyio_backend: str) -> AsyncIterator[Vendors]:
    async with vendors(elevenlabs_key="right") as made:
        yield made


async def mouth(world: Vendors, format: Format = MULAW_8K, key: str = "right", **options: Any) -> ElevenLabsMouth:
    return await ElevenLabs().open(format, "en-US", options, world.account("/elevenlabs", key))


async def said(mouth: ElevenLabsMouth, text: str = TEXT) -> bytes:
    return b"".join([sound async for sound in mouth.speak(text)])


def heard(sound: bytes, format: Format) -> str:
    """The words in it."""
    samples = from_mulaw(sound) if format == MULAW_8K else np.frombuffer(sound, "<i2")
    return tones.read(samples, format.rate)


async def test_a_telephone_gets_mu_law(world: Vendors) -> None:
    sound = await said(await mouth(world))
    assert heard(sound, MULAW_8K) == TEXT
    (asked,) = await world.asked("elevenlabs", "speech")
    assert (asked["format"], asked["text"]) == ("ulaw_8000", TEXT)


@pytest.mark.parametrize("format", [PCM_24K, PCM_16K])
async def test_a_browser_gets_sixteen_bits(world: Vendors, format: Format) -> None:
    sound = await said(await mouth(world, format))
    assert heard(sound, format) == TEXT


async def test_every_option_is_asked_for(world: Vendors) -> None:
    options: dict[str, Any] = {
        "voice": GEORGE, "model": "eleven_turbo_v2_5", "speed": 1.1, "stability": 0.4, "similarity": "0.8", "style": 0,
        "speaker_boost": False, "latency": 3, "language": "de",
    }  # fmt: skip
    await said(await mouth(world, **options))
    (asked,) = await world.asked("elevenlabs", "speech")
    assert asked["voice"] == GEORGE
    assert asked["latency"] == "3"
    settings = {"stability": 0.4, "use_speaker_boost": False, "similarity_boost": 0.8, "style": 0, "speed": 1.1}
    assert asked["body"] == {
        "text": TEXT, "model_id": "eleven_turbo_v2_5", "language_code": "de", "voice_settings": settings,
    }  # fmt: skip


async def test_what_an_agent_may_ask_beyond_the_vendors_speeds_is_the_nearest_of_them(world: Vendors) -> None:
    await said(await mouth(world, speed=2.0))
    (asked,) = await world.asked("elevenlabs", "speech")
    assert asked["body"]["voice_settings"]["speed"] == 1.2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"stability": 1.5}, "`stability` is a number from 0 to 1, not '1.5'"),
        ({"latency": "fast"}, "`latency` is a number from 0 to 4, not 'fast'"),
        ({"speaker_boost": "maybe"}, "`speaker_boost` is true or false, not 'maybe'"),
        ({"speed": float("nan")}, "`speed` is a number from 0.5 to 2, not 'nan'"),
    ],
)
async def test_an_option_that_cannot_be_is_told_before_anything_is_said(
    world: Vendors, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(EngineFailed, match=words) as failed:
        await mouth(world, **options)
    assert failed.value.fault == "invalid"


async def test_a_sentence_knows_the_one_before_it(world: Vendors) -> None:
    opened = await mouth(world)
    for text in ("The first one.", "The second one."):
        await said(opened, text)
    first, second = await world.asked("elevenlabs", "speech")
    assert "previous_text" not in first["body"]
    assert second["body"]["previous_text"] == "The first one."


async def test_sentences_are_made_side_by_side_and_over_connections_used_again(world: Vendors) -> None:
    await world.takes("elevenlabs", first_ms=90)
    engine = ElevenLabs()
    loop, began = asyncio.get_running_loop(), asyncio.get_running_loop().time()
    for _ in range(3):  # calls one after the other
        opened = await engine.open(MULAW_8K, "en-US", {}, world.account("/elevenlabs", "right"))
        await asyncio.gather(said(opened, "One sentence."), said(opened, "And another."))
    assert loop.time() - began < 3 * 2 * 0.09 + 0.9
    peers = {tuple(asked["peer"]) for asked in await world.asked("elevenlabs", "speech")}
    assert len(peers) <= 3


async def test_a_pause_is_no_sentence(world: Vendors) -> None:
    assert set(await said(await mouth(world), " ... ")) == {0xFF}
    assert not await world.asked("elevenlabs", "speech")


async def test_sound_is_passed_on_before_it_is_all_there(world: Vendors) -> None:
    await world.takes("elevenlabs", each_ms=50)
    loop = asyncio.get_running_loop()
    came = [loop.time()]
    async for _ in (await mouth(world)).speak(TEXT):
        came.append(loop.time())
    assert len(came) > 10
    assert came[1] - came[0] < (came[-1] - came[0]) / 3
    assert max(after - before for before, after in pairwise(came)) < 0.5


async def test_stopping_stops_the_request(world: Vendors) -> None:
    await world.takes("elevenlabs", each_ms=50)
    before = tasks()
    opened = await mouth(world)
    speaking = opened.speak(TEXT * 20)
    await anext(speaking)
    await speaking.aclose()
    await opened.close()
    await until(lambda: tasks() <= before)


async def test_a_refusal_in_pieces_is_read_to_its_end_and_tried_again(anyio_backend: str) -> None:
    body = b'{"detail": {"status": "too_many_concurrent_requests", "message": "Ten are under way."}}'
    asked: list[str] = []
    served: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode().partition(" ")[0])
        head = f"HTTP/1.1 429 Too Many\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        for piece in (head.encode(), *((body[:20], body[20:]) if asked[-1] == "POST" else ())):
            writer.write(piece)
            await asyncio.sleep(0.02)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        served.append("closed")

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        opened = await ElevenLabs().open(MULAW_8K, "en-US", {}, Account("right", url))
        with pytest.raises(EngineFailed, match="Ten are under way") as failed:
            await said(opened)
        assert failed.value.fault == "busy"
        assert asked.count("POST") == 3
        await opened.close()
        await until(lambda: len(served) == len(asked))


def test_every_fault_of_the_sandbox_is_tried() -> None:
    assert set(ELEVENLABS_FAULTS) == set(FAULTS)
    assert len(FAULTS) >= 25


@pytest.mark.parametrize("fault", ELEVENLABS_FAULTS)
@pytest.mark.parametrize("format", [MULAW_8K, PCM_24K])
async def test_every_fault_ends_soon_and_is_told(world: Vendors, fault: str, format: Format) -> None:
    await world.misbehaves("elevenlabs", fault, stage="speech", after=3)
    before = tasks()
    opened = await mouth(world, format)
    began = asyncio.get_running_loop().time()
    sound, kind, words = b"", "well", ""
    try:
        async for piece in opened.speak(TEXT):
            sound += piece
            assert len(piece) % (1 if format == MULAW_8K else 2) == 0
    except EngineFailed as error:
        kind, words = error.fault, str(error)
    assert kind == ELEVENLABS_FAULTS[fault], words
    assert not (sound and fault in NEVER_PLAYED)
    assert asyncio.get_running_loop().time() - began < 4
    if kind == "well":
        assert heard(sound, format) == TEXT
    else:
        assert words.endswith((".", "]"))
        assert "ElevenLabs" in words
        assert "right" not in words  # the key
    assert len(await world.asked("elevenlabs", "speech")) == (3 if fault == "429_concurrent" else 1)
    await opened.close()
    await until(lambda: tasks() <= before)
