"""Calls that lost their line or their node: given a while in which the carrier may connect them anew, then ended."""

import logging
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.core.context import Context
from hub.core.live.taping import finish_lost
from hub.core.write import finish
from hub.models import Interaction
from hub.models.interaction import FINAL
from hub.store import calls, interactions

log = logging.getLogger("hub.live")

COMES_BACK_WITHIN = timedelta(seconds=25)
"""How long a call without a line is kept for the carrier to connect it anew."""
CONNECTS_WITHIN = timedelta(seconds=10)
"""A call that connected so recently may not be among those that its process holds yet."""
NODE_LOST = "The server process that held the call was lost or stopped, and nothing connected the call anew."
RINGS_FOR = timedelta(minutes=2)
TRANSFER_LASTS = timedelta(hours=4)
"""How long the carrier may connect a call with somebody else before it tells how that ended."""
PLACED_WITHIN = timedelta(minutes=10)


async def look_after(hub: Context, dead: Collection[str]) -> None:
    """One pass over the open live interactions, safe on every node at any time. `dead` are nodes that are gone."""
    live = [name for name, channel in hub.channels.items() if channel.limits.live]
    now = hub.clock.now()
    async with hub.store.glance() as db:
        found = await calls.open_of(db, live, {*dead, hub.node}, now)
        waiting = [one.id for one in found if await _needs(db, hub, one, dead, now)]
    for interaction_id in waiting:
        async with hub.store.write() as db:
            interaction = await interactions.locked(db, interaction_id)
            if interaction is None or interaction.status in FINAL:
                continue
            if not await _needs(db, hub, interaction, dead, now):
                continue
            if interaction.node:
                log.warning("call %s lost its node %s", interaction.id, interaction.node)
                interactions.log(db, interaction, "call.lost", now, node=interaction.node)
                interaction.node, interaction.idle_at = "", now + COMES_BACK_WITHIN
            else:
                _end(interaction, await lost_its_node(db, interaction))
                finish(db, interaction, interaction.status, interaction.ended_reason, now)
                await calls.refuse_open(db, interaction.id, "The call ended before this could be done.", now)
    await finish_lost(hub)


async def _needs(
    db: AsyncSession, hub: Context, interaction: Interaction, dead: Collection[str], now: datetime
) -> bool:  # fmt: skip
    if not interaction.node:
        return interaction.idle_at is not None and interaction.idle_at <= now
    if interaction.node in dead:
        return True
    if interaction.node != hub.node or interaction.id in hub.calls:
        return False
    connected = await interactions.last_event(db, interaction.id, "call.connected")
    return connected is None or now - connected.at > CONNECTS_WITHIN


async def lost_its_node(db: AsyncSession, interaction: Interaction) -> bool:
    """Whether its process was lost or stopped, rather than its line, and none has it since."""
    last = await interactions.last_event(db, interaction.id, "call.lost", "call.connected")
    return last is not None and last.type == "call.lost" and bool(last.data.get("node"))


def await_line(interaction: Interaction, now: datetime) -> None:
    """It was answered, or is said to be: without a line it does not stay so for long."""
    if interaction.status == "in_progress" and not interaction.node:
        interaction.idle_at = min(interaction.idle_at or now + COMES_BACK_WITHIN, now + COMES_BACK_WITHIN)


def _end(interaction: Interaction, by_us: bool) -> None:
    """How it ended, as far as can be told."""
    if by_us:
        interaction.status, interaction.ended_reason = "failed", "error"
        interaction.failure_reason = NODE_LOST
    elif interaction.answered_at is not None:
        reason = "transfer" if interaction.status == "ending" else "customer_hangup"
        interaction.status, interaction.ended_reason = "completed", reason
    elif interaction.direction == "outbound" and interaction.external_id == "" and interaction.channel != "call":
        interaction.status, interaction.ended_reason = "canceled", ""
        interaction.failure_reason = "Nobody opened the call."
    else:
        interaction.status, interaction.ended_reason = "failed", "error"
        interaction.failure_reason = (
            "The carrier never told what became of the call."
            if interaction.direction == "outbound"
            else "The call rang, but its line never opened."
        )
