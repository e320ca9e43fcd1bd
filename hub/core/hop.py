"""A channel hop: out of a call something is sent by text or mail, and its answer reaches the running call."""

from datetime import timedelta
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub import identity
from hub.core import reach
from hub.core.context import Context
from hub.core.customers import NotPossible
from hub.core.live.commands import ask_in
from hub.core.write import say_in
from hub.models import InboxEntry, Interaction, Message, Question
from hub.models.columns import new_id
from hub.store import agents, interactions, lock, people, reaching

LASTS = timedelta(hours=1)
MOST_ANSWER_CHARACTERS = 4_000
MOST_SENT = 5
"""Out of one call: an agent that goes round in circles must not flood a phone."""


async def send(
    hub: Context, call: Interaction, kind: str, to: str, text: str, *, subject: str = "", question: str = "",
    url: str = "",
) -> Question:  # fmt: skip
    """Send this to them by SMS or mail; for a minute the same is not sent twice.

    With a `question` it ends in a link of ours at which that is answered. Raises `NotPossible`, `NotAllowed`,
    `NotAnIdentity`.
    """
    channel = "email" if kind == "email" else "sms"
    if channel not in hub.channels:
        raise NotPossible(f"Nothing can be sent by {channel} here: the channel is not set up.", "no_channel")
    async with hub.store.write() as db:
        customer, workspace = await people.customer_at_home(db, call.customer_id)
        person = identity.normal(kind, to, workspace.default_region)
        await lock(db, workspace.id, kind, person)
        known = await people.identity(db, workspace.id, kind, person)
        if known is not None and known.customer_id != customer.id:
            customer, _ = await people.customer_at_home(db, known.customer_id)
        now = hub.clock.now()
        sent_before = await reaching.sent_out_of(db, call.id)
        for one in sent_before:
            if one.text == (question or text) and now - one.created_at < timedelta(minutes=1):
                return one
        if len(sent_before) >= MOST_SENT:
            raise NotPossible("Enough was sent out of this call.", "too_many")
        address = await reach.address_of(db, hub, workspace, channel)
        exchange, _ = await reach.exchange(
            db, hub, workspace, customer, channel, person, address=address, now=now
        )  # fmt: skip
        made = Question(
            id=new_id(), workspace_id=workspace.id, interaction_id=call.id, by_interaction_id=exchange.id,
            channel=channel, text=question or text, asked=bool(question), created_at=now, expires_at=now + LASTS,
        )  # fmt: skip
        db.add(made)
        link = hub.question_url(made.id) if question else url
        content = {"subject": subject or f"From your call with {workspace.name}"}
        said = f"{text}\n{link}".strip()
        await reach.say_by(
            db, hub, exchange, said, content=content, role="agent", author=call.agent.get("name", "")
        )  # fmt: skip
    return made


async def pass_on(db: AsyncSession, hub: Context, interaction: Interaction, said: Message) -> bool:
    """Tell the running calls that wait for an answer here of what was said; whether there is one.

    They speak about it; nobody answers it here.
    """
    waiting = await reaching.waiting_calls(db, interaction.id, hub.clock.now())
    for call in waiting:
        ask_in(
            db, call, "told", hub.clock.now(), by="customer",
            text=said.text[:MOST_ANSWER_CHARACTERS], channel=interaction.channel, said_id=str(said.id),
        )  # fmt: skip
    if waiting:
        interaction.answered_seq, interaction.waiting_since = interaction.heard_seq, None
        say_in(
            db, interaction, hub.clock.now(), role="system", note=True, author="the hub",
            text="Told to the agent in the running call, who answers there.",
        )  # fmt: skip
    return bool(waiting)


class Over(Exception):
    """The question cannot be answered any more; the text says why."""


async def open_question(db: AsyncSession, hub: Context, question_id: UUID) -> Question:
    """A question that waits for its answer. Raises `Over`."""
    found = await reaching.question(db, question_id)
    if found is None or not found.asked:
        raise Over("There is no such question.")
    if found.answered_at is not None:
        raise Over("This was answered already. Thank you!")
    if found.expires_at <= hub.clock.now():
        raise Over("This link is too old. Ask us again, and we will send you a new one.")
    return found


async def answer(hub: Context, question_id: UUID, text: str) -> tuple[UUID, bool]:
    """What they wrote at the link, once: said in the exchange that sent it, and told to the call if it still runs.

    Gives the exchange, and whether its agent has to answer. Raises `Over`.
    """
    async with hub.store.write() as db:
        asked = await open_question(db, hub, question_id)
        now = hub.clock.now()
        asked.answered_at = now
        interaction = await interactions.locked(db, asked.by_interaction_id)
        if interaction is None:
            raise Over("There is no such question.")
        if interaction.ended_at is not None:
            interaction = await _opened_again(db, hub, interaction)
            asked.by_interaction_id = interaction.id
            await db.flush()
        said = say_in(
            db, interaction, now, role="customer", text=text[:MOST_ANSWER_CHARACTERS],
            content={"form": {"question": asked.text}},
        )  # fmt: skip
        told = await pass_on(db, hub, interaction, said)
        owed = interaction.owner == "ai" and not told
        await db.flush()
        db.add(
            InboxEntry(
                workspace_id=interaction.workspace_id, interaction_id=interaction.id, message_id=said.id,
                channel=interaction.channel, external_id=f"question:{asked.id}", kind="message", received_at=now,
                done_at=None if owed else now,
            )
        )  # fmt: skip
        return interaction.id, owed


async def _opened_again(db: AsyncSession, hub: Context, ended: Interaction) -> Interaction:
    """A new exchange with the same person where the old one has ended."""
    customer, workspace = await people.customer_at_home(db, ended.customer_id)
    address = await agents.address(db, workspace.id, ended.address_id) if ended.address_id else None
    made, _ = await reach.exchange(
        db, hub, workspace, customer, ended.channel, ended.person, address=address, now=hub.clock.now()
    )
    return made
