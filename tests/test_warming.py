"""Engines are opened once while it rings, and none of them stays open; none is blamed for its library."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hub.core.live import warm_up
from hub.engine import Account
from hub.engines import VOICES, voice
from hub.voice.chain import CONNECT_SECONDS
from hub.voice.speech import Format
from tests.call_world import OpenVoice, Voice, agent, engines, exchange
from tests.fakes import FakeClock, until
from tests.world import House, Sandbox

pytestmark = pytest.mark.anyio


async def test_an_engine_that_is_ready_is_closed_though_another_hangs(hub: House) -> None:
    definition = agent(hearing={"engine": "quick-ears", "fallbacks": ["ears-half_open"]}, voice="voice-half_open")
    with engines() as seen:
        warming = asyncio.create_task(
            warm_up(hub.hub.context, hub.home.workspace_id, definition.model_dump(mode="json"))
        )
        await until(lambda: len(seen.opened) == 4)
        await until(lambda: seen.closed == 2)
        warming.cancel()
        await asyncio.gather(warming, return_exceptions=True)
        assert seen.closed == 2


async def test_those_that_take_over_are_opened_the_first_time_only(hub: House) -> None:
    definition = agent(hearing={"engine": "quick-ears", "fallbacks": ["ears-never_final"]}).model_dump(mode="json")
    with engines() as seen:
        await warm_up(hub.hub.context, hub.home.workspace_id, definition)
        first = seen.opened.count("ears")
        await warm_up(hub.hub.context, hub.home.workspace_id, definition)
        assert (first, seen.opened.count("ears")) == (2, 3)


class Slow(Voice):
    """A good voice whose library takes longer to import than a vendor may take to connect."""

    loaded = False

    async def open(self, format: Format, language: str, options: Mapping[str, Any], account: Account) -> OpenVoice:
        await self.load(account)
        return await super().open(format, language, options, account)

    async def load(self, account: Account) -> None:
        if not self.loaded:
            await asyncio.sleep(CONNECT_SECONDS + 0.5)
            self.loaded = True


async def test_the_time_a_library_takes_is_no_failure_of_its_engine(
    sqlite_url: str, sandbox: Sandbox, clock: FakeClock, tmp_path: Path
) -> None:
    VOICES["slow-library"] = f"{__name__}:Slow"
    try:
        async with exchange(sqlite_url, sandbox, clock, tmp_path) as phones:
            number = await phones.number(agent(voice="slow-library"))
            sid = await phones.calls_us(number, [{"wait": "speech", "within_ms": 8_000}, {"wait": "quiet"}])
            await phones.until(sid, 12, script="done")
            assert await phones.heard_words(sid) == "hello."
            await phones.hangs_up(sid)
            await phones.ended(sid)
            await phones.quiet()
            assert await phones.records.events("engine.failed") == []
    finally:
        del VOICES["slow-library"]
        voice.cache_clear()
