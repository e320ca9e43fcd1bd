"""Whole calls with Deepgram as ears and mouth: word for word when all is well, no silence when it is not."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.call_world import Exchange, agent
from tests.deepgram_calls import QUIET, SOUND, Trouble, all_of, asked, calls, heard_tones, says
from tests.fakes import FakeClock
from tests.test_calls_faults import soon_enough
from tests.world import Sandbox

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

MOST_CONNECTIONS = 3
"""One while it rings, one for the call, and a second chance after all other engines."""
MOST_REQUESTS = 8
"""The first sentences, and the phrases that must be at hand."""
TROUBLES = [
    Trouble("nova", "unauthorized"), Trouble("nova", "half_open"), Trouble("nova", "mute"),
    Trouble("nova", "never_final"), Trouble("nova", "close_1011", after=4),
    Trouble("flux", "hangs"), Trouble("flux", "resets", after=8), Trouble("flux", "mute"), Trouble("flux", "empty"),
    Trouble("aura", "too_many"), Trouble("aura", "zero_audio"), Trouble("aura", "stall_middle", after=5),
    Trouble("aura", "reset_middle", after=5), Trouble("aura", "drip"),
]  # fmt: skip


@pytest.fixture
async def phones(sqlite_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path) -> AsyncIterator[Exchange]:
    async with calls(sqlite_url, sandbox, clock, tmp_path) as made:
        yield made


@pytest.mark.parametrize("ears", ["deepgram", "deepgram-flux"])
async def test_a_conversation_is_heard_and_spoken_word_for_word(phones: Exchange, ears: str) -> None:
    opening = "Good morning. How can I help you?"
    number = await phones.number(agent(ears=ears, voice="deepgram", opening_message=opening))
    script = [SOUND, QUIET, says("My name is Ana Costa."), SOUND, QUIET, says("A cleaning, please."), SOUND, QUIET]
    sid = await phones.calls_us(number, script)
    await phones.until(sid, 60, script="done")
    await phones.hangs_up(sid)
    await phones.over(sid)
    interaction = await phones.ended(sid)
    await phones.quiet()
    said = [
        ("agent", opening), ("customer", "My name is Ana Costa."), ("agent", "Hello Ana Costa.."),
        ("customer", "A cleaning, please."), ("agent", "You said A cleaning, please.."),
    ]  # fmt: skip
    assert await phones.transcript(interaction.id) == said
    assert await heard_tones(phones, sid) == " ".join(text for role, text in said if role == "agent")
    assert not await phones.records.events("engine.failed")
    log = await asked(phones)
    opened = [one for one in log if one["stage"] == "listen" and one["event"] == "open"]
    assert 1 <= len(opened) <= 2, "one while it rings, one for the call"
    sound = [(one["query"]["encoding"], one["query"]["sample_rate"]) for one in log if "query" in one]
    assert set(map(str, sound)) == {"(['mulaw'], ['8000'])"}, "nothing is transcoded"
    assert {one["why"] for one in log if one.get("event") == "closed"} == {"CloseStream"}


async def test_what_was_not_heard_of_deepgrams_voice_is_not_remembered(phones: Exchange) -> None:
    number = await phones.number(agent(ears="deepgram-flux", voice="deepgram"))
    interrupts = {"after_played_ms": 3_000}
    sid = await phones.calls_us(
        number, [SOUND, QUIET, says("Five sentences"), interrupts, says("Stop, please."), SOUND, QUIET]
    )
    await phones.until(sid, 60, script="done")
    await phones.hangs_up(sid)
    await phones.over(sid)
    interaction = await phones.ended(sid)
    await phones.quiet()
    transcript = await phones.transcript(interaction.id)
    cut = transcript[2][1]
    assert cut.startswith("This is sentence the first of five.")
    assert "the fifth" not in cut
    heard = await heard_tones(phones, sid)
    assert heard.startswith(f"Hello. {cut.rsplit(' ', 1)[0]}")
    remembered = [text for turn in phones.seen.turns[-1:] for text in map(str, turn.history)]
    assert not any("the fifth" in text for text in remembered)


async def test_a_caller_never_sits_in_silence_whatever_deepgram_does(
    sqlite_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path
) -> None:
    async with calls(sqlite_url, sandbox, clock, tmp_path, TROUBLES) as phones:
        suffered = await all_of(phones, TROUBLES)
        await phones.quiet()
    waits = [wait for call in suffered for wait in call.silences]
    assert len(waits) >= 4 * len(TROUBLES)
    soon_enough(waits)
    for call in suffered:
        assert call.said[-1] == "Are you there?", f"{call}: not understood after the fault"
        assert call.connections <= (MOST_REQUESTS if call.trouble.of == "aura" else MOST_CONNECTIONS), call
        assert call.reasons, f"{call}: the administrator is not told"
        if call.trouble.fault != "drip":  # no letter can be read through its gaps
            assert call.unheard == "", f"{call}: remembered what was not heard"
