"""Ending a call that has no line here yet: the request to place it is taken back, or the carrier told to stop."""

import logging

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.channel import Undeliverable
from hub.core.context import Context
from hub.models import Interaction
from hub.store import transit

log = logging.getLogger("hub.live")


async def take_back(db: AsyncSession, interaction: Interaction) -> None:
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
