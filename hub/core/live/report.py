"""What the carrier reports of a call: in any order, repeated, late; the interaction's status never moves back."""

from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.channel import Inbound
from hub.core.context import Context
from hub.core.live.commands import ask_in
from hub.core.live.hanging_up import hang_up
from hub.core.live.lost import COMES_BACK_WITHIN, NODE_LOST, await_line, lost_its_node
from hub.core.receive import Receipt, cleaned
from hub.core.write import finish
from hub.models import Interaction
from hub.models.interaction import FINAL, may_follow, outranks
from hub.store import calls, interactions, transit

MACHINE = "voicemail"
_NOT_YET = "machine_start"
_CAUSES = {"completed": "customer_hangup", "canceled": "api_hangup"}


async def report(hub: Context, inbound: Inbound) -> Receipt:
    """Take in a status of a call; one that says nothing new writes nothing."""
    inbound = cleaned(inbound)
    async with hub.store.write(urgent=True) as db:
        interaction = await _about(db, inbound)
        if interaction is None:
            return Receipt(False)
        if inbound.also and not interaction.external_id:
            interaction.external_id = inbound.also[0]
        await _message(db, interaction, inbound)
        fresh = await _take(db, hub, interaction, inbound)
    return Receipt(fresh, interaction.id)


async def _about(db: AsyncSession, inbound: Inbound) -> Interaction | None:
    try:
        found = await interactions.locked(db, UUID(inbound.about))
    except ValueError:
        found = await calls.of_carrier(db, inbound.channel, inbound.about)
    return found if found is not None and found.channel == inbound.channel else None


async def _message(db: AsyncSession, interaction: Interaction, inbound: Inbound) -> None:
    """The request to place this call certainly arrived."""
    placed = await transit.placing(db, interaction.id)
    if placed is None:
        return
    message, entry = placed
    if entry.state in ("queued", "sending", "unsure", "failed"):
        entry.state = "sent"
    message.external_id = message.external_id or next(iter(inbound.also), "")
    if outranks(message.status, "sent"):
        message.status, message.error_code, message.error_words = "sent", "", ""


async def _take(db: AsyncSession, hub: Context, interaction: Interaction, inbound: Inbound) -> bool:
    now, status = hub.clock.now(), inbound.status
    if inbound.code.startswith("transfer_"):
        interactions.log(db, interaction, "call.transferred", now, outcome=inbound.code.removeprefix("transfer_"))
        if inbound.code == "transfer_completed" and interaction.status not in FINAL:
            finish(db, interaction, "completed", "transfer", now)
            calls.call_hint(db, interaction.id)
        elif interaction.status == "ending":  # nobody took it: the carrier makes its line anew
            interaction.idle_at = now + COMES_BACK_WITHIN
        return True
    if interaction.status in FINAL:
        if status in ("queued", "ringing") and inbound.also:  # we ended it before the carrier told us its name
            hub.spawn(hang_up(hub, interaction.channel, inbound.also[0]))
        return False
    if status == MACHINE:
        interactions.log(db, interaction, "call.machine", now, answered_by=inbound.code)
        ask_in(db, interaction, "voicemail", now, by="carrier", greeting_over=inbound.code != _NOT_YET)
        return True
    if not status or status == interaction.status or not may_follow(interaction.status, status):
        return False
    if status in FINAL and (live := hub.calls.get(interaction.id)) is not None and live.ended:
        return False  # we know why, and are writing it down
    if status in FINAL:
        interaction.failure_reason = interaction.failure_reason or inbound.words
        if status == "completed" and await lost_its_node(db, interaction):
            interaction.failure_reason = NODE_LOST
            finish(db, interaction, "failed", "error", now)
        else:
            finish(db, interaction, status, _CAUSES.get(status, ""), now)
    else:
        interaction.status = status
        await_line(interaction, now)
        interactions.log(db, interaction, f"call.{status}", now, code=inbound.code)
    calls.call_hint(db, interaction.id)
    return True
