"""Secrets that tools use, function calls that wait for a result, callbacks that were promised."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Callback, Event, Interaction, ToolCall, ToolSecret


async def secrets(db: AsyncSession, workspace_id: UUID) -> Sequence[ToolSecret]:
    query = select(ToolSecret).where(ToolSecret.workspace_id == workspace_id).order_by(col(ToolSecret.name))
    return (await db.exec(query)).all()


async def secrets_named(db: AsyncSession, workspace_id: UUID, names: Sequence[str]) -> Sequence[ToolSecret]:
    query = select(ToolSecret).where(ToolSecret.workspace_id == workspace_id, col(ToolSecret.name).in_(names))
    return (await db.exec(query)).all()


async def call(db: AsyncSession, workspace_id: UUID, interaction_id: UUID, call_id: UUID) -> ToolCall | None:
    found = await db.get(ToolCall, call_id)
    ours = found is not None and (found.workspace_id, found.interaction_id) == (workspace_id, interaction_id)
    return found if ours else None


async def call_by_key(db: AsyncSession, interaction_id: UUID, key: str) -> ToolCall | None:
    query = select(ToolCall).where(ToolCall.interaction_id == interaction_id, ToolCall.key == key)
    return (await db.exec(query)).first()


async def finish_call(
    db: AsyncSession, call_id: UUID, answer: dict[str, object], now: datetime
) -> bool:  # fmt: skip
    """Keep the answer, unless there is one; whether it was the first."""
    statement = (
        update(ToolCall)
        .where(col(ToolCall.id) == call_id, col(ToolCall.done_at).is_(None))
        .values(answer=answer, done_at=now)
        .returning(col(ToolCall.id))
    )
    return (await db.exec(statement)).first() is not None


async def used(db: AsyncSession, workspace_id: UUID, agent_id: UUID, name: str, limit: int = 10) -> Sequence[Event]:
    """The last calls of a tool in this agent's conversations, the newest first."""
    query = (
        select(Event)
        .join(Interaction, col(Interaction.id) == col(Event.interaction_id))
        .where(
            Event.workspace_id == workspace_id,
            Event.type == "tool.called",
            Interaction.agent_id == agent_id,
            col(Event.data)["name"].as_string() == name,
        )
        .order_by(col(Event.id).desc())
    )
    return (await db.exec(query.limit(limit))).all()


async def open_callbacks(db: AsyncSession, interaction_id: UUID) -> Sequence[Callback]:
    query = select(Callback).where(Callback.interaction_id == interaction_id, col(Callback.done_at).is_(None))
    return (await db.exec(query.order_by(col(Callback.due_at)))).all()


async def due_callbacks(db: AsyncSession, now: datetime, limit: int = 50) -> Sequence[UUID]:
    unclaimed = or_(col(Callback.claimed_until).is_(None), col(Callback.claimed_until) <= now)
    query = select(Callback.id).where(col(Callback.done_at).is_(None), col(Callback.due_at) <= now, unclaimed)
    return (await db.exec(query.order_by(col(Callback.due_at)).limit(limit))).all()


async def claim_callback(db: AsyncSession, callback_id: UUID, now: datetime, until: datetime) -> Callback | None:
    """Take one that is due, until then for us alone; None when somebody else has it."""
    unclaimed = or_(col(Callback.claimed_until).is_(None), col(Callback.claimed_until) <= now)
    statement = (
        update(Callback)
        .where(col(Callback.id) == callback_id, col(Callback.done_at).is_(None), unclaimed)
        .values(claimed_until=until, attempts=Callback.attempts + 1)
        .returning(Callback)
    )
    return (await db.exec(statement)).scalar_one_or_none()
