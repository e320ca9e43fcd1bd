"""Calls thought by a model through its SDK, one with each fault of the sandbox's: nobody sits in silence."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fixtures.sandbox.openai.faults import FAULTS
from hub.core.live import warm_up
from hub.engines import ENGINES
from hub.models import Interaction
from tests.call_world import Exchange, Script, agent, exchange, says, spelled
from tests.fakes import FakeClock
from tests.test_calls_faults import QUIET, SOUND, Silence, each_by_itself, silences, some_at_once, soon_enough
from tests.world import Sandbox

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]
MOST_ASKED = 12
"""Requests of one call to a model that fails: six rounds of functions that are not there, in each of its two turns."""
HARMLESS = ("content_filter", "length", "refusal", "bad_arguments", "unknown_tool", "drip", "no_usage", "no_choices")
"""After these an answer may come that is one."""
PATIENT = {"wait": "quiet", "quiet_ms": 4_500, "within_ms": 20_000}
"""The person does not talk into what is said while they wait."""
TALK: Script = [
    SOUND, QUIET, says("What are your opening hours?", 900), SOUND, PATIENT,
    says("And what about Sunday in the morning?", 1_900), SOUND, PATIENT,
]  # fmt: skip


@pytest.fixture
async def phones(sqlite_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path) -> AsyncIterator[Exchange]:
    """A hub whose account with OpenAI is the sandbox's."""
    account = {"OPENAI_API_KEY": "sandbox", "OPENAI_BASE_URL": f"{sandbox.url}/openai/v1"}
    await sandbox.ask("DELETE", "/control/engines/openai")
    async with exchange(sqlite_url, sandbox, clock, tmp_path, **account) as made:
        await warm_up(made.house.hub.context, made.house.home.workspace_id, agent(mind="openai").model_dump())
        yield made
    await sandbox.ask("DELETE", "/control/engines/openai")


async def _one(phones: Exchange, engine: str, fault: str) -> tuple[list[Silence], str, Interaction]:
    """A call whose model is known by the name of its fault."""
    body = {"fault": {"name": fault, "stage": f"model-{fault}", "after": 1}}
    assert (await phones.carrier.post("/control/engines/openai", json=body)).status_code == 200
    definition = agent(
        mind=engine, engine_fallbacks=["script"], thinking={"model": f"model-{fault}"}, opening_message="Good morning.",
        apology_message="Sorry, I cannot answer.", idle_seconds=6,
    )  # fmt: skip
    sid = await phones.calls_us(await phones.number(definition), TALK)
    await phones.until(sid, 90, script="done")
    await phones.hangs_up(sid)
    call = await phones.over(sid)
    return silences(call, fault), spelled(await phones.heard(sid)), await phones.ended(sid, 20)


async def test_nobody_sits_in_silence_whatever_the_model_does(phones: Exchange) -> None:
    with each_by_itself(ENGINES, "openai", FAULTS) as engines:
        calls = await some_at_once(lambda fault: _one(phones, engines[fault], fault), engines)
        await phones.quiet()
        failed = await phones.records.events("engine.failed")
    asked = (await phones.carrier.get("/control/engines/openai")).json()["asked"]
    soon_enough([silence for silences, _, _ in calls for silence in silences])
    for fault, (_, heard, interaction) in zip(engines, calls, strict=True):
        assert interaction.status == "completed", (fault, interaction.failure_reason)
        said = [text for role, text in await phones.transcript(interaction.id) if role == "agent"]
        unheard = [word for text in said for word in re.findall("[a-z]+", text.lower()) if word not in heard.lower()]
        assert not unheard, (fault, unheard)
        why = [event.data["why"] for event in failed if event.interaction_id == interaction.id]
        assert bool(why) or fault in HARMLESS, fault
        storm = [one for one in asked if one["stage"] == "chat" and one["body"]["model"] == f"model-{fault}"]
        assert len(storm) <= MOST_ASKED, (fault, len(storm))
