"""On a call: the hub's own tools and hooks, off the way of the sound, and what the caller hears of them."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hub.models import Callback, Event, Interaction
from tests.call_world import Exchange, agent, exchange, says
from tests.fakes import FakeClock
from tests.obedient import obedient
from tests.world import Sandbox, eventually

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]
QUIET: dict[str, Any] = {"wait": "quiet", "quiet_ms": 300}


@pytest.fixture
async def phones(
    sqlite_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path, anyio_backend: str
) -> AsyncIterator[Exchange]:
    with obedient():
        async with exchange(sqlite_url, sandbox, clock, tmp_path) as made:
            yield made


async def called(phones: Exchange, sid: str) -> tuple[Interaction, list[Event]]:
    await phones.over(sid)
    interaction = await phones.ended(sid)
    return interaction, list(await phones.records.all(Event, Event.interaction_id == interaction.id))


async def test_a_callers_words_set_a_hook_off_that_says_something_and_hangs_up_after_it(phones: Exchange) -> None:
    hooks = [
        {"name": "stop", "on": "customer.said", "phrases": ["stop it"],
         "do": [{"action": "say", "text": "As you wish."}, {"action": "hang_up"}]},
        {"name": "hello", "on": "started", "do": [{"action": "set_parameter", "name": "tier", "value": "gold"}]},
    ]  # fmt: skip
    number = await phones.number(agent(mind="quick-mind", hooks=hooks))
    sid = await phones.calls_us(number, [QUIET, says("Stop it", 600), QUIET])
    interaction, events = await called(phones, sid)
    assert "as you wish." in await phones.heard_words(sid), "it is heard to its end before the line is closed"
    assert interaction.ended_reason == "agent_hangup"
    assert interaction.parameters["tier"] == "gold"
    ran = [(one.data["hook"], one.data["action"], one.data["fault"]) for one in events if one.type == "hook.ran"]
    assert ran == [("hello", "set_parameter", ""), ("stop", "say", ""), ("stop", "hang_up", "")]


async def test_tools_of_a_call_press_keys_promise_a_callback_and_end_it(phones: Exchange) -> None:
    tools = [{"name": name, "kind": "builtin"} for name in ("send_digits", "schedule_callback", "hang_up")]
    number = await phones.number(agent(mind="obedient", tools=tools))
    script = [
        QUIET, says('use send_digits {"digits": "1w2"}', 700), QUIET,
        says('use schedule_callback {"at": "2099-01-01T10:00"}', 700), QUIET,
        says("use hang_up", 500), QUIET,
    ]  # fmt: skip
    sid = await phones.calls_us(number, script)
    interaction, events = await called(phones, sid)
    results = {one.data["name"]: one.data for one in events if one.type == "tool.called"}
    assert results["send_digits"]["result"] == {"pressed": True}
    assert "too far away" in results["schedule_callback"]["error"]
    assert await phones.records.all(Callback) == []
    assert interaction.ended_reason == "goodbye"

    async def commands() -> list[tuple[str, str]]:
        found = await phones.records.all(Event, Event.type == "call.commanded")
        return [(one.data["verb"], one.data["fault"]) for one in found]

    assert await eventually(commands, bool) == [("digits", "")]
