"""A reusable unit of instructions that an interaction can be started with."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Limit
from sqlmodel import Field, SQLModel

from hub.models.columns import JSON_TYPE, UtcDateTime, new_id, no_items, utcnow
from hub.models.tool import Tool


class SkillFields(BaseModel):
    """What can be set about a skill. `instructions` join the prompt; `tools` join the agent's."""

    model_config = ConfigDict(extra="forbid")
    name: str = Limit(min_length=1, max_length=120)
    description: str = Limit(default="", max_length=2_000)
    instructions: str = Limit(default="", max_length=100_000)
    tools: list[Tool] = Limit(default=[], max_length=50)


class Skill(SQLModel, table=True):
    """A skill of a workspace."""

    id: UUID = Field(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id", index=True)
    name: str
    description: str = ""
    instructions: str = ""
    tools: list[dict[str, Any]] = Field(default_factory=no_items, sa_type=JSON_TYPE)
    created_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
