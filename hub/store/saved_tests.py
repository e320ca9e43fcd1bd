"""Test chats that were kept."""

from collections.abc import Sequence
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import SavedTest


async def saved_tests(db: AsyncSession, workspace_id: UUID, agent_id: UUID, limit: int = 200) -> Sequence[SavedTest]:
    """The newest first."""
    query = select(SavedTest).where(SavedTest.workspace_id == workspace_id, SavedTest.agent_id == agent_id)
    return (await db.exec(query.order_by(col(SavedTest.id).desc()).limit(limit))).all()


async def saved_test(db: AsyncSession, workspace_id: UUID, agent_id: UUID, test_id: UUID) -> SavedTest | None:
    found = await db.get(SavedTest, test_id)
    return found if found and (found.workspace_id, found.agent_id) == (workspace_id, agent_id) else None
