"""Calls in which ElevenLabs speaks, through its SDK: the words that people heard, and no silence when it fails."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fixtures.sandbox import tones
from fixtures.sandbox.twilio.voice.audio import from_mulaw
from tests.call_world import Exchange, Script, agent, exchange, says
from tests.fakes import FakeClock
from tests.world import Sandbox

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

SOUND = {"wait": "speech", "within_ms": 12_000}
QUIET = {"wait": "quiet", "quiet_ms": 600, "within_ms": 12_000}
TALK: Script = [SOUND, QUIET, says("A cleaning, please.", 900), SOUND, QUIET]


@pytest.fixture
async def phones(sqlite_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path) -> AsyncIterator[Exchange]:
    vendor = {"ELEVENLABS_API_KEY": "sandbox", "ELEVENLABS_BASE_URL": f"{sandbox.url}/elevenlabs"}
    async with exchange(sqlite_url, sandbox, clock, tmp_path, **vendor) as made:
        await made.carrier.delete("/control/engines/elevenlabs")
        yield made
        await made.carrier.delete("/control/engines/elevenlabs")


async def test_a_caller_hears_what_elevenlabs_says(phones: Exchange) -> None:
    number = await phones.number(agent(voice="elevenlabs", opening_message="Good morning. How can I help you?"))
    sid = await phones.calls_us(number, TALK)
    await phones.until(sid, 60, script="done")
    await phones.hangs_up(sid)
    await phones.over(sid)
    await phones.ended(sid)
    await phones.quiet()
    heard = tones.read(from_mulaw(await phones.heard(sid)))
    assert heard == "Good morning. How can I help you? You said A cleaning, please.."
    assert not await phones.records.events("engine.failed")
