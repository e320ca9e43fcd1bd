"""Inbox and outbox entries, and the nodes at work on them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text, update
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import FetchEntry, InboxEntry, Interaction, Message, Node, OutboxEntry
from hub.models.columns import table_of
from hub.store.upsert import insert


async def take_in(db: AsyncSession, entry: InboxEntry) -> bool:
    """Insert the entry unless the same thing came in before; whether it is new."""
    values = {column.name: getattr(entry, column.name) for column in table_of(InboxEntry).columns}
    statement = (
        insert(db, InboxEntry)
        .values(**values)
        .on_conflict_do_nothing(index_elements=["channel", "external_id"])
        .returning(col(InboxEntry.id))
    )
    return (await db.exec(statement)).first() is not None


async def inbox_entry(db: AsyncSession, channel: str, external_id: str) -> InboxEntry | None:
    query = select(InboxEntry).where(InboxEntry.channel == channel, InboxEntry.external_id == external_id)
    return (await db.exec(query)).first()


async def received(db: AsyncSession, channel: str, external_ids: Sequence[str]) -> set[str]:
    """Which of these have come in already."""
    query = select(InboxEntry.external_id).where(
        InboxEntry.channel == channel, col(InboxEntry.external_id).in_(external_ids)
    )
    return set((await db.exec(query)).all())


async def settle_inbox(db: AsyncSession, interaction_id: UUID, now: datetime) -> None:
    """Nothing is owed any more for what came in to this interaction."""
    await db.exec(
        update(InboxEntry)
        .where(col(InboxEntry.interaction_id) == interaction_id, col(InboxEntry.done_at).is_(None))
        .values(done_at=now)
    )


async def owed_turn(db: AsyncSession, interaction_id: UUID) -> str | None:
    """Why the agent owes a turn here that no message asks for: `opened`, `handed_back`; None when it owes none."""
    query = select(InboxEntry.kind).where(
        InboxEntry.interaction_id == interaction_id, col(InboxEntry.done_at).is_(None), InboxEntry.kind != "message"
    )
    return (await db.exec(query.limit(1))).first()


async def unanswered(db: AsyncSession, before: datetime, limit: int = 200) -> list[UUID]:
    """Interactions with something received before then and not answered."""
    query = (
        select(InboxEntry.interaction_id)
        .where(col(InboxEntry.done_at).is_(None), InboxEntry.received_at < before)
        .distinct()
        .limit(limit)
    )
    return [found for found in (await db.exec(query)).all() if found is not None]


async def message_and_entry(db: AsyncSession, message_id: UUID) -> tuple[Message, OutboxEntry | None] | None:
    """A message of ours and what is owed of it, if anything ever was."""
    query = (
        select(Message, OutboxEntry)
        .outerjoin(OutboxEntry, col(OutboxEntry.message_id) == col(Message.id))
        .where(Message.id == message_id, Message.role != "customer")
    )
    return (await db.exec(query)).first()


async def held(db: AsyncSession, message_id: UUID) -> tuple[Message, OutboxEntry | None, Interaction]:
    """A message, what is owed of it, and its interaction; held until this writing transaction ends."""
    query = (
        select(Message, OutboxEntry, Interaction)
        .join(Interaction, col(Interaction.id) == col(Message.interaction_id))
        .outerjoin(OutboxEntry, col(OutboxEntry.message_id) == col(Message.id))
        .where(Message.id == message_id)
        .with_for_update(of=[Interaction, Message])
    )
    return (await db.exec(query)).one()


async def open_outbox(db: AsyncSession, interaction_id: UUID) -> Sequence[tuple[OutboxEntry, Message]]:
    """What is owed in this interaction, in the order it was said."""
    query = (
        select(OutboxEntry, Message)
        .join(Message, col(Message.id) == col(OutboxEntry.message_id))
        .where(
            OutboxEntry.interaction_id == interaction_id,
            col(OutboxEntry.state).in_(["queued", "sending"]),
        )
        .order_by(col(OutboxEntry.position))
    )
    return (await db.exec(query)).all()


async def claim(db: AsyncSession, message: Message, node: str, now: datetime, *, refused: bool) -> str | None:
    """Take an entry that is queued, for this node alone: `sending`, or `canceled` when the person refuses it by
    now; None when it was not ours to take.
    """
    statement = (
        update(OutboxEntry)
        .where(col(OutboxEntry.message_id) == message.id, col(OutboxEntry.state) == "queued")
        .values(
            state="canceled" if refused else "sending", node=node, claimed_at=now, attempts=OutboxEntry.attempts + 1,
        )
        .returning(col(OutboxEntry.state))
    )  # fmt: skip
    return (await db.exec(statement)).scalar_one_or_none()


_OPEN = text("outbox_entry.state IN ('queued', 'sending', 'unsure')")
"""In the words of the index of what is open, or it is not used and all that was ever sent is looked through."""


async def due(db: AsyncSession, now: datetime, limit: int = 200) -> list[UUID]:
    """Interactions with a queued entry whose time has come."""
    query = (
        select(OutboxEntry.interaction_id)
        .where(_OPEN, OutboxEntry.state == "queued", OutboxEntry.due_at <= now)
        .distinct()
        .limit(limit)
    )
    return list((await db.exec(query)).all())


async def doubtful(
    db: AsyncSession, before: datetime, stuck_before: datetime, dead_nodes: Sequence[str], limit: int = 100
) -> Sequence[tuple[OutboxEntry, Message]]:
    """Entries that a provider may have: unsure ones, and those a dead node, or any for too long, was sending."""
    given_up = col(OutboxEntry.node).in_(dead_nodes) | (col(OutboxEntry.claimed_at) < stuck_before)
    dead = (col(OutboxEntry.state) == "sending") & given_up
    query = (
        select(OutboxEntry, Message)
        .join(Message, col(Message.id) == col(OutboxEntry.message_id))
        .where(_OPEN, (col(OutboxEntry.state) == "unsure") | dead, col(OutboxEntry.claimed_at) < before)
        .limit(limit)
    )
    return (await db.exec(query)).all()


async def queued_for_customer(
    db: AsyncSession, workspace_id: UUID, customer_id: UUID
) -> Sequence[tuple[OutboxEntry, Message, Interaction]]:
    """Everything still waiting to be sent to this customer, over all channels; held."""
    query = (
        select(OutboxEntry, Message, Interaction)
        .join(Message, col(Message.id) == col(OutboxEntry.message_id))
        .join(Interaction, col(Interaction.id) == col(OutboxEntry.interaction_id))
        .where(
            _OPEN,
            OutboxEntry.workspace_id == workspace_id,
            OutboxEntry.state == "queued",
            Message.customer_id == customer_id,
        )
        .order_by(col(Interaction.id))
        .with_for_update()
    )
    return (await db.exec(query)).all()


async def claim_fetch(db: AsyncSession, message_id: UUID, now: datetime, until: datetime) -> FetchEntry | None:
    """Take what is to be fetched and is due, until then for us alone; None when there is nothing to take."""
    statement = (
        update(FetchEntry)
        .where(col(FetchEntry.message_id) == message_id, col(FetchEntry.due_at) <= now)
        .values(due_at=until, attempts=FetchEntry.attempts + 1)
        .returning(FetchEntry)
    )
    return (await db.exec(statement)).scalar_one_or_none()


async def due_fetches(db: AsyncSession, now: datetime, limit: int = 50) -> Sequence[UUID]:
    """Messages with attachments to be fetched, whose time has come."""
    query = select(FetchEntry.message_id).where(FetchEntry.due_at <= now).order_by(col(FetchEntry.due_at)).limit(limit)
    return (await db.exec(query)).all()


async def known_externally(db: AsyncSession, channel: str, external_ids: Sequence[str]) -> set[str]:
    """Which of these provider ids we already have."""
    query = select(Message.external_id).where(Message.channel == channel, col(Message.external_id).in_(external_ids))
    return set((await db.exec(query)).all())


async def beat(db: AsyncSession, node: str, now: datetime) -> None:
    """This node is alive. It may say so twice at once."""
    alive = insert(db, Node).values(id=node, started_at=now, seen_at=now)
    await db.exec(alive.on_conflict_do_update(index_elements=["id"], set_={"seen_at": now}))


async def forget_nodes(db: AsyncSession, before: datetime) -> None:
    """Nodes not seen since then are gone for good."""
    await db.exec(delete(Node).where(col(Node.seen_at) < before))


async def nodes(db: AsyncSession) -> Sequence[Node]:
    return (await db.exec(select(Node))).all()


async def placing(db: AsyncSession, interaction_id: UUID) -> tuple[Message, OutboxEntry] | None:
    """The message that asks the carrier to place this interaction's call, and what became of it."""
    query = (
        select(Message, OutboxEntry)
        .join(OutboxEntry, col(OutboxEntry.message_id) == col(Message.id))
        .where(OutboxEntry.interaction_id == interaction_id, Message.role == "system")
    )
    return (await db.exec(query)).first()
