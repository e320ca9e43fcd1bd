"""What hooks look at: an interaction's newest events, and where the time for something has come."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Event, Interaction


async def events_since(db: AsyncSession, interaction_id: UUID, seq: int, limit: int = 5_000) -> Sequence[Event]:
    query = select(Event).where(Event.interaction_id == interaction_id, Event.seq > seq)
    return (await db.exec(query.order_by(col(Event.seq)).limit(limit))).all()


async def due(db: AsyncSession, now: datetime, limit: int = 100) -> Sequence[UUID]:
    query = select(Interaction.id).where(col(Interaction.hooks_due_at) <= now)
    return (await db.exec(query.order_by(col(Interaction.hooks_due_at)).limit(limit))).all()
