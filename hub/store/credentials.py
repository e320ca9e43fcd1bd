"""Accounts with the vendors of engines, and other secrets of a workspace."""

from collections.abc import Sequence
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Agent, Credential, Secret, ToolSecret


async def credential(db: AsyncSession, workspace_id: UUID, credential_id: UUID) -> Credential | None:
    found = await db.get(Credential, credential_id)
    return found if found is not None and found.workspace_id == workspace_id else None


async def credentials(db: AsyncSession, workspace_id: UUID) -> Sequence[Credential]:
    """All, by vendor and name."""
    query = select(Credential).where(Credential.workspace_id == workspace_id)
    return (await db.exec(query.order_by(col(Credential.vendor), col(Credential.name)))).all()


async def users_of(db: AsyncSession, workspace_id: UUID, credential_id: UUID) -> list[Agent]:
    """The agents, not archived, whose mind, ears or voice use this account."""
    query = select(Agent).where(Agent.workspace_id == workspace_id, col(Agent.archived_at).is_(None))
    return [agent for agent in (await db.exec(query)).all() if str(credential_id) in used_by(agent.definition)]


def used_by(definition: dict[str, object]) -> set[str]:
    """The ids of the credentials that a definition names."""
    call = definition.get("call")
    parts = [definition, *((call.get("hearing"), call.get("speaking")) if isinstance(call, dict) else ())]
    return {str(part["credential_id"]) for part in parts if isinstance(part, dict) and part.get("credential_id")}


async def secret(db: AsyncSession, workspace_id: UUID, secret_id: UUID) -> Secret | None:
    found = await db.get(Secret, secret_id)
    return found if found is not None and found.workspace_id == workspace_id else None


async def everything_sealed(db: AsyncSession) -> list[Credential | Secret | ToolSecret]:
    """Of all workspaces, to be sealed again."""
    kept, given = (await db.exec(select(Credential))).all(), (await db.exec(select(Secret))).all()
    return [*kept, *given, *(await db.exec(select(ToolSecret))).all()]
