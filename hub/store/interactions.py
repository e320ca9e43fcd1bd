"""Interactions, their messages and their event log."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, literal_column
from sqlmodel import and_, col, delete, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Event, Interaction, Message, Tag
from hub.models.columns import new_id, table_of
from hub.storable import storable
from hub.store import hint, write_at_commit

_LOCKED = select(Interaction).where(col(Interaction.id) == bindparam("id")).with_for_update()
"""Made once: it is asked with all that happens."""
_ADDED = table_of(Message).insert()
_NEW = {
    name: field.get_default(call_default_factory=True)
    for name, field in Message.model_fields.items()
    if not field.is_required()
}
_BESIDE = {"autoflush": False}
"""For what needs nothing of the objects that are changed in the same transaction."""
_CHANGED = table_of(Message).update().where(table_of(Message).c.id == bindparam("message_id"))


async def interaction(db: AsyncSession, workspace_id: UUID, interaction_id: UUID) -> Interaction | None:
    found = await db.get(Interaction, interaction_id)
    return found if found and found.workspace_id == workspace_id else None


async def locked(db: AsyncSession, interaction_id: UUID) -> Interaction | None:
    """The interaction, held until this writing transaction ends."""
    return (await db.exec(_LOCKED, params={"id": interaction_id})).first()


async def open_in_thread(db: AsyncSession, workspace_id: UUID, channel: str, thread: str) -> Interaction | None:
    """The open interaction of this thread, held until this writing transaction ends."""
    query = (
        select(Interaction)
        .where(
            Interaction.workspace_id == workspace_id,
            Interaction.channel == channel,
            Interaction.thread == thread,
            col(Interaction.ended_at).is_(None),
        )
        .with_for_update()
    )
    return (await db.exec(query)).first()


async def last_heard(db: AsyncSession, workspace_id: UUID, channel: str, thread: str) -> Message | None:
    """What the person of this thread last wrote, in whichever interaction; None: nothing yet."""
    query = (
        select(Message)
        .join(Interaction, col(Interaction.id) == col(Message.interaction_id))
        .where(
            Message.seq == Interaction.heard_seq,
            Interaction.workspace_id == workspace_id,
            Interaction.channel == channel,
            Interaction.thread == thread,
            Interaction.heard_seq > 0,
        )
        .order_by(col(Interaction.created_at).desc())
        .limit(1)
    )
    return (await db.exec(query)).first()


async def parked_since(db: AsyncSession, heard: Message, thread: str) -> bool:
    """Whether something that was said in this thread after that was not let out as it was.

    It was said in the same interaction, or in one since in which they have not written.
    """
    later = and_(col(Interaction.heard_seq) == 0, col(Interaction.created_at) >= heard.created_at)
    query = (
        select(Message.content)
        .join(Interaction, col(Interaction.id) == col(Message.interaction_id))
        .where(
            Interaction.workspace_id == heard.workspace_id,
            Interaction.channel == heard.channel,
            Interaction.thread == thread,
            or_(and_(col(Interaction.id) == heard.interaction_id, col(Message.seq) > heard.seq), later),
            col(Message.status).in_(["failed", "undelivered"]),
        )
    )
    return any(content.get("parked") for content in (await db.exec(query)).all())


async def last_of_customer(db: AsyncSession, workspace_id: UUID, customer_id: UUID) -> Interaction | None:
    query = (
        select(Interaction)
        .where(Interaction.workspace_id == workspace_id, Interaction.customer_id == customer_id)
        .order_by(col(Interaction.created_at).desc())
        .limit(1)
    )
    return (await db.exec(query)).first()


async def of_customer(
    db: AsyncSession, workspace_id: UUID, customer_id: UUID, limit: int = 50
) -> Sequence[Interaction]:
    query = (
        select(Interaction)
        .where(Interaction.workspace_id == workspace_id, Interaction.customer_id == customer_id)
        .order_by(col(Interaction.created_at).desc())
        .limit(limit)
    )
    return (await db.exec(query)).all()


def log(db: AsyncSession, interaction: Interaction, type: str, at: datetime, **data: Any) -> None:
    """Append one event to the interaction, which must be held by this transaction; written when it commits."""
    interaction.last_seq += 1
    write_at_commit(
        db,
        Event,
        id=new_id(),
        workspace_id=interaction.workspace_id,
        interaction_id=interaction.id,
        seq=interaction.last_seq,
        type=type,
        data=storable(data),
        at=at,
    )
    hint(db, interaction.workspace_id, interaction.id, interaction.thread)
    if interaction.agent.get("hooks"):
        db.info["hints"].add(("hooks", str(interaction.id)))


async def parameters_set(db: AsyncSession, interaction_id: UUID) -> set[str]:
    """The names of parameters that were set while it went on."""
    query = select(Event.data).where(Event.interaction_id == interaction_id, Event.type == "parameter.set")
    return {str(data.get("name")) for data in (await db.exec(query)).all()}


async def set_tags(db: AsyncSession, interaction: Interaction, names: list[str]) -> None:
    """Give the interaction, which must be held by this transaction, these tags and no others."""
    await db.exec(delete(Tag).where(col(Tag.interaction_id) == interaction.id))
    db.add_all(Tag(workspace_id=interaction.workspace_id, name=name, interaction_id=interaction.id) for name in names)
    interaction.tags = names


async def messages(
    db: AsyncSession,
    workspace_id: UUID,
    interaction_id: UUID,
    *,
    after: int = 0,
    before: int | None = None,
    limit: int = 100,
) -> list[Message]:
    """Messages in order: those after `after`, else the newest `limit` of those before `before`."""
    query = select(Message).where(Message.workspace_id == workspace_id, Message.interaction_id == interaction_id)
    if after:
        query = query.where(Message.seq > after).order_by(col(Message.seq)).limit(limit)
        return list((await db.exec(query)).all())
    if before is not None:
        query = query.where(Message.seq < before)
    newest = (await db.exec(query.order_by(col(Message.seq).desc()).limit(limit))).all()
    return list(reversed(newest))


async def message(db: AsyncSession, workspace_id: UUID, message_id: UUID) -> Message | None:
    found = await db.get(Message, message_id)
    return found if found and found.workspace_id == workspace_id else None


async def add_message(db: AsyncSession, **columns: Any) -> None:
    """Insert a message without making an object of it; columns that are not given are as in a new one."""
    await db.exec(_ADDED, params={**_NEW, **columns}, execution_options=_BESIDE)


async def change(db: AsyncSession, message_id: UUID, **columns: Any) -> bool:
    """Give a message, of this transaction or an earlier one, these values; whether it is still there."""
    found = await db.exec(_CHANGED, params={"message_id": message_id, **columns}, execution_options=_BESIDE)
    return found.rowcount > 0


async def known_as(db: AsyncSession, workspace_id: UUID, channel: str, external_ids: Sequence[str]) -> Message | None:
    """The message that the provider knows by the first of these ids that we know."""
    query = select(Message).where(
        Message.workspace_id == workspace_id, Message.channel == channel, col(Message.external_id).in_(external_ids)
    )
    found = {message.external_id: message for message in (await db.exec(query)).all()}
    return next((found[one] for one in external_ids if one in found), None)


async def sent_as(db: AsyncSession, channel: str, external_id: str) -> UUID | None:
    """Our message that the provider knows by this id."""
    query = select(Message.id).where(
        Message.channel == channel, Message.external_id == external_id, Message.role != "customer"
    )
    return (await db.exec(query)).first()


async def events(
    db: AsyncSession, workspace_id: UUID, interaction_id: UUID, *, after: int = 0, limit: int = 500
) -> Sequence[Event]:
    query = select(Event).where(
        Event.workspace_id == workspace_id, Event.interaction_id == interaction_id, Event.seq > after
    )
    return (await db.exec(query.order_by(col(Event.seq)).limit(limit))).all()


async def events_of(
    db: AsyncSession, interaction_id: UUID, *types: str, after: int = 0, limit: int = 500
) -> Sequence[Event]:  # fmt: skip
    """Its events of these types, in order."""
    query = select(Event).where(
        Event.interaction_id == interaction_id, Event.seq > after, col(Event.type).in_(types)
    )  # fmt: skip
    return (await db.exec(query.order_by(col(Event.seq)).limit(limit))).all()


async def engine_failures(db: AsyncSession, workspace_id: UUID, since: datetime, limit: int) -> Sequence[Event]:
    """The newest failures of engines, in any interaction, since then."""
    failed = col(Event.type) == literal_column("'engine.failed'")  # as its index has it
    query = select(Event).where(Event.workspace_id == workspace_id, failed, Event.at >= since)
    return (await db.exec(query.order_by(col(Event.id).desc()).limit(limit))).all()


async def last_event(db: AsyncSession, interaction_id: UUID, *types: str) -> Event | None:
    """The newest of its events of these types."""
    query = select(Event).where(Event.interaction_id == interaction_id, col(Event.type).in_(types))
    return (await db.exec(query.order_by(col(Event.seq).desc()).limit(1))).first()


async def workspace_events(
    db: AsyncSession, workspace_id: UUID, *, after: UUID | None = None, limit: int = 100
) -> Sequence[Event]:
    """Events of all interactions by time-ordered id.

    Concurrent transactions may commit a few moments out of this order: a reader that must miss
    nothing reads again from some seconds back and passes over ids it has seen.
    """
    query = select(Event).where(Event.workspace_id == workspace_id)
    if after is not None:
        query = query.where(Event.id > after)
    return (await db.exec(query.order_by(col(Event.id)).limit(limit))).all()


async def idle(
    db: AsyncSession, now: datetime, besides: Sequence[str] = (), limit: int = 200
) -> Sequence[Interaction]:  # fmt: skip
    """Open interactions that have been quiet for their whole idle time, on other channels than those `besides`."""
    query = select(Interaction).where(col(Interaction.ended_at).is_(None), col(Interaction.idle_at) <= now)
    query = query.where(col(Interaction.channel).not_in(besides))
    return (await db.exec(query.order_by(col(Interaction.idle_at)).limit(limit))).all()
