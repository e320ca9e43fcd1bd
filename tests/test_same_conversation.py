"""A phone call, a browser call, texts and a web chat are the same conversation: tools, a hand-over, steps, values."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aioice.ice
import pytest

from hub.engines import ENGINES, TRANSCRIBERS, VOICES
from tests.call_world import Exchange, exchange
from tests.conversation_world import (
    EXPECTED,
    TALK,
    Bills,
    BrowserCaller,
    Caller,
    Chatter,
    Person,
    Talk,
    Texter,
    bills,
    outcome,
    settle_in,
    spoken,
    team,
    vendor_settings,
)
from tests.fakes import FakeClock
from tests.tone_engines import tone_engines
from tests.world import Sandbox

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]
SETS = {"stand-ins": ("script", "tones", "tones"), "vendors": ("openai", "deepgram", "elevenlabs")}
"""Engines of thought, hearing and speaking: embedded ones and stand-ins, and vendors through their SDKs."""
PEOPLE: dict[str, Callable[[Exchange], Person]] = {
    "call": Caller,
    "web_call": lambda phones: BrowserCaller(phones.house),
    "sms": lambda phones: Texter(phones.house),
    "webchat": lambda phones: Chatter(phones.house),
}


@pytest.fixture(autouse=True)
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """aioice leaves loopback out; tests have nothing else."""
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])


def there(engines: tuple[str, str, str]) -> bool:
    return engines == SETS["stand-ins"] or all(
        name in roster for name, roster in zip(engines, (ENGINES, TRANSCRIBERS, VOICES), strict=True)
    )


@pytest.fixture(params=[name for name, engines in SETS.items() if there(engines)])
def engines(request: pytest.FixtureRequest) -> tuple[str, str, str]:
    return SETS[request.param]


@pytest.fixture
async def billing() -> AsyncIterator[Bills]:
    async with bills() as made:
        yield made


@pytest.fixture
async def phones(
    engines: tuple[str, str, str], billing: Bills, sqlite_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path
) -> AsyncIterator[Exchange]:
    with tone_engines():
        vendors = vendor_settings(sandbox.url)
        async with exchange(sqlite_url, sandbox, clock, tmp_path, channels=(), **vendors) as made:
            await settle_in(made.house, team(*engines, billing.url))
            yield made


@pytest.mark.parametrize("channel", PEOPLE)
async def test_the_same_conversation_comes_to_the_same(phones: Exchange, billing: Bills, channel: str) -> None:
    interaction = await Talk(phones.house, PEOPLE[channel](phones)).hold()
    assert await outcome(phones.records, interaction) == EXPECTED
    assert (interaction.member, interaction.channel, interaction.status) == ("front", channel, "completed")
    told = await spoken(phones.records, interaction)
    assert [text for who, text in told if who == "customer"][-len(TALK) :] == [line.says for line in TALK]
    assert [(method, path) for method, path, _ in billing.asked] == [("GET", "/bills/B1234"), ("POST", "/copies")]
