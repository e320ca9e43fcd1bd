"""Asking a live interaction to do something: stored, then carried out by the node that holds it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.core.context import Context
from hub.models import Command, Interaction
from hub.models.call import Verb
from hub.models.interaction import FINAL
from hub.store import calls, interactions

LONGEST_WAIT_SECONDS = 5.0


class NotLive(Exception):
    """Nobody can carry it out: the interaction has no open line. The text says so."""


async def command(
    hub: Context, workspace_id: UUID, interaction_id: UUID, verb: Verb, *, by: str = "", **arguments: Any
) -> Command:
    """Ask, and wait a moment for what came of it: `done_at` and `fault` say. Raises `NotLive`, `LookupError`."""
    now = hub.clock.now()
    async with hub.store.bus.subscribe(f"interaction:{interaction_id}") as hints:
        async with hub.store.write() as db:
            interaction = await interactions.locked(db, interaction_id)
            if interaction is None or interaction.workspace_id != workspace_id:
                raise LookupError("No interaction with this id in this workspace.")
            if interaction.status in FINAL:
                raise NotLive("This interaction has ended.")
            if not interaction.node:
                raise NotLive("This interaction has no open line.")
            asked = ask_in(db, interaction, verb, now, by=by, **arguments)
        deadline = hub.clock.now().timestamp() + LONGEST_WAIT_SECONDS
        while (left := deadline - hub.clock.now().timestamp()) > 0:
            await hints.wait(left)
            async with hub.store.glance() as db:
                found = await calls.command(db, workspace_id, asked.id)
            if found is None or found.done_at is not None:
                return found or asked
    return asked


def ask_in(db: AsyncSession, interaction: Interaction, verb: Verb, now: datetime, *, by: str, **given: Any) -> Command:
    """Ask within a transaction that holds the interaction."""
    asked = Command(
        workspace_id=interaction.workspace_id, interaction_id=interaction.id, verb=verb, arguments=given, by=by,
        created_at=now,
    )  # fmt: skip
    db.add(asked)
    calls.call_hint(db, interaction.id)
    return asked
