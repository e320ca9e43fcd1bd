"""A phone call, a browser call, texts and a web chat are the same conversation: tools, a hand-over, steps, values."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aioice.ice
import httpx
import pytest

from hub.core.recover import sweep
from hub.engines import ENGINES, TRANSCRIBERS, VOICES
from hub.models import Interaction
from tests.call_world import Exchange, exchange
from tests.conversation_world import (
    EVIDENCE,
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
from tests.test_api_calls import program
from tests.tone_engines import tone_engines
from tests.vendors_charge import charged, forget
from tests.world import Sandbox, eventually

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]
SETS = {"stand-ins": ("script", "tones", "tones"), "vendors": ("openai", "deepgram", "elevenlabs")}
"""Engines of thought, hearing and speaking: embedded ones and stand-ins, and vendors through their SDKs."""
MICROS_APART = 100
"""A hundredth of a cent: the last frames of a call may be on their way when it ends."""
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
            await forget(sandbox)
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

    await sweep(phones.house.hub.context, phones.house.clock.now())
    async with await program(phones.house) as api:
        await are_proven(api, interaction)
        await cost_what_they_should(api, interaction, phones.house.sandbox)


async def are_proven(api: httpx.AsyncClient, interaction: Interaction) -> None:
    """Its results, each by the words of the customer that say it."""
    found = await read(api, interaction, "/results", lambda found: found["state"] == "ready")
    assert found["results"] == EXPECTED.collected
    said = {line["message_id"]: line for line in (await read(api, interaction, "/transcript"))["lines"]}
    for one in found["values"]:
        (words,) = one["evidence"]
        line = said[words["message_id"]]
        assert (line["role"], one["proven"]) == ("customer", True)
        assert line["heard"][words["start"] : words["end"]] == words["words"] == EVIDENCE[one["name"]]


async def cost_what_they_should(api: httpx.AsyncClient, interaction: Interaction, sandbox: Sandbox) -> None:
    """The bill against what vendors and carrier would charge by their own logs."""
    cost = await read(api, interaction, "/cost")
    ours = Counter[str]()
    for line in cost["lines"]:
        ours[line["vendor"]] += line["cost"]["micros"]
    theirs = await charged(sandbox, await read(api, interaction, ""), texts=1 + len(TALK))
    assert cost["missing"] == []
    assert {vendor: micros for vendor, micros in ours.items() if micros}.keys() == theirs.keys()
    for vendor, micros in theirs.items():
        assert abs(ours[vendor] - micros) < MICROS_APART, (vendor, cost["lines"])
    assert sum(total["micros"] for total in cost["totals"]) == sum(ours.values())


async def read(
    api: httpx.AsyncClient, interaction: Interaction, what: str, until: Callable[[Any], bool] = bool
) -> dict[str, Any]:
    """What the API tells of the interaction, once it is so."""

    async def now() -> Any:
        answer = await api.get(f"/v1/interactions/{interaction.id}{what}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    return dict(await eventually(now, until))
