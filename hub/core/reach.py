"""Reaching a person by one of their identities: the address it goes out from, the exchange it is said in."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from hub import policy
from hub.channel import Media
from hub.core import files
from hub.core.context import Context
from hub.core.write import open_interaction, owe, say_in
from hub.models import Address, Agent, Customer, Interaction, Message, Skill, Workspace
from hub.models.columns import new_id
from hub.store import agents, interactions


async def address_of(db: AsyncSession, hub: Context, workspace: Workspace, channel: str) -> Address | None:
    """Where it goes out from; None where people come to us. Raises `NotAllowed`."""
    found = next(iter(await agents.addresses(db, workspace.id, channel)), None)
    if found is None and not hub.channels[channel].limits.pulled:
        raise policy.NotAllowed(f"There is no {channel} address to send from. Add one first.", "no_address")
    return found


def thread_of(address: Address | None, person: str) -> str:
    """The name of all that is said with this person at this address of ours."""
    return f"{address.value if address else ''}:{person}"


async def exchange(
    db: AsyncSession, hub: Context, workspace: Workspace, customer: Customer, channel: str, person: str, *,
    address: Address | None, now: datetime, agent: Agent | None = None, skills: Sequence[Skill] = (), **given: Any,
) -> tuple[Interaction, bool]:  # fmt: skip
    """The open exchange with them at this address, or a new one of ours, and whether it is new. A call always is."""
    is_live = hub.channels[channel].limits.live
    thread = str(new_id()) if is_live else thread_of(address, person)
    found = None if is_live else await interactions.open_in_thread(db, workspace.id, channel, thread)
    if found is not None:
        found.parameters = {**found.parameters, **given.get("parameters", {})}
        return found, False
    made = await open_interaction(
        db, workspace, customer, channel, thread, person,
        address=address, agent=agent, skills=skills, now=now, direction="outbound", **given,
    )  # fmt: skip
    return made, True


async def say_by(
    db: AsyncSession, hub: Context, interaction: Interaction, text: str, *, content: Mapping[str, Any] | None = None,
    media: tuple[Media, ...] = (), **fields: Any,
) -> Message:  # fmt: skip
    """Say it in an exchange held by this transaction, and owe it to the provider. Raises `NotAllowed`."""
    channel, now = hub.channels[interaction.channel], hub.clock.now()
    await policy.check(db, interaction, channel.identity, channel.limits, text, now, media=media, content=content)
    media = await files.say_in(hub, db, interaction, media)
    said = say_in(
        db, interaction, now, text=text, content=dict(content or {}), media=[asdict(one) for one in media], **fields
    )
    if said.role != "system":  # a code, for example, answers nothing that they said
        interaction.answered_seq = interaction.heard_seq
    if not channel.limits.pulled:
        owe(db, interaction, said, now)
    return said
