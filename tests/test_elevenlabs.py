"""ElevenLabs through its SDK, against the sandbox: what it is asked, what comes of it, and every way it can fail."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from fixtures.sandbox.elevenlabs.faults import FAULTS
from fixtures.sandbox.sound import read, spelled
from hub.engine import EngineFailed
from hub.engines import voice
from hub.engines.elevenlabs import ElevenLabs, ElevenLabsMouth
from hub.voice.speech import MULAW_8K, PCM_16K, PCM_24K, Format
from tests.engines_world import Vendors, vendors

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


async def test_a_telephone_gets_mu_law_byte_by_byte(world: Vendors) -> None:
    sound = await said(await mouth(world))
    assert spelled(sound) == TEXT.lower()
    (asked,) = await world.asked("elevenlabs", "speech")
    assert (asked["format"], asked["text"]) == ("ulaw_8000", TEXT)


@pytest.mark.parametrize("format", [PCM_24K, PCM_16K])
async def test_a_browser_gets_sixteen_bits(world: Vendors, format: Format) -> None:
    sound = await said(await mouth(world, format))
    assert read(np.frombuffer(sound, "<i2"), format.rate) == TEXT.lower()
