"""Agents, skills, and the addresses they answer at."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Address, Agent, Skill, Workspace


async def agent(db: AsyncSession, workspace_id: UUID, agent_id: UUID) -> Agent | None:
    found = await db.get(Agent, agent_id)
    return found if found and found.workspace_id == workspace_id else None


async def agents(db: AsyncSession, workspace_id: UUID, *, archived: bool = False) -> Sequence[Agent]:
    query = select(Agent).where(Agent.workspace_id == workspace_id).order_by(col(Agent.created_at))
    if not archived:
        query = query.where(col(Agent.archived_at).is_(None))
    return (await db.exec(query)).all()


async def change_definition(
    db: AsyncSession, workspace_id: UUID, agent_id: UUID, definition: dict[str, Any], now: datetime
) -> Agent | None:
    """Store a new definition under the next version number."""
    found = await agent(db, workspace_id, agent_id)
    if found is None:
        return None
    found.definition, found.name = definition, definition["name"]
    found.version += 1
    found.updated_at = now
    return found


async def reached_by(db: AsyncSession, channels: Sequence[str], limit: int = 20) -> Sequence[Agent]:
    """Agents, of all workspaces, that answer at addresses of these channels."""
    query = (
        select(Agent).join(Address, col(Address.agent_id) == col(Agent.id)).where(col(Address.channel).in_(channels))
    )
    return (await db.exec(query.distinct().limit(limit))).all()


async def skill(db: AsyncSession, workspace_id: UUID, skill_id: UUID) -> Skill | None:
    found = await db.get(Skill, skill_id)
    return found if found and found.workspace_id == workspace_id else None


async def skills(db: AsyncSession, workspace_id: UUID) -> Sequence[Skill]:
    query = select(Skill).where(Skill.workspace_id == workspace_id).order_by(col(Skill.created_at))
    return (await db.exec(query)).all()


async def address(db: AsyncSession, workspace_id: UUID, address_id: UUID) -> Address | None:
    found = await db.get(Address, address_id)
    return found if found and found.workspace_id == workspace_id else None


async def addresses(db: AsyncSession, workspace_id: UUID, channel: str = "") -> Sequence[Address]:
    query = select(Address).where(Address.workspace_id == workspace_id).order_by(col(Address.created_at))
    if channel:
        query = query.where(Address.channel == channel)
    return (await db.exec(query)).all()


async def address_called(db: AsyncSession, channel: str, *values: str) -> tuple[Address, Workspace] | None:
    """The address of this channel known by the first of `values` that is known at all, and its workspace."""
    wanted = [value for value in values if value]
    query = (
        select(Address, Workspace)
        .join(Workspace, col(Workspace.id) == col(Address.workspace_id))
        .where(Address.channel == channel, col(Address.value).in_(wanted))
    )
    found = {row[0].value: row for row in (await db.exec(query)).all()}
    return next((found[value] for value in wanted if value in found), None)


async def workspace(db: AsyncSession, workspace_id: UUID) -> Workspace | None:
    return await db.get(Workspace, workspace_id)


async def only_workspace(db: AsyncSession) -> Workspace | None:
    """The workspace, when there is just one."""
    rows = (await db.exec(select(Workspace).limit(2))).all()
    return rows[0] if len(rows) == 1 else None


async def agent_count(db: AsyncSession, workspace_id: UUID) -> int:
    return (await db.exec(select(func.count()).where(Agent.workspace_id == workspace_id))).one()
