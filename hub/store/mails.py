"""Raw mails that are to be read, or that could not be; and which exchange a letter belongs to."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import col, func, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Interaction, Mail, Message

_MOST_LOOKED_THROUGH = 200


async def held(db: AsyncSession, mail_id: UUID) -> Mail | None:
    """The mail, held until this writing transaction ends."""
    return (await db.exec(select(Mail).where(Mail.id == mail_id).with_for_update())).first()


async def unread(
    db: AsyncSession, tried_before: datetime, received_before: datetime, limit: int = 50
) -> Sequence[UUID]:
    """New mails that nobody has been reading since then, oldest first."""
    query = select(Mail.id).where(
        Mail.state == "new",
        Mail.received_at < received_before,
        or_(col(Mail.tried_at).is_(None), col(Mail.tried_at) < tried_before),
    )
    return (await db.exec(query.order_by(col(Mail.received_at)).limit(limit))).all()


async def quarantined(
    db: AsyncSession, workspace_id: UUID, before: UUID | None = None, limit: int = 50
) -> Sequence[Mail]:
    """The newest first; `before` continues a list."""
    query = select(Mail).where(Mail.workspace_id == workspace_id, Mail.state == "quarantined")
    if before is not None:
        query = query.where(Mail.id < before)
    return (await db.exec(query.order_by(col(Mail.id).desc()).limit(limit))).all()


async def quarantined_count(db: AsyncSession, workspace_id: UUID) -> int:
    query = select(func.count()).where(Mail.workspace_id == workspace_id, Mail.state == "quarantined")
    return (await db.exec(query)).one()


async def mail(db: AsyncSession, workspace_id: UUID, mail_id: UUID) -> Mail | None:
    found = await db.get(Mail, mail_id)
    return found if found and found.workspace_id == workspace_id else None


async def answered(
    db: AsyncSession, workspace_id: UUID, channel: str, external_ids: Sequence[str]
) -> list[Interaction]:
    """The interactions of the messages with these provider ids, in the order of the ids, each once."""
    if not external_ids:
        return []
    query = (
        select(Message.external_id, Interaction)
        .join(Interaction, col(Interaction.id) == col(Message.interaction_id))
        .where(
            Message.workspace_id == workspace_id,
            Message.channel == channel,
            col(Message.external_id).in_(external_ids),
        )
    )
    rows = (await db.exec(query)).all()
    place = {identifier: at for at, identifier in enumerate(external_ids)}
    ordered = sorted(rows, key=lambda row: (place[row[0]], row[1].created_at))
    return list({row[1].id: row[1] for row in ordered}.values())


async def newest_of_customer(db: AsyncSession, interaction_id: UUID, before_seq: int) -> Message | None:
    """What the customer wrote last in it, before there."""
    query = (
        select(Message)
        .where(Message.interaction_id == interaction_id, Message.role == "customer", Message.seq < before_seq)
        .order_by(col(Message.seq).desc())
        .limit(1)
    )
    return (await db.exec(query)).first()


async def letters_in(db: AsyncSession, interaction_id: UUID) -> Sequence[Message]:
    """What was said in it beside notes, the newest first."""
    query = select(Message).where(Message.interaction_id == interaction_id, col(Message.note).is_(False))
    return (await db.exec(query.order_by(col(Message.seq).desc()).limit(_MOST_LOOKED_THROUGH))).all()


async def lately(
    db: AsyncSession, workspace_id: UUID, channel: str, person: str, since: datetime
) -> Sequence[tuple[str, str]]:
    """Role and text of what was said with this person since then, in all interactions of this channel."""
    query = (
        select(Message.role, Message.text)
        .join(Interaction, col(Interaction.id) == col(Message.interaction_id))
        .where(
            Interaction.workspace_id == workspace_id,
            Interaction.channel == channel,
            Interaction.person == person,
            Message.created_at > since,
            col(Message.note).is_(False),
        )
        .order_by(col(Message.created_at).desc())
        .limit(_MOST_LOOKED_THROUGH)
    )
    return (await db.exec(query)).all()
