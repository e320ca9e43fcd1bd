"""Links by which people who do not sign in may read one interaction for a while."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field, SQLModel

from hub.models.columns import UtcDateTime, new_id, utcnow


class Share(SQLModel, table=True):
    """One link to an interaction. `by` is the name of who made it; `opened` counts, with breaks, how often it was used.

    The link itself is not kept: it is this row's id, signed.
    """

    id: UUID = Field(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id")
    interaction_id: UUID = Field(foreign_key="interaction.id", index=True)
    by: str
    opened: int = 0
    opened_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

    def open_at(self, now: datetime) -> bool:
        """Whether the link works."""
        return self.revoked_at is None and now < self.expires_at
