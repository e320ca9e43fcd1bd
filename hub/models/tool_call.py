"""What tools leave behind: secrets that they use, calls that wait for a result, callbacks that were promised."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from hub.models.columns import JSON_TYPE, UtcDateTime, new_id, no_entries, utcnow
from hub.sealing import Seal


class ToolSecret(SQLModel, table=True):
    """A value that the tools of a workspace use as `{{secret.name}}`; it can be replaced and never read.

    `sealed` is the value under the hub's key (`hub.sealing`), `by` who set it last.
    """

    __tablename__ = "tool_secret"
    __table_args__ = (Index("ix_tool_secret_name", "workspace_id", "name", unique=True),)
    id: UUID = Field(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id")
    name: str
    sealed: str
    by: str = ""
    created_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)

    def sealed_again(self, seal: Seal) -> bool:
        """Seal it under the present key; whether it was not yet. Raises `Unsealable`."""
        before, self.sealed = self.sealed, seal.again(self.sealed, self.place)
        return before != self.sealed

    @property
    def place(self) -> str:
        """What it is sealed for."""
        return f"tool secret {self.workspace_id} {self.id}"


class ToolCall(SQLModel, table=True):
    """A function that the customer's system was asked for: its `result` or `error` is posted back until `due_at`.

    `key` tells a repeated call from a new one. `done_at` is when the result came, or the time was over.
    """

    __tablename__ = "tool_call"
    __table_args__ = (Index("ix_tool_call_key", "interaction_id", "key", unique=True),)
    id: UUID = Field(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id", index=True)
    interaction_id: UUID = Field(foreign_key="interaction.id")
    key: str
    name: str
    arguments: dict[str, Any] = Field(default_factory=no_entries, sa_type=JSON_TYPE)
    answer: dict[str, Any] = Field(default_factory=no_entries, sa_type=JSON_TYPE)
    asked_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
    due_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
    done_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Callback(SQLModel, table=True):
    """A promise to call or write to a customer later, given in an interaction.

    `interaction_id` is where it was promised, `started_id` the interaction that kept the promise, `fault` why there
    is none. `claimed_until` keeps other processes off while one is at it.
    """

    __table_args__ = (
        Index("ix_callback_due", "due_at", sqlite_where=text("done_at IS NULL"),
              postgresql_where=text("done_at IS NULL")),
    )  # fmt: skip
    id: UUID = Field(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id", index=True)
    interaction_id: UUID = Field(foreign_key="interaction.id", index=True)
    agent_id: UUID | None = Field(default=None, foreign_key="agent.id")
    channel: str
    person: str
    about: str = ""
    due_at: datetime = Field(sa_type=UtcDateTime)
    claimed_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    attempts: int = 0
    started_id: UUID | None = None
    fault: str = ""
    created_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
    done_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
