"""Sharing an interaction with people who do not sign in: made, opened, revoked, each in the interaction's log."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Interaction, Share
from hub.store import interactions, shares

HOURS = (1, 24, 168, 720)
"""For how long a link may work."""
OPENED_AGAIN = timedelta(minutes=1)
"""Who reloads the page within this time has not opened it again."""


async def share(db: AsyncSession, interaction: Interaction, hours: int, by: str, now: datetime) -> Share:
    """A new link to an interaction held by this transaction. Raises `ValueError`: not for so long."""
    if hours not in HOURS:
        raise ValueError(f"A link works for {', '.join(map(str, HOURS))} hours, nothing else.")
    made = Share(
        workspace_id=interaction.workspace_id, interaction_id=interaction.id, by=by,
        created_at=now, expires_at=now + timedelta(hours=hours),
    )  # fmt: skip
    db.add(made)
    interactions.log(
        db, interaction, "interaction.shared", now,
        share_id=str(made.id), by=by, expires_at=made.expires_at.isoformat(),
    )  # fmt: skip
    return made


async def revoke(db: AsyncSession, interaction: Interaction, share_id: UUID, by: str, now: datetime) -> bool:
    """Let a link of this interaction work no more; False when it has no such link."""
    held = await shares.held(db, share_id)
    if held is None or held.interaction_id != interaction.id:
        return False
    if held.revoked_at is None:
        held.revoked_at = now
        interactions.log(db, interaction, "interaction.share_revoked", now, share_id=str(held.id), by=by)
    return True


async def opened(db: AsyncSession, share_id: UUID, now: datetime) -> None:
    """Somebody has opened the link; it is written down once a minute."""
    found = await shares.share(db, share_id)
    interaction = await interactions.locked(db, found.interaction_id) if found else None
    held = await shares.held(db, share_id)
    if interaction is None or held is None or not held.open_at(now) or just_opened(held, now):
        return
    held.opened, held.opened_at = held.opened + 1, now
    interactions.log(db, interaction, "interaction.share_opened", now, share_id=str(held.id), by=held.by)


def just_opened(share: Share, now: datetime) -> bool:
    return share.opened_at is not None and now - share.opened_at < OPENED_AGAIN
