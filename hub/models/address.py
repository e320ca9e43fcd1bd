"""One of ours that people reach."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from hub.models.columns import JSON_TYPE, UtcDateTime, new_id, no_entries, utcnow


class Address(SQLModel, table=True):
    """A phone number, a mailbox, a webchat widget; bound to the agent or the team that answers there.

    `value` is what the provider calls it (E.164, email, widget key), unique per channel over all
    workspaces, since it is how an inbound finds its workspace. `options` belongs to the channel.
    """

    __table_args__ = (UniqueConstraint("channel", "value"),)
    id: UUID = Field(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id", index=True)
    channel: str
    value: str
    name: str = ""
    agent_id: UUID | None = Field(default=None, foreign_key="agent.id")
    team_id: UUID | None = Field(default=None, foreign_key="team.id")
    options: dict[str, Any] = Field(default_factory=no_entries, sa_type=JSON_TYPE)
    created_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)

    @property
    def answered(self) -> bool:
        """Whether an agent or a team answers here, and not only people."""
        return self.agent_id is not None or self.team_id is not None
