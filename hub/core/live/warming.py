"""Engines got ready while it rings, so that nobody waits for a program to start or a library to be imported."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any
from uuid import UUID

from hub.core.context import Context
from hub.core.thinking import minds
from hub.engine import Account, EngineFailed
from hub.engines import TRANSCRIBERS, VOICES, brain, transcriber, voice
from hub.models.voice import Call
from hub.store import agents
from hub.voice.chain import release
from hub.voice.speech import Hints

log = logging.getLogger("hub.live")

WhoseAccount = Callable[[str], Awaitable[Account]]

WITHIN_SECONDS = 10.0
AFTER_START_SECONDS = 2.0


async def warm_up(hub: Context, workspace_id: UUID, agent: Mapping[str, Any]) -> None:
    """Open this agent's engines once and close them again. What fails here will be told by the call itself."""
    settings = Call(**agent.get("call", {}))
    account = partial(hub.accounts.of, workspace_id)
    try:
        async with asyncio.timeout(WITHIN_SECONDS):
            await asyncio.gather(_ears(settings, agent, account), _mouth(settings, agent, account))
            await asyncio.to_thread(brain, minds(agent, hub.accounts.vendors)[0])
    except (EngineFailed, TimeoutError, ValueError) as error:
        log.info("an engine could not be got ready: %s", error)


async def warm_up_all(hub: Context) -> None:
    """Soon after the start: the engines of the agents who can be called, one after the other."""
    await hub.clock.sleep(AFTER_START_SECONDS)
    live = [name for name, channel in hub.channels.items() if channel.limits.live]
    async with hub.store.read() as db:
        called = [(agent.workspace_id, agent.definition) for agent in await agents.reached_by(db, live)]
    for workspace_id, definition in called:
        await warm_up(hub, workspace_id, definition)


async def _ears(settings: Call, agent: Mapping[str, Any], account: WhoseAccount) -> None:
    if settings.hearing.engine in TRANSCRIBERS:
        engine = transcriber(settings.hearing.engine)
        hints = Hints(str(agent.get("language", "en-US")), definition=agent)
        opened = await engine.open(engine.takes[0], hints, settings.hearing.options, await account(engine.vendor))
        await release(opened)


async def _mouth(settings: Call, agent: Mapping[str, Any], account: WhoseAccount) -> None:
    if settings.speaking.engine in VOICES:
        engine = voice(settings.speaking.engine)
        language = str(agent.get("language", "en-US"))
        opened = await engine.open(engine.gives[0], language, settings.speaking.options, await account(engine.vendor))
        await release(opened)
