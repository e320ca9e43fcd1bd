"""Engines are opened once while it rings, and none of them stays open."""

import asyncio

import pytest

from hub.core.live import warm_up
from tests.call_world import agent, engines
from tests.fakes import until
from tests.world import House

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
