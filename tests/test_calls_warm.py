"""Warm transfers over the sandbox's carrier: two lines at once, one of a customer and one of a colleague."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hub.models import Command, Interaction, Message
from tests.bench.processes import OUR_NUMBER
from tests.call_world import Exchange, Script, agent, exchange, says
from tests.fakes import FakeClock
from tests.world import Sandbox, eventually

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]
QUIET: dict[str, Any] = {"wait": "quiet", "quiet_ms": 300}
BYE: Script = [says("Goodbye", 300), QUIET]
COLLEAGUE = "+12025559999"
BACK, OVER = "Nobody is there.", "You are back."


@pytest.fixture
async def phones(
    sqlite_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path, anyio_backend: str
) -> AsyncIterator[Exchange]:
    async with exchange(sqlite_url, sandbox, clock, tmp_path, TWILIO_TIMEOUT_SECONDS="1") as made:
        yield made


WORDS: dict[str, Any] = {
    "transfer_message": "One moment.", "transfer_failed_message": BACK, "transfer_over_message": OVER,
    "idle_seconds": 2.0, "hold_message": "",
}  # fmt: skip


async def customer_calls(phones: Exchange, *script: dict[str, Any], **call: Any) -> tuple[str, Interaction]:
    """A customer has greeted the agent, at the number that we also call from."""
    number = await phones.number(agent(**{**WORDS, **call}), OUR_NUMBER)
    sid = await phones.calls_us(number, [QUIET, *script])
    await phones.until(sid, script="done")
    return sid, await phones.interaction(sid)


async def transferred(phones: Exchange, interaction: Interaction, briefing: str = "") -> Command:
    asked = await phones.house.hub.command(
        interaction.workspace_id, interaction.id, "transfer", by="Sam", to=COLLEAGUE, warm=True, briefing=briefing
    )
    assert asked.fault == ""
    return asked


async def outcome(phones: Exchange, within: float = 20) -> dict[str, Any]:
    """What came of the only transfer."""
    found = await eventually(lambda: phones.records.events("call.transferred"), bool, within)
    assert len(found) == 1
    return dict(found[0].data)


async def leg_of(phones: Exchange) -> Interaction:
    return await phones.records.one(Interaction, Interaction.direction == "outbound")


async def leg_ended(phones: Exchange, within: float = 10) -> Interaction:
    return await eventually(lambda: leg_of(phones), lambda leg: leg.ended_at, within)


async def test_the_colleague_is_briefed_takes_the_call_and_the_agent_comes_back_when_they_hang_up(
    phones: Exchange,
) -> None:
    await phones.answers(
        COLLEAGUE, after_ms=50,
        script=[QUIET, {"digits": "1"}, {"pause_ms": 400}, says("This is Bob from the workshop", 900), {"pause_ms": 2500}, {"hang_up": True}],
    )  # fmt: skip
    sid, interaction = await customer_calls(phones, says("My name is Emily"), QUIET, says("My drill is broken"), QUIET)
    await transferred(phones, interaction)
    await phones.goes_on(sid, [{"pause_ms": 200}])
    assert (await outcome(phones))["outcome"] == "completed"
    taken = await phones.interaction(sid)
    await phones.goes_on(sid, [says("Can you mend it?", 900)])
    (call,) = await phones.calls_to(COLLEAGUE)
    heard = await phones.over(call["sid"])
    await phones.goes_on(sid, [QUIET, *BYE])
    await phones.over(sid)
    ended = await phones.ended(sid)
    words = await phones.heard_words(call["sid"])
    print(words, await phones.heard_words(sid), await phones.transcript(interaction.id), taken.owner, ended.owner, heard["status"])
    print([(e.type, e.data) for e in await phones.records.all(__import__("hub.models").models.Event)])
