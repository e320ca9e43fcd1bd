"""Engines got ready while it rings, so that nobody waits for a program to start or a library to be imported."""

import asyncio
import logging
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any
from uuid import UUID

from hub.core.context import Context
from hub.core.live.engines import Engines
from hub.core.metering import Meter
from hub.core.thinking import loaded, thinkers
from hub.core.whose import PARTS, Part, Whose
from hub.dialogue import responder
from hub.dialogue.turn import Distant
from hub.engine import EngineFailed
from hub.models.voice import Call
from hub.store import agents, teams
from hub.voice.chain import release
from hub.voice.speech import MULAW_8K

log = logging.getLogger("hub.live")

WITHIN_SECONDS = 10.0
AFTER_START_SECONDS = 2.0


async def warm_up(hub: Context, workspace_id: UUID, *agents: Mapping[str, Any]) -> None:
    """Open the engines of these agents once and close them again; those that take over only the first time here.

    What fails here will be told by the call itself.
    """
    for agent in agents:
        whose = Whose(hub.accounts, workspace_id, agent)
        accounts = {part: await whose.at_hand(part) for part in PARTS}
        engines = Engines(Call(**agent.get("call", {})), agent, MULAW_8K, (), whose, accounts, Meter())
        ears, mouths = _cold(hub, "ears", engines.ears_names), _cold(hub, "mouth", engines.mouth_names)
        try:
            async with asyncio.timeout(WITHIN_SECONDS):
                await engines.load()
                opening = [*map(engines.ears, ears), *map(engines.mouth, mouths)]
                await asyncio.gather(*map(_once, opening))
                name = thinkers(agent, accounts["mind"])[0]
                if name != responder.NAME:
                    mind = await loaded(name)
                    if isinstance(mind, Distant):
                        await mind.reach(await whose.of("mind", mind.vendor))
        except (EngineFailed, TimeoutError, ValueError) as error:
            log.info("an engine could not be got ready: %s", error)


def _cold(hub: Context, part: Part, names: Sequence[str]) -> list[str]:
    """The first, which is connected with anew for every call, and those of the others never opened by this hub."""
    new = [name for name in names[1:] if (part, name) not in hub.warmed]
    hub.warmed.update((part, name) for name in names)
    return [names[0], *new]


async def _once(opening: Awaitable[object]) -> None:
    """Open an engine and close it again; none stays open, however long the others take."""
    try:
        opened = await opening
    except Exception as error:
        log.info("an engine could not be got ready: %s", error)
    else:
        await release(opened)


async def warm_up_all(hub: Context) -> None:
    """Soon after the start: the engines of the agents who can be called, one after the other."""
    await hub.clock.sleep(AFTER_START_SECONDS)
    live = [name for name, channel in hub.channels.items() if channel.limits.live]
    async with hub.store.read() as db:
        called = [(agent.workspace_id, agent.definition) for agent in await agents.reached_by(db, live)]
        called += await teams.reached_by(db, live)
    for workspace_id, definition in called:
        await warm_up(hub, workspace_id, definition)
