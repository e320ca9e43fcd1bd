"""Calls in which ElevenLabs speaks, through its SDK: the words that people heard, and no silence when it fails."""

import re
from collections.abc import AsyncIterator
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import pytest

from fixtures.sandbox import tones
from fixtures.sandbox.twilio.voice.audio import from_mulaw
from hub.core.live import warm_up
from hub.engines import VOICES
from hub.models import Interaction
from tests.call_world import Exchange, Script, agent, exchange, says
from tests.engine_faults import ELEVENLABS_FAULTS
from tests.fakes import FakeClock
from tests.test_calls_faults import Silence, each_by_itself, silences, some_at_once, soon_enough
from tests.world import Sandbox

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

MOST_ASKED = 8
"""Requests of one call to a vendor that fails."""
SOUND = {"wait": "speech", "within_ms": 12_000}
QUIET = {"wait": "quiet", "quiet_ms": 600, "within_ms": 12_000}
OPENING: Script = [SOUND, QUIET]
TURNS: Script = [
    says("What are your opening hours?", 900), SOUND, QUIET,
    says("And what about Sunday in the morning?", 1_900), SOUND, QUIET,
    says("five sentences", 900), SOUND, QUIET,
]  # fmt: skip


@pytest.fixture
async def phones(sqlite_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path) -> AsyncIterator[Exchange]:
    """A hub whose accounts with ElevenLabs and OpenAI are the sandbox's."""
    accounts = {
        "ELEVENLABS_API_KEY": "sandbox", "ELEVENLABS_BASE_URL": f"{sandbox.url}/elevenlabs",
        "OPENAI_API_KEY": "sandbox", "OPENAI_BASE_URL": f"{sandbox.url}/openai/v1",
    }  # fmt: skip
    async with exchange(sqlite_url, sandbox, clock, tmp_path, **accounts) as made:
        await made.carrier.delete("/control/engines/elevenlabs")
        speaking = {"engine": "elevenlabs", "fallbacks": ["openai"]}
        await warm_up(made.house.hub.context, made.house.home.workspace_id, agent(speaking=speaking).model_dump())
        yield made
        await made.carrier.delete("/control/engines/elevenlabs")


async def heard_by(phones: Exchange, sid: str) -> str:
    return tones.read(from_mulaw(await phones.heard(sid)))


async def test_a_caller_hears_what_elevenlabs_says(phones: Exchange) -> None:
    number = await phones.number(agent(voice="auto", opening_message="Good morning. How can I help you?"))
    sid = await phones.calls_us(number, [*OPENING, says("A cleaning, please.", 900), SOUND, QUIET])
    await phones.until(sid, 60, script="done")
    await phones.hangs_up(sid)
    await phones.over(sid)
    interaction = await phones.ended(sid)
    await phones.quiet()
    assert await heard_by(phones, sid) == "Good morning. How can I help you? You said A cleaning, please.."
    assert [text for role, text in await phones.transcript(interaction.id) if role == "agent"] == [
        "Good morning. How can I help you?", "You said A cleaning, please..",
    ]  # fmt: skip
    assert not await phones.records.events("engine.failed")


async def _one(phones: Exchange, engine: str, fault: str) -> tuple[list[Silence], str, Interaction]:
    """A call in which the vendor is well at first, and then fails for good."""
    speaking = {"engine": engine, "fallbacks": ["openai"], "voices": {engine: f"sandbox{fault}"}}
    number = await phones.number(agent(speaking=speaking, opening_message="Good morning.", idle_seconds=6))
    sid = await phones.calls_us(number, OPENING)
    await phones.until(sid, 60, script="done")
    body: Any = {"fault": {"name": fault, "stage": f"sandbox{fault}", "after": 4}}
    assert (await phones.carrier.post("/control/engines/elevenlabs", json=body)).status_code == 200
    await phones.goes_on(sid, TURNS)
    await phones.until(sid, 90, script="done")
    await phones.hangs_up(sid)
    call = await phones.over(sid)
    return silences(call, fault), await heard_by(phones, sid), await phones.ended(sid, 20)


async def test_nobody_sits_in_silence_whatever_elevenlabs_does(phones: Exchange) -> None:
    with each_by_itself(VOICES, "elevenlabs", ELEVENLABS_FAULTS) as engines:
        calls = await some_at_once(lambda fault: _one(phones, engines[fault], fault), engines)
        await phones.quiet()
        failed = await phones.records.events("engine.failed")
    asked = (await phones.carrier.get("/control/engines/elevenlabs")).json()["asked"]
    soon_enough([silence for silences, _, _ in calls for silence in silences])
    for fault, (_, heard, interaction) in zip(engines, calls, strict=True):
        assert interaction.status == "completed", (fault, interaction.failure_reason)
        if fault == "endless":  # sound that could be speech: the person talks over it
            continue
        said = [text for role, text in await phones.transcript(interaction.id) if role == "agent"]
        assert _unsaid(" ".join(said), heard) <= 1, (fault, said, heard)  # one may be cut in the middle
        why = [event.data["why"] for event in failed if event.data["engine"] == engines[fault]]
        assert bool(why) == (ELEVENLABS_FAULTS[fault] != "well"), (fault, why)
        assert len(why) <= 2, (fault, why)
        storm = [one for one in asked if one.get("voice") == f"sandbox{fault}" and one["fault"]]
        assert len(storm) <= MOST_ASKED or not why, (fault, len(storm))


def _unsaid(memory: str, heard: str) -> int:
    """How many words the agent remembers to have said that did not sound, in their order."""
    said, sounded = (re.findall(r"\w+", text.lower()) for text in (memory, heard))
    blocks = SequenceMatcher(None, said, sounded, autojunk=False).get_matching_blocks()
    return len(said) - sum(block.size for block in blocks)
