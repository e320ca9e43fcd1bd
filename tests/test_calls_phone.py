"""Phone calls from end to end: the sandbox's carrier, people with scripts, a hub reached only as the carrier reaches it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.call_world import Exchange, agent, exchange, says
from tests.fakes import FakeClock
from tests.world import Sandbox

pytestmark = pytest.mark.anyio
QUIET = {"wait": "quiet", "quiet_ms": 300}


@pytest.fixture
async def phones(
    database_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path, anyio_backend: str
) -> AsyncIterator[Exchange]:
    async with exchange(database_url, sandbox, clock, tmp_path) as made:
        yield made


async def test_a_call_is_talked_with_until_goodbye(phones: Exchange) -> None:
    number = await phones.number(agent())
    sid = await phones.calls_us(number, [QUIET, says("Good morning."), QUIET, says("Goodbye"), QUIET])
    call = await phones.over(sid)
    print(call["events"])
    print(await phones.heard_words(sid))
    interaction = await phones.ended(sid)
    print(await phones.transcript(interaction.id))
    assert (interaction.status, interaction.ended_reason) == ("completed", "goodbye")
