"""What came in: found or opened, appended and committed before it is acknowledged."""

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub import identity, policy
from hub.channel import Channel, Inbound, Refused
from hub.core.context import Context
from hub.dialogue.template import fill
from hub.models import Address, Agent, Customer, InboxEntry, Interaction, Message, OutboxEntry, Workspace
from hub.models.agent import AgentDefinition
from hub.models.columns import new_id
from hub.models.interaction import outranks
from hub.store import agents, interactions, lock, transit

PREVIEW_CHARACTERS = 140


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of an inbound. `fresh` is False when it had come in before."""

    fresh: bool
    interaction_id: UUID | None = None
    message_id: UUID | None = None
    answer: bool = False
    deliver: bool = False


async def message(hub: Context, inbound: Inbound, within: Interaction | None = None) -> Receipt:
    """Take in what a person said, in one transaction. Raises `Refused`.

    `within` is the open interaction it is said in, where our own page knows it; no address is needed then.
    """
    channel = hub.channels[inbound.channel]
    now = hub.clock.now()
    async with hub.store.write() as db:
        address, workspace = await _place(db, inbound, within, invited=channel.limits.pulled)
        try:
            person = identity.normal(channel.identity, inbound.sender, workspace.default_region)
        except identity.NotAnIdentity as error:
            raise Refused(str(error), 400) from None
        await lock(db, workspace.id, channel.identity, person)
        entry = InboxEntry(
            workspace_id=workspace.id, channel=inbound.channel, external_id=inbound.external_id,
            kind=inbound.kind, data=dict(inbound.data), received_at=now,
        )  # fmt: skip
        if not await transit.take_in(db, entry):
            return await _known(db, inbound)
        customer = await identity.recognise(
            db, workspace, channel.identity, person, name=inbound.sender_name, source=inbound.channel
        )
        thread = within.thread if within else inbound.thread or f"{address.value if address else ''}:{person}"
        interaction = await interactions.open_in_thread(db, workspace.id, inbound.channel, thread)
        if interaction is None and within is not None:
            raise Refused("This interaction has ended. Start a new one.", 409)
        if interaction is None:
            interaction = await open_interaction(
                db, workspace, customer, inbound.channel, thread, person, address=address, now=now
            )
            if channel.limits.greets and (shown := opening(interaction.agent)):
                say_in(db, interaction, now, role="agent", author=interaction.agent.get("name", ""), text=shown)
        said = say_in(
            db, interaction, now, role="customer", text=inbound.text, external_id=inbound.external_id,
            media=[asdict(item) for item in inbound.media],
        )  # fmt: skip
        stored = await db.get(InboxEntry, entry.id)
        assert stored is not None  # noqa: S101 - inserted above
        stored.interaction_id, stored.message_id = interaction.id, said.id
        word = policy.keyword(inbound.text) if channel.limits.keywords and not inbound.media else None
        handled = word is not None and await _obey(db, interaction, channel, word, inbound.text, now)
        owed = interaction.owner == "ai" and not handled
        if not owed:
            stored.done_at = now
        return Receipt(True, interaction.id, said.id, answer=owed, deliver=handled)


def opening(agent: Mapping[str, Any]) -> str:
    """The agent's opening message as somebody reads it of whom we know nothing yet."""
    values = {**agent.get("parameters", {}), "agent": {"name": agent.get("name", "")}}
    return fill(agent.get("opening_message") or "", values).strip()


async def report(hub: Context, inbound: Inbound) -> Receipt:
    """Take in a delivery report. Late and repeated ones change nothing, whatever their order."""
    now = hub.clock.now()
    async with hub.store.write() as db:
        said = await _about(db, inbound)
        if said is None:
            return Receipt(False)
        await _move(db, hub, said, inbound, now)
        return Receipt(True, said.interaction_id, said.id)


async def _move(db: AsyncSession, hub: Context, said: Message, inbound: Inbound, now: datetime) -> None:
    interaction = await interactions.locked(db, said.interaction_id)
    assert interaction is not None  # noqa: S101 - a message never outlives its interaction
    await db.refresh(said)
    owed = await transit.outbox_entry(db, said.id)
    if owed is not None and owed.state in ("sending", "unsure", "failed"):
        owed.state = "sent"
    said.external_id = said.external_id or next(iter(inbound.also), "")
    if outranks(said.status, inbound.status):
        said.status, said.error_code, said.error_words = inbound.status, inbound.code, inbound.words
        interactions.log(
            db, interaction, f"message.{inbound.status}", now,
            message_id=str(said.id), code=inbound.code, words=inbound.words,
        )  # fmt: skip
    if inbound.opted_out:
        channel = hub.channels[inbound.channel]
        await policy.refuse_further(db, interaction, channel.identity, "carrier", inbound.code, now)


async def open_interaction(
    db: AsyncSession,
    workspace: Workspace,
    customer: Customer,
    channel: str,
    thread: str,
    person: str,
    *,
    address: Address | None = None,
    agent: Agent | None = None,
    now: datetime,
    **given: Any,
) -> Interaction:
    """A new interaction with the agent's definition frozen into it; without an agent it waits for a person.

    `given` are further columns; a definition given as `agent_definition` is used instead of the stored one.
    """
    definition: dict[str, Any] | None = given.pop("agent_definition", None)
    if agent is None and address is not None and address.agent_id is not None:
        agent = await agents.agent(db, workspace.id, address.agent_id)
    if definition is None and agent is not None:
        definition = agent.definition
    interaction = Interaction(
        workspace_id=workspace.id, customer_id=customer.id, channel=channel, thread=thread, person=person,
        address_id=address.id if address else None, ours=address.value if address else "",
        agent_id=agent.id if agent else None, agent=definition or {}, agent_version=agent.version if agent else 0,
        owner="ai" if definition else "queue", trace_id=secrets.token_hex(16),
        created_at=now, last_message_at=now, **given,
    )  # fmt: skip
    db.add(interaction)
    await db.flush()
    interactions.log(
        db, interaction, "interaction.started", now,
        channel=channel, direction=interaction.direction, trace_id=interaction.trace_id,
    )  # fmt: skip
    return interaction


def say_in(db: AsyncSession, interaction: Interaction, now: datetime, **fields: Any) -> Message:
    """Append a message and its event to an interaction held by this transaction."""
    said = Message(
        id=new_id(), workspace_id=interaction.workspace_id, interaction_id=interaction.id,
        customer_id=interaction.customer_id, channel=interaction.channel, seq=interaction.last_seq + 1,
        created_at=now, **fields,
    )  # fmt: skip
    interactions.log(
        db, interaction, "message.created", now,
        message_id=str(said.id), role=said.role, text=said.text, author=said.author, note=said.note,
        media=said.media,
    )  # fmt: skip
    db.add(said)
    if said.note:
        return said
    interaction.last_message_at, interaction.last_message_role = now, said.role
    interaction.preview = " ".join(said.text.split())[:PREVIEW_CHARACTERS] or ("Attachment" if said.media else "")
    seconds = AgentDefinition.model_fields["timing"].default.idle_close_seconds
    seconds = interaction.agent.get("timing", {}).get("idle_close_seconds", seconds)
    interaction.idle_at = now + timedelta(seconds=seconds)
    if said.role == "customer":
        interaction.heard_seq = said.seq
        interaction.waiting_since = interaction.waiting_since or now
        interaction.snoozed_until = None
    elif said.role in ("agent", "operator"):
        interaction.waiting_since = None
    return said


def owe(db: AsyncSession, interaction: Interaction, said: Message, now: datetime) -> None:
    """Owe this message to the provider, in the transaction that decided it."""
    said.status = "queued"
    db.add(
        OutboxEntry(
            message_id=said.id, workspace_id=said.workspace_id, interaction_id=interaction.id,
            channel=interaction.channel, sender=interaction.ours, recipient=interaction.person,
            position=said.seq, due_at=now, created_at=now,
        )  # fmt: skip
    )


async def _place(
    db: AsyncSession, inbound: Inbound, within: Interaction | None, *, invited: bool
) -> tuple[Address | None, Workspace]:
    if within is None:
        return await _address(db, inbound, invited=invited)
    workspace = await agents.workspace(db, within.workspace_id)
    assert workspace is not None  # noqa: S101 - foreign key
    return None, workspace


async def _address(db: AsyncSession, inbound: Inbound, *, invited: bool) -> tuple[Address, Workspace]:
    """The address it came to, made when it is the only workspace's; not where only our own page leads there."""
    address = await agents.address_called(db, inbound.channel, inbound.recipient, *inbound.also)
    if address is not None:
        workspace = await agents.workspace(db, address.workspace_id)
        assert workspace is not None  # noqa: S101 - foreign key
        return address, workspace
    only = None if invited else await agents.only_workspace(db)
    if only is None or not inbound.recipient:
        raise Refused(f"No address {inbound.recipient!r} on {inbound.channel}. Add it under Addresses.", 404)
    await lock(db, "address", inbound.channel, inbound.recipient)
    again = await agents.address_called(db, inbound.channel, inbound.recipient)
    address = again or Address(workspace_id=only.id, channel=inbound.channel, value=inbound.recipient[:320])
    db.add(address)
    await db.flush()
    return address, only


async def _known(db: AsyncSession, inbound: Inbound) -> Receipt:
    first = await transit.inbox_entry(db, inbound.channel, inbound.external_id)
    return Receipt(False, first.interaction_id, first.message_id) if first else Receipt(False)


async def _about(db: AsyncSession, inbound: Inbound) -> Message | None:
    """The message a report concerns: by our own id when it came along, else by the provider's."""
    try:
        ours = UUID(inbound.about)
    except ValueError:
        return await interactions.message_sent_as(db, inbound.channel, inbound.about)
    return await db.get(Message, ours)


async def _obey(
    db: AsyncSession, interaction: Interaction, channel: Channel, word: policy.Keyword, text: str, now: datetime
) -> bool:
    """Carry out STOP, START or HELP before any agent sees it."""
    if word == "stop":
        await policy.refuse_further(db, interaction, channel.identity, "keyword", text, now)
        interaction.waiting_since, interaction.answered_seq = None, interaction.heard_seq
        interactions.log(db, interaction, "consent.revoked", now, source="keyword", text=text)
        say_in(db, interaction, now, role="system", text="The customer opted out. Nothing more is sent to them.")
        return True
    workspace = await agents.workspace(db, interaction.workspace_id)
    name = workspace.name if workspace else "This number"
    if word == "help" and await policy.opted_out(db, interaction, channel.identity):
        return True
    if word == "start":
        policy.record(db, interaction, channel.identity, "granted", "keyword", text, now)
        interactions.log(db, interaction, "consent.granted", now, source="keyword", text=text)
        answer = f"{name}: you are subscribed again. Reply STOP to opt out, HELP for help."
    else:
        answer = f"{name}: write your question here and we will answer. Reply STOP to opt out."
    said = say_in(db, interaction, now, role="system", text=answer)
    if interaction.owner == "ai":
        interaction.waiting_since = None
    interaction.answered_seq = interaction.heard_seq
    owe(db, interaction, said, now)
    return True


__all__ = ["Receipt", "message", "open_interaction", "owe", "report", "say_in"]
