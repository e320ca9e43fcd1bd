"""Links by which people who do not sign in read an interaction."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Share


async def share(db: AsyncSession, share_id: UUID) -> Share | None:
    """Whoever's it is: its id came signed."""
    return await db.get(Share, share_id)


async def held(db: AsyncSession, share_id: UUID) -> Share | None:
    """The same, held until this writing transaction ends."""
    query = select(Share).where(Share.id == share_id).with_for_update().execution_options(populate_existing=True)
    return (await db.exec(query)).first()


async def open_of(db: AsyncSession, workspace_id: UUID, interaction_id: UUID, now: datetime) -> Sequence[Share]:
    """The links of an interaction that still work, newest first."""
    query = select(Share).where(
        Share.workspace_id == workspace_id,
        Share.interaction_id == interaction_id,
        col(Share.revoked_at).is_(None),
        col(Share.expires_at) > now,
    )
    return (await db.exec(query.order_by(col(Share.id).desc()))).all()
