"""Results of interactions: the values, how it went, what is owed, the test cases that corrections became."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Interaction, Outcome, ResultCase, ResultValue
from hub.store import hint

ENDED = "ended"
"""The topic of interactions that have ended and whose outcome is owed."""


def owe(db: AsyncSession, interaction: Interaction, now: datetime) -> None:
    """Owe the outcome of an interaction, in the transaction that ends it."""
    db.add(Outcome(interaction_id=interaction.id, workspace_id=interaction.workspace_id, due_at=now))
    tell(db, interaction)


def tell(db: AsyncSession, interaction: Interaction) -> None:
    """Wake who makes outcomes, once this transaction is committed."""
    hint(db, interaction.workspace_id, interaction.id, interaction.thread)
    db.info["hints"].add((ENDED, str(interaction.id)))


async def due(db: AsyncSession, now: datetime, limit: int = 50) -> Sequence[UUID]:
    """Interactions whose outcome is owed, the longest first."""
    query = select(Outcome.interaction_id).where(col(Outcome.due_at) <= now).order_by(col(Outcome.due_at))
    return (await db.exec(query.limit(limit))).all()


async def held(db: AsyncSession, interaction_id: UUID) -> Outcome | None:
    """The outcome, held until this writing transaction ends."""
    query = select(Outcome).where(Outcome.interaction_id == interaction_id).with_for_update()
    return (await db.exec(query)).first()


async def outcome(db: AsyncSession, workspace_id: UUID, interaction_id: UUID) -> Outcome | None:
    found = await db.get(Outcome, interaction_id)
    return found if found and found.workspace_id == workspace_id else None


async def outcomes(db: AsyncSession, workspace_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Outcome]:
    """Those of these interactions that have one."""
    query = select(Outcome).where(Outcome.workspace_id == workspace_id, col(Outcome.interaction_id).in_(ids))
    return {row.interaction_id: row for row in (await db.exec(query)).all()}


async def values(db: AsyncSession, workspace_id: UUID, *ids: UUID) -> list[ResultValue]:
    """The values of these interactions."""
    query = select(ResultValue).where(
        ResultValue.workspace_id == workspace_id, col(ResultValue.interaction_id).in_(ids)
    )
    return list((await db.exec(query.order_by(col(ResultValue.name)))).all())


async def forget_values(db: AsyncSession, interaction_id: UUID, but: Collection[str]) -> None:
    """Take away what is not found any more; what a person corrected stays."""
    await db.exec(
        delete(ResultValue).where(
            col(ResultValue.interaction_id) == interaction_id,
            col(ResultValue.name).not_in(but),
            col(ResultValue.corrected_at).is_(None),
        )
    )


async def case_of(db: AsyncSession, interaction_id: UUID, name: str) -> ResultCase | None:
    query = select(ResultCase).where(ResultCase.interaction_id == interaction_id, ResultCase.name == name)
    return (await db.exec(query)).first()


async def cases(
    db: AsyncSession, workspace_id: UUID, *, agent_id: UUID | None = None, before: UUID | None = None, limit: int = 50
) -> Sequence[ResultCase]:
    """The newest first; `before` continues the list."""
    query = select(ResultCase).where(ResultCase.workspace_id == workspace_id)
    if agent_id is not None:
        query = query.where(ResultCase.agent_id == agent_id)
    if before is not None:
        query = query.where(ResultCase.id < before)
    return (await db.exec(query.order_by(col(ResultCase.id).desc()).limit(limit))).all()


async def case(db: AsyncSession, workspace_id: UUID, case_id: UUID) -> ResultCase | None:
    found = await db.get(ResultCase, case_id)
    return found if found and found.workspace_id == workspace_id else None


async def ended_between(
    db: AsyncSession, workspace_id: UUID, begin: datetime, end: datetime, agent_id: UUID | None,
    after: UUID | None, limit: int,
) -> Sequence[tuple[Interaction, Outcome]]:  # fmt: skip
    """Interactions that ended then and have an outcome, in the order of their ids; `after` continues them."""
    query = (
        select(Interaction, Outcome)
        .join(Outcome, col(Outcome.interaction_id) == col(Interaction.id))
        .where(
            Interaction.workspace_id == workspace_id, col(Outcome.made_at).is_not(None),
            col(Interaction.ended_at) >= begin, col(Interaction.ended_at) < end,
        )
    )  # fmt: skip
    if agent_id is not None:
        query = query.where(Interaction.agent_id == agent_id)
    if after is not None:
        query = query.where(Interaction.id > after)
    rows: Sequence[Any] = (await db.exec(query.order_by(col(Interaction.id)).limit(limit))).all()
    return rows
