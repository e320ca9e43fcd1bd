"""Engines got ready while it rings, so that nobody waits for a program to start or a library to be imported."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from hub.core.context import Context
from hub.engines import TRANSCRIBERS, VOICES, brain, transcriber, voice
from hub.models.voice import Call
from hub.store import agents
from hub.voice.chain import release
from hub.voice.speech import EngineFailed, Hints

log = logging.getLogger("hub.live")

WITHIN_SECONDS = 10.0
AFTER_START_SECONDS = 2.0


async def warm_up(agent: Mapping[str, Any]) -> None:
    """Open this agent's engines once and close them again. What fails here will be told by the call itself."""
    settings = Call(**agent.get("call", {}))
    try:
        async with asyncio.timeout(WITHIN_SECONDS):
            await asyncio.gather(_ears(settings, agent), _mouth(settings, agent))
            brain(str(agent.get("engine", "script")))
    except (EngineFailed, TimeoutError, ValueError) as error:
        log.info("an engine could not be got ready: %s", error)


async def warm_up_all(hub: Context) -> None:
    """Soon after the start: the engines of the agents who can be called, one after the other."""
    await hub.clock.sleep(AFTER_START_SECONDS)
    live = [name for name, channel in hub.channels.items() if channel.limits.live]
    async with hub.store.read() as db:
        called = [agent.definition for agent in await agents.reached_by(db, live)]
    for definition in called:
        await warm_up(definition)


async def _ears(settings: Call, agent: Mapping[str, Any]) -> None:
    if settings.hearing.engine in TRANSCRIBERS:
        engine = transcriber(settings.hearing.engine)
        hints = Hints(str(agent.get("language", "en-US")), definition=agent)
        await release(await engine.open(engine.takes[0], hints, settings.hearing.options))


async def _mouth(settings: Call, agent: Mapping[str, Any]) -> None:
    if settings.speaking.engine in VOICES:
        engine = voice(settings.speaking.engine)
        language = str(agent.get("language", "en-US"))
        await release(await engine.open(engine.gives[0], language, settings.speaking.options))
