"""What a chat can turn into and end with: a rating, a call back, an answer by mail; and that it was read."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import phonenumbers
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub import hours, identity, ownership, policy
from hub.core import reach
from hub.core.context import Context
from hub.core.hub import Hub, NotFound
from hub.core.recipients import costly
from hub.core.write import finish, open_interaction, say_in
from hub.models import Address, Identity, Interaction, User, Workspace
from hub.models.interaction import FINAL
from hub.store import agents, hint, interactions, lock, people, transit

SCORES = range(1, 6)
MOST_WORDS = 1_000
MOST_SUMMARY = 1_500
PATIENCE = timedelta(minutes=2)
"""How long somebody waits for a person before an answer by mail is offered."""


async def rate(hub: Context, workspace_id: UUID, interaction_id: UUID, score: int, words: str = "") -> None:
    """What the person thought of a conversation that is over; the last word counts. Raises `NotAllowed`."""
    async with hub.store.write() as db:
        interaction = await _held(db, workspace_id, interaction_id)
        if interaction.status not in FINAL:
            raise policy.NotAllowed("The conversation is not over. It can be rated when it is.", "open")
        words = words.strip()[:MOST_WORDS]
        interaction.rating, interaction.rating_words = score, words
        interactions.log(db, interaction, "interaction.rated", hub.clock.now(), score=score, words=words)


async def mark_read(hub: Context, workspace_id: UUID, interaction_id: UUID, operator: User) -> None:
    """The operator who answers has seen all that the customer wrote; of others who look in nothing is told."""
    async with hub.store.write() as db:
        interaction = await _held(db, workspace_id, interaction_id)
        if interaction.operator_id == operator.id and interaction.read_seq < interaction.heard_seq:
            interaction.read_seq = interaction.heard_seq
            hint(db, workspace_id, interaction_id, interaction.thread)


async def call_back(hub: Hub, workspace_id: UUID, interaction_id: UUID, number: str) -> Interaction:
    """Call the person of this chat at that number: the same agent, who is told what was said so far.

    One call at a time. Raises `NotAllowed`, `NotAnIdentity`.
    """
    context = hub.context
    async with context.store.write() as db:
        chat = await _held(db, workspace_id, interaction_id)
        await lock(db, workspace_id, "call_back", chat.person)
        workspace = await agents.workspace(db, workspace_id)
        assert workspace is not None  # noqa: S101 - foreign key
        phone = _callable(number, workspace.default_region)
        address = await caller_of(db, context, workspace_id)
        if address is None:
            raise policy.NotAllowed("We cannot call from here. Write to us instead.", "no_address")
        if await _being_called(db, workspace_id, chat, phone):
            raise policy.NotAllowed("We are calling you already. One call after the other.", "calling")
        await _remember(db, chat, "phone", phone)
        agent = await agents.agent(db, workspace_id, chat.agent_id) if chat.agent_id else None
        summary = await summary_of(db, chat)
        now = context.clock.now()
        interactions.log(db, chat, "interaction.call_requested", now, number=phone)
    return await hub.start(
        workspace_id, "call", phone, agent=agent, address=address,
        parameters={**chat.parameters, "chat_summary": summary}, meta={"chat": str(chat.id)},
        summary=summary[:500], state={"fields": dict(chat.state.get("fields") or {})},
    )  # fmt: skip


async def caller_of(db: AsyncSession, hub: Context, workspace_id: UUID) -> Address | None:
    """The address calls are placed from, if there is one."""
    if "call" not in hub.channels:
        return None
    return next((one for one in await agents.addresses(db, workspace_id, "call") if one.agent_id), None)


async def mailbox_of(db: AsyncSession, hub: Context, workspace_id: UUID) -> Address | None:
    """The address an answer by mail goes out from, if there is one."""
    if "email" not in hub.channels:
        return None
    return next(iter(await agents.addresses(db, workspace_id, "email")), None)


@dataclass(frozen=True, slots=True)
class Offer:
    """Whether an answer by mail is offered now, else when to look again; `words` say why nobody answers."""

    now: bool = False
    words: str = ""
    again_at: datetime | None = None


async def mail_offer(db: AsyncSession, hub: Context, chat: Interaction) -> Offer:
    """Offered to who waits for a person outside the hours of the widget, or for longer than `PATIENCE`."""
    if chat.owner != "queue" or chat.ended_at is not None or chat.address_id is None:
        return Offer()
    address = await agents.address(db, chat.workspace_id, chat.address_id)
    if address is None or await mailbox_of(db, hub, chat.workspace_id) is None:
        return Offer()
    workspace = await agents.workspace(db, chat.workspace_id)
    now, patience_ends = hub.clock.now(), (chat.waiting_since or chat.last_message_at) + PATIENCE
    if words := closed_words(address, workspace, now):
        return Offer(True, words)
    if now >= patience_ends:
        return Offer(True, "It takes longer than usual until somebody can answer.")
    return Offer(again_at=patience_ends)


def closed_words(address: Address, workspace: Workspace | None, now: datetime) -> str:
    """That nobody is there at this moment, and when somebody is next; empty when they are."""
    try:
        known = hours.read(str(address.options.get("hours") or ""))
        zone = ZoneInfo(str(address.options.get("time_zone") or (workspace.time_zone if workspace else "UTC")))
    except (ValueError, OSError, LookupError):
        return ""
    here = now.astimezone(zone)
    if known is None or known.open_at(here):
        return ""
    again = known.next_open(here)
    return "Nobody of our team is here just now." + (f" We are back on {again:%A at %H:%M}." if again else "")


async def answer_by_mail(hub: Hub, workspace_id: UUID, interaction_id: UUID, email: str, title: str) -> Interaction:
    """Go on by mail: the chat ends, and what was asked in it waits in an email thread for a person's answer.

    Nothing is sent before somebody answers. Raises `NotAllowed`, `NotAnIdentity`.
    """
    context = hub.context
    person = identity.normal("email", email)
    async with context.store.write() as db:
        chat = await _held(db, workspace_id, interaction_id)
        if chat.status in FINAL:
            raise policy.NotAllowed("The conversation has ended. Write again to begin a new one.", "ended")
        await lock(db, workspace_id, "email", person)
        address = await mailbox_of(db, context, workspace_id)
        workspace = await agents.workspace(db, workspace_id)
        if address is None or workspace is None:
            raise policy.NotAllowed("We cannot answer by mail from here.", "no_address")
        await _remember(db, chat, "email", person)
        now, thread = context.clock.now(), reach.thread_of(address, person)
        customer = await identity.recognise(db, workspace, "email", person, source="webchat")
        mail = await interactions.open_in_thread(db, workspace_id, "email", thread)
        if mail is None:
            mail = await open_interaction(
                db, workspace, customer, "email", thread, person,
                address=address, now=now, meta={"chat": str(chat.id)}, summary=chat.summary,
            )  # fmt: skip
        asked = await summary_of(db, chat, roles=("customer",))
        content = {
            "subject": f"Your message to {title}" if title else "Your message to us",
            "mail": {"from": person, "trusted": False, "trust": "Written in the chat, where anybody can give it."},
        }
        say_in(db, mail, now, role="customer", text=asked, content=content)
        ownership.queue(db, mail, "Left an email address in the chat; answer there.", now)
        interactions.log(db, chat, "interaction.left_email", now, email=person, interaction_id=str(mail.id))
        finish(db, chat, "completed", "left_email", now)
        await transit.settle_inbox(db, chat.id, now)
    return mail


async def summary_of(db: AsyncSession, chat: Interaction, roles: tuple[str, ...] = ()) -> str:
    """What was said, the newest of it when it is long, one line for each message; without names of one role alone."""
    said = await interactions.messages(db, chat.workspace_id, chat.id, limit=40)
    lines = [
        message.text if len(roles) == 1 else f"{message.author or message.role.title()}: {message.text}"
        for message in said
        if not message.note and message.text and (message.role in roles if roles else message.role != "system")
    ]
    text = "\n".join(lines)
    return text if len(text) <= MOST_SUMMARY else "…" + text[-MOST_SUMMARY:]


async def _being_called(db: AsyncSession, workspace_id: UUID, chat: Interaction, phone: str) -> bool:
    meta: Any = col(Interaction.meta)
    query = select(Interaction.id).where(
        Interaction.workspace_id == workspace_id,
        Interaction.channel == "call",
        col(Interaction.ended_at).is_(None),
        (Interaction.person == phone) | (meta["chat"].as_string() == str(chat.id)),
    )
    return (await db.exec(query.limit(1))).first() is not None


def _callable(number: str, region: str) -> str:
    """The number in E.164. Raises `NotAnIdentity` for what is none that we would call."""
    phone = identity.normal("phone", number, region)
    if not phone.startswith("+"):
        raise identity.NotAnIdentity("We cannot call a short number. Write your whole number, like +15551234567.")
    parsed = phonenumbers.parse(phone)
    if not phonenumbers.is_valid_number(parsed):
        raise identity.NotAnIdentity(f"{phone} is no number that can be called. Check its digits.")
    if costly(phone):
        raise identity.NotAnIdentity(f"{phone} is a costly number; we do not call those.")
    return phone


async def _remember(db: AsyncSession, chat: Interaction, kind: str, value: str) -> None:
    """They say it is theirs; if it is somebody else's already, it stays so."""
    if await people.identity(db, chat.workspace_id, kind, value) is None:
        db.add(Identity(
            workspace_id=chat.workspace_id, customer_id=chat.customer_id, kind=kind, value=value,
            strength="asserted", source="webchat",
        ))  # fmt: skip
        await db.flush()


async def _held(db: AsyncSession, workspace_id: UUID, interaction_id: UUID) -> Interaction:
    found = await interactions.locked(db, interaction_id)
    if found is None or found.workspace_id != workspace_id:
        raise NotFound("No interaction with this id in this workspace.")
    return found
