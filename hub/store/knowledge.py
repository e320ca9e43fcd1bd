"""Documents that agents know, and which are to be read."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import BindParameter, ColumnElement, bindparam, or_, update
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Agent, Knowledge, KnowledgeAgent

Stamp = tuple[tuple[UUID, datetime], ...]


def known_by(agent_id: UUID | BindParameter[UUID]) -> ColumnElement[bool]:
    """Whether an agent of the document's workspace knows it."""
    shared = select(KnowledgeAgent.knowledge_id).where(KnowledgeAgent.agent_id == agent_id)
    return or_(col(Knowledge.agent_id) == agent_id, col(Knowledge.agent_id).is_(None), col(Knowledge.id).in_(shared))


_STAMP = (
    select(Knowledge.id, Knowledge.updated_at)
    .where(col(Knowledge.workspace_id) == bindparam("workspace_id"), known_by(bindparam("agent_id")))
    .order_by(col(Knowledge.id))
)
"""Made once: it is asked with every turn."""


async def of_agent(db: AsyncSession, workspace_id: UUID, agent_id: UUID) -> Sequence[Knowledge]:
    """All that an agent knows, oldest first."""
    query = select(Knowledge).where(Knowledge.workspace_id == workspace_id, known_by(agent_id))
    return (await db.exec(query.order_by(col(Knowledge.created_at), col(Knowledge.id)))).all()


async def stamp(db: AsyncSession, workspace_id: UUID, agent_id: UUID) -> Stamp:
    """What changes whenever something that the agent knows does."""
    found = await db.exec(_STAMP, params={"workspace_id": workspace_id, "agent_id": agent_id})
    return tuple((one[0], one[1]) for one in found.all())


async def titles(db: AsyncSession, workspace_id: UUID, agent_id: UUID, limit: int) -> Sequence[str]:
    query = select(Knowledge.title).where(
        Knowledge.workspace_id == workspace_id, known_by(agent_id), Knowledge.text != ""
    )
    return (await db.exec(query.order_by(col(Knowledge.created_at)).limit(limit))).all()


async def item(db: AsyncSession, workspace_id: UUID, knowledge_id: UUID) -> Knowledge | None:
    found = await db.get(Knowledge, knowledge_id)
    return found if found and found.workspace_id == workspace_id else None


async def item_of(db: AsyncSession, workspace_id: UUID, agent_id: UUID, knowledge_id: UUID) -> Knowledge | None:
    """A document, if this agent knows it."""
    query = select(Knowledge).where(
        Knowledge.id == knowledge_id, Knowledge.workspace_id == workspace_id, known_by(agent_id)
    )
    return (await db.exec(query)).first()


async def also_known_by(db: AsyncSession, ids: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """By document, the agents that know it beside the one whose it is."""
    query = select(KnowledgeAgent).where(col(KnowledgeAgent.knowledge_id).in_(ids))
    found: dict[UUID, list[UUID]] = {}
    for row in (await db.exec(query.order_by(col(KnowledgeAgent.agent_id)))).all():
        found.setdefault(row.knowledge_id, []).append(row.agent_id)
    return found


async def share(db: AsyncSession, kept: Knowledge, agent_ids: Sequence[UUID]) -> list[UUID]:
    """From now on these know it too. Gives those of them that are none of its workspace."""
    query = select(Agent.id).where(Agent.workspace_id == kept.workspace_id, col(Agent.id).in_(agent_ids))
    ours = set((await db.exec(query)).all())
    await db.exec(delete(KnowledgeAgent).where(col(KnowledgeAgent.knowledge_id) == kept.id))
    await db.flush()
    db.add_all(KnowledgeAgent(knowledge_id=kept.id, agent_id=one) for one in ours - {kept.agent_id})
    return [one for one in agent_ids if one not in ours]


async def remove(db: AsyncSession, kept: Knowledge) -> None:
    await db.exec(delete(KnowledgeAgent).where(col(KnowledgeAgent.knowledge_id) == kept.id))
    await db.delete(kept)


async def due(db: AsyncSession, now: datetime, limit: int = 20) -> Sequence[UUID]:
    query = select(Knowledge.id).where(col(Knowledge.due_at) <= now).order_by(col(Knowledge.due_at)).limit(limit)
    return (await db.exec(query)).all()


async def claim(db: AsyncSession, knowledge_id: UUID, now: datetime, until: datetime) -> Knowledge | None:
    """Take one that is to be read by now, until then for us alone; None when there is nothing to take."""
    statement = (
        update(Knowledge)
        .where(col(Knowledge.id) == knowledge_id, col(Knowledge.due_at) <= now)
        .values(due_at=until)
        .returning(Knowledge)
    )
    return (await db.exec(statement)).scalar_one_or_none()
