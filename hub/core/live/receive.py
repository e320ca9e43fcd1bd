"""A call that comes in: its interaction is opened when it rings, its line is taken when somebody can be talked with."""

import logging
from datetime import datetime
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub import identity, policy
from hub.channel import Channel, Inbound, Line, Refused
from hub.core.context import Context
from hub.core.live.call import LiveCall
from hub.core.live.hanging_up import call_off
from hub.core.live.leg import Leg, wanted_by
from hub.core.live.lost import RINGS_FOR, await_line
from hub.core.live.mind import memory_of
from hub.core.live.warm import broke_off, is_over
from hub.core.live.warming import warm_up
from hub.core.receive import Receipt, cleaned, place
from hub.core.teams import definitions
from hub.core.write import open_interaction
from hub.dialogue.turn import Cue
from hub.models import Address, InboxEntry, Interaction, Workspace
from hub.models.interaction import FINAL, may_follow
from hub.store import calls, interactions, lock, transit

log = logging.getLogger("hub.live")

SPEAKERS = ("customer", "agent", "operator")
"""Of these one has said something in a call that is taken up again; our note of placing it does not count."""


async def receive(hub: Context, inbound: Inbound) -> Receipt:
    """Take in a call; with a line, the talk begins. Raises `Refused`: unknown, ended, a ticket used before, busy."""
    inbound = cleaned(inbound)
    if hub.all_busy and not inbound.about and inbound.external_id not in hub.lines:
        raise Refused("All lines are busy. Try again in a moment.", 503)
    if inbound.line is None:
        async with hub.store.write(urgent=True) as db:
            interaction = await _ringing(db, hub, inbound)
        hub.spawn(warm_up(hub, interaction.workspace_id, *definitions(interaction)))
        return Receipt(True, interaction.id)
    hub.arriving.add(inbound.external_id)
    try:
        return await _taken(hub, inbound, inbound.line)
    finally:
        hub.arriving.discard(inbound.external_id)


async def _taken(hub: Context, inbound: Inbound, line: Line) -> Receipt:
    """Its line is open: from now on it is held by this process."""
    async with hub.store.write(urgent=True) as db:
        interaction = await _connected(db, hub, inbound)
        kind = hub.channels[inbound.channel].identity
        untaped = await calls.recording_paused(db, interaction.id) or not await policy.may_record(db, interaction, kind)
        resumed = interaction.last_message_role in SPEAKERS
        left_over = await broke_off(db, interaction, hub.clock.now()) if resumed else None
    if left_over is not None:
        hub.spawn(call_off(hub, left_over, "agent_hangup"))
    earlier = hub.calls.pop(interaction.id, None)
    if earlier is not None:
        earlier.fence()
    memory, warm = await memory_of(hub, interaction), wanted_by(hub, interaction)
    if warm is not None:
        live: LiveCall = Leg(hub, interaction, line, memory, warm)
    else:
        live = LiveCall(hub, interaction, line, memory, resumed)
    live.keep(not untaped)
    hub.calls[interaction.id] = live
    task = hub.spawn(live.run(_cue(interaction, resumed)))
    return Receipt(True, interaction.id, live=task)


def _cue(interaction: Interaction, resumed: bool) -> Cue | None:
    """Why the agent begins to speak, if it does."""
    if resumed:
        return "handed_back"
    return "opened" if interaction.agent.get("opening_message") or interaction.direction == "outbound" else None


async def _ringing(db: AsyncSession, hub: Context, inbound: Inbound) -> Interaction:
    """The interaction of a call that rings or was answered, opened if this is the first we hear of it."""
    interaction = await _known(db, inbound)
    if interaction is None:
        interaction = await _opened(db, hub, inbound, "ringing")
    if _has_ended(hub, interaction):
        raise Refused("This call has ended.", 409)
    if (about := calls.customers_call(interaction)) is not None and await is_over(db, about, interaction.id):
        raise Refused("Nobody waits for this call any more.", 409)
    interaction.external_id = interaction.external_id or inbound.external_id
    if inbound.status and inbound.status != interaction.status and may_follow(interaction.status, inbound.status):
        interaction.status = inbound.status
        await_line(interaction, hub.clock.now())
        interactions.log(db, interaction, f"call.{inbound.status}", hub.clock.now())
    return interaction


async def _connected(db: AsyncSession, hub: Context, inbound: Inbound) -> Interaction:
    """The interaction whose line this is. Its ticket opens no second one; an earlier line of it is fenced off."""
    now = hub.clock.now()
    interaction = await _known(db, inbound)
    if interaction is None:
        interaction = await _opened(db, hub, inbound, "in_progress")
    if _has_ended(hub, interaction):
        raise Refused("This call has ended.", 409)
    if calls.customers_call(interaction) is not None and wanted_by(hub, interaction) is None:
        raise Refused("The customer of this call is with another server process, or not there any more.", 503)
    ticket = InboxEntry(
        workspace_id=interaction.workspace_id, interaction_id=interaction.id, channel=inbound.channel,
        external_id=f"ticket:{inbound.once}", kind="call", data=dict(inbound.data), received_at=now, done_at=now,
    )  # fmt: skip
    await db.flush()
    if not await transit.take_in(db, ticket):
        raise Refused("This ticket has been used. Ask for a new one.", 409)
    interaction.external_id = interaction.external_id or inbound.external_id
    if interaction.status != "paused":
        interaction.status = "in_progress"
    interaction.answered_at = interaction.answered_at or now
    interaction.node, interaction.idle_at = hub.node, None
    interactions.log(db, interaction, "call.connected", now, node=hub.node)
    calls.call_hint(db, interaction.id)
    return interaction


def _has_ended(hub: Context, interaction: Interaction) -> bool:
    """Also when that is still to be written down."""
    live = hub.calls.get(interaction.id)
    return interaction.status in FINAL or (live is not None and live.ended)


async def _known(db: AsyncSession, inbound: Inbound) -> Interaction | None:
    if inbound.about:
        try:
            found = await interactions.locked(db, UUID(inbound.about))
        except ValueError:
            found = None
        if found is None or found.channel != inbound.channel:
            raise Refused("There is no such call.", 404)
        if found.external_id and inbound.channel == "call" and found.external_id != inbound.external_id:
            raise Refused("This is the ticket of another call.", 403)
        return found
    return await calls.of_carrier(db, inbound.channel, inbound.external_id)


async def _opened(db: AsyncSession, hub: Context, inbound: Inbound, status: str) -> Interaction:
    channel, now = hub.channels[inbound.channel], hub.clock.now()
    address, workspace = await place(db, inbound, None, invited=channel.limits.pulled)
    kind, person = _person(channel, workspace, inbound)
    await lock(db, workspace.id, kind, person)
    customer = await identity.recognise(db, workspace, kind, person, name=inbound.sender_name, source=inbound.channel)
    interaction = await open_interaction(
        db, workspace, customer, inbound.channel, inbound.external_id, person,
        address=address, now=now, status=status, external_id=inbound.external_id,
    )  # fmt: skip
    interaction.idle_at = now + RINGS_FOR
    return _without_agent(interaction, address, now)


def _without_agent(interaction: Interaction, address: Address | None, now: datetime) -> Interaction:
    if interaction.owner == "queue":
        interaction.waiting_since = now
    return interaction


def _person(channel: Channel, workspace: Workspace, inbound: Inbound) -> tuple[str, str]:
    """What the caller is known by. One who hides their number is somebody new each time."""
    try:
        return channel.identity, identity.normal(channel.identity, inbound.sender, workspace.default_region)
    except identity.NotAnIdentity:
        return "visitor", f"anonymous:{inbound.external_id}"
