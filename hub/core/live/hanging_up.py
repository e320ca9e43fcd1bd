"""Ending a call that has no line here yet: the request to place it is taken back, or the carrier told to stop."""

import logging
from datetime import datetime
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.channel import Undeliverable
from hub.core.context import Context
from hub.core.write import finish
from hub.models import Interaction
from hub.models.interaction import FINAL
from hub.store import calls, interactions, transit

log = logging.getLogger("hub.live")


async def end_in(db: AsyncSession, interaction: Interaction, status: str, reason: str, now: datetime) -> str:
    """End it within a transaction that holds it; its node hears of it. One that nobody answered yet is `canceled`.

    Gives the carrier's id of a call that must be hung up then, where there is one.
    """
    unanswered = ""
    if interaction.answered_at is None:
        status, unanswered = "canceled", interaction.external_id
        await _take_back(db, interaction)
    finish(db, interaction, status, reason, now)
    calls.call_hint(db, interaction.id)
    return unanswered


async def call_off(hub: Context, interaction_id: UUID, reason: str) -> None:
    """It is wanted no longer, in whatever state it is. One that has ended stays as it is."""
    unanswered = ""
    async with hub.store.write(urgent=True) as db:
        interaction = await interactions.locked(db, interaction_id)
        if interaction is None or interaction.status in FINAL:
            return
        unanswered = await end_in(db, interaction, "completed", reason, hub.clock.now())
    if unanswered:
        await hang_up(hub, interaction.channel, unanswered)


async def _take_back(db: AsyncSession, interaction: Interaction) -> None:
    """The carrier has not been asked yet: it never will be."""
    placed = await transit.placing(db, interaction.id)
    if placed is not None and placed[1].state == "queued":
        placed[1].state = "canceled"


async def hang_up(hub: Context, channel: str, external_id: str) -> None:
    """Tell the carrier. A call that it cannot end now is ended when it is answered, since ours has ended."""
    try:
        await hub.channels[channel].hang_up(external_id)
    except Undeliverable as error:
        log.info("the carrier did not end call %s: %s", external_id, error.words)
