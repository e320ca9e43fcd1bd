"""Files that came with messages or go with them."""

from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import StoredFile


async def file(db: AsyncSession, workspace_id: UUID, file_id: UUID) -> StoredFile | None:
    found = await db.get(StoredFile, file_id)
    return found if found and found.workspace_id == workspace_id else None
