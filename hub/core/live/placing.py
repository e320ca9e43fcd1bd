"""Asking the carrier to place a call: owed like a message, so that it is asked once."""

from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.core.context import Context
from hub.core.live.lost import PLACED_WITHIN
from hub.core.write import owe, say_in
from hub.models import Interaction


def place(db: AsyncSession, hub: Context, interaction: Interaction, now: datetime) -> None:
    """Owe the carrier the request to ring them; where people come to us, wait for their line."""
    interaction.status, interaction.idle_at = "queued", now + PLACED_WITHIN
    if hub.channels[interaction.channel].limits.pulled:
        return
    text = f"Calling {interaction.person}"
    owe(db, interaction, say_in(db, interaction, now, role="system", text=text), now)
    interaction.idle_at = now + PLACED_WITHIN
