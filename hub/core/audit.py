"""The audit log: who did what that must be accounted for, written in the transaction that does it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import AuditEntry


def note(
    db: AsyncSession, workspace_id: UUID, by: str, action: str, subject: UUID | str, now: datetime, **data: Any
) -> None:
    """Write it down. `data` holds no personal data: it outlives whom it is about."""
    db.add(AuditEntry(workspace_id=workspace_id, by=by[:200], action=action, subject=str(subject), data=data, at=now))
