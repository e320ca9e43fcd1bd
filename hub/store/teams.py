"""Teams, and the agents they are made of."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Address, Agent, Team
from hub.models.team import TeamFields, agents_of
from hub.store import agents


async def team(db: AsyncSession, workspace_id: UUID, team_id: UUID) -> Team | None:
    found = await db.get(Team, team_id)
    return found if found and found.workspace_id == workspace_id else None


async def teams(db: AsyncSession, workspace_id: UUID, *, archived: bool = False) -> Sequence[Team]:
    query = select(Team).where(Team.workspace_id == workspace_id).order_by(col(Team.created_at))
    if not archived:
        query = query.where(col(Team.archived_at).is_(None))
    return (await db.exec(query)).all()


async def change_definition(
    db: AsyncSession, workspace_id: UUID, team_id: UUID, definition: dict[str, Any], now: datetime
) -> Team | None:
    """Store a new definition under the next version number."""
    found = await team(db, workspace_id, team_id)
    if found is None:
        return None
    found.definition, found.name = definition, definition["name"]
    found.version += 1
    found.updated_at = now
    return found


async def members(db: AsyncSession, workspace_id: UUID, definition: dict[str, Any]) -> dict[UUID, Agent]:
    """The stored agents of a team's definition, as far as they are of this workspace."""
    query = select(Agent).where(Agent.workspace_id == workspace_id, col(Agent.id).in_(agents_of(definition)))
    return {agent.id: agent for agent in (await db.exec(query)).all()}


async def faults(
    db: AsyncSession, workspace_id: UUID, given: TeamFields
) -> list[tuple[tuple[str | int, ...], str]]:  # fmt: skip
    """Which of its agents are not there, or cannot be told apart from their own tools: where, and why."""
    stored = await members(db, workspace_id, given.model_dump(mode="json"))
    found: list[tuple[tuple[str | int, ...], str]] = []
    for at, member in enumerate(given.members):
        agent = stored.get(member.agent_id) if member.agent_id else None
        if member.agent_id and agent is None:
            found.append((("members", at, "agent_id"), "There is no such agent in this workspace."))
        elif agent is not None and agent.archived_at is not None:
            found.append((("members", at, "agent_id"), f"The agent {agent.name} is archived. Choose another."))
        whole = {**(agent.definition if agent else {}), **member.agent}
        tools = {tool["name"] for tool in whole.get("tools", [])}
        for number, way in enumerate(member.transitions):
            if way.function in tools:
                words = f"{member.key} has a tool of the name {way.function!r} already. Choose another name."
                found.append((("members", at, "transitions", number, "function"), words))
    return found


async def with_agent(db: AsyncSession, workspace_id: UUID, agent_id: UUID) -> Sequence[Team]:
    """The teams of which this agent is a member."""
    return [one for one in await teams(db, workspace_id) if agent_id in agents_of(one.definition)]


async def greeter(db: AsyncSession, address: Address) -> dict[str, Any] | None:
    """The definition of who speaks first at this address: its agent, or the first member of its team."""
    if address.team_id is None:
        agent = await agents.agent(db, address.workspace_id, address.agent_id) if address.agent_id else None
        return agent.definition if agent else None
    found = await team(db, address.workspace_id, address.team_id)
    if found is None:
        return None
    first = next(one for one in found.definition["members"] if one["key"] == found.definition["first"])
    agent = await agents.agent(db, address.workspace_id, UUID(first["agent_id"])) if first["agent_id"] else None
    return {**(agent.definition if agent else {}), **first["agent"]}


async def reached_by(db: AsyncSession, channels: Sequence[str], limit: int = 20) -> list[tuple[UUID, dict[str, Any]]]:
    """Who speaks first at the addresses of these channels that a team answers at, of all workspaces."""
    query = select(Address).where(col(Address.team_id).is_not(None), col(Address.channel).in_(channels)).limit(limit)
    rows = (await db.exec(query)).all()
    return [(one.workspace_id, speaks) for one in rows if (speaks := await greeter(db, one)) is not None]
