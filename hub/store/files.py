"""Files that came with messages or go with them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import StoredFile


async def file(db: AsyncSession, workspace_id: UUID, file_id: UUID) -> StoredFile | None:
    found = await db.get(StoredFile, file_id)
    return found if found and found.workspace_id == workspace_id else None


async def held(db: AsyncSession, workspace_id: UUID, file_id: UUID) -> StoredFile | None:
    """It, held by this transaction."""
    found = await db.get(StoredFile, file_id, with_for_update=True)
    return found if found and found.workspace_id == workspace_id else None


async def unused(db: AsyncSession, before: datetime, limit: int = 500) -> Sequence[StoredFile]:
    """Files taken up before then that no message names."""
    query = select(StoredFile).where(col(StoredFile.interaction_id).is_(None), StoredFile.created_at < before)
    return (await db.exec(query.order_by(col(StoredFile.id)).limit(limit))).all()


async def known(db: AsyncSession, file_ids: Sequence[UUID]) -> set[UUID]:
    """Which of these have a row."""
    return set((await db.exec(select(StoredFile.id).where(col(StoredFile.id).in_(file_ids)))).all())


async def say_where(db: AsyncSession, workspace_id: UUID, interaction_id: UUID, file_ids: Sequence[UUID]) -> None:
    """These files, which were said nowhere yet, belong to this interaction."""
    if file_ids:
        await db.exec(
            update(StoredFile)
            .where(
                col(StoredFile.workspace_id) == workspace_id,
                col(StoredFile.id).in_(file_ids),
                col(StoredFile.interaction_id).is_(None),
            )
            .values(interaction_id=interaction_id)
        )
