"""Conversations that an agent is to be tried with again."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Field, SQLModel

from hub.models.columns import JSON_TYPE, UtcDateTime, new_id, no_entries, no_items, utcnow


class SavedTest(SQLModel, table=True):
    """A test chat kept by a builder.

    `said` is what was said, in order, as {role, text}; `parameters` were given at start. `found` is what the agent
    made of it then: `fields`, `tools`, `ended_reason`; `expectations` are a person's, in words, one each.
    """

    __tablename__ = "saved_test"
    id: UUID = Field(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id", index=True)
    agent_id: UUID = Field(foreign_key="agent.id", index=True)
    name: str
    said: list[dict[str, Any]] = Field(default_factory=no_items, sa_type=JSON_TYPE)
    parameters: dict[str, Any] = Field(default_factory=no_entries, sa_type=JSON_TYPE)
    found: dict[str, Any] = Field(default_factory=no_entries, sa_type=JSON_TYPE)
    expectations: list[str] = Field(default_factory=no_items, sa_type=JSON_TYPE)
    agent_version: int = 0
    by: str = ""
    created_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
