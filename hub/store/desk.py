"""What helps the people who answer: canned answers, mentions, saved views."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import update
from sqlmodel import col, func, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import CannedAnswer, Mention, SavedView

MOST_CANNED = 500
MOST_VIEWS = 60


async def canned_answers(db: AsyncSession, workspace_id: UUID) -> Sequence[CannedAnswer]:
    query = select(CannedAnswer).where(CannedAnswer.workspace_id == workspace_id).order_by(col(CannedAnswer.name))
    return (await db.exec(query.limit(MOST_CANNED))).all()


async def canned_answer(db: AsyncSession, workspace_id: UUID, answer_id: UUID) -> CannedAnswer | None:
    found = await db.get(CannedAnswer, answer_id)
    return found if found and found.workspace_id == workspace_id else None


async def canned_answer_named(db: AsyncSession, workspace_id: UUID, name: str) -> CannedAnswer | None:
    query = select(CannedAnswer).where(CannedAnswer.workspace_id == workspace_id, CannedAnswer.name == name)
    return (await db.exec(query)).first()


async def saved_views(db: AsyncSession, workspace_id: UUID, user_id: UUID) -> Sequence[SavedView]:
    """The user's own and the shared ones, by name."""
    query = select(SavedView).where(
        SavedView.workspace_id == workspace_id, or_(SavedView.user_id == user_id, col(SavedView.shared).is_(True))
    )
    return (await db.exec(query.order_by(func.lower(SavedView.name), col(SavedView.id)).limit(MOST_VIEWS))).all()


async def saved_view(db: AsyncSession, workspace_id: UUID, user_id: UUID, view_id: UUID) -> SavedView | None:
    """A view that this user sees."""
    found = await db.get(SavedView, view_id)
    if found is None or found.workspace_id != workspace_id or not (found.shared or found.user_id == user_id):
        return None
    return found


async def see_mentions(
    db: AsyncSession, workspace_id: UUID, user_id: UUID, interaction_id: UUID, now: datetime
) -> bool:  # fmt: skip
    """The user has opened the conversation; whether they were named there since."""
    changed = await db.exec(
        update(Mention)
        .where(
            col(Mention.workspace_id) == workspace_id,
            col(Mention.user_id) == user_id,
            col(Mention.interaction_id) == interaction_id,
            col(Mention.seen_at).is_(None),
        )
        .values(seen_at=now)
    )
    return bool(changed.rowcount)
