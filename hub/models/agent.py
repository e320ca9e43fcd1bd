"""The stored definition of an AI worker."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, field_validator
from sqlalchemy import UniqueConstraint
from sqlmodel import Field as Column
from sqlmodel import SQLModel

from hub.models.columns import JSON_TYPE, UtcDateTime, new_id, no_entries, utcnow
from hub.models.flow import Flow
from hub.models.hook import Hook
from hub.models.responder import Responder
from hub.models.result import ResultField
from hub.models.tool import Tool
from hub.models.voice import Call


class Timing(BaseModel):
    """How patient the agent is. A text interaction closes after `idle_close_seconds` of quiet."""

    model_config = ConfigDict(extra="forbid")
    idle_close_seconds: int = Field(default=86_400, ge=60, le=30 * 86_400)


class Thinking(BaseModel):
    """How an engine with a language model thinks; those without one pass over it.

    `model` empty: the engine's own choice for this `tier`, from quick and cheap to thorough; `model_fallbacks` are
    tried in their order when it does not answer. `temperature` (0: the same to the same) and `top_p` are the
    model's own when null; `max_tokens` bounds an answer.
    """

    model_config = ConfigDict(extra="forbid")
    tier: Literal["turbo", "balanced", "max"] = "balanced"
    model: str = Field(default="", max_length=200)
    model_fallbacks: list[str] = Field(default=[], max_length=5)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_tokens: int = Field(default=1_000, ge=16, le=16_000)


class AgentDefinition(BaseModel):
    """All that decides how the agent behaves; frozen into each interaction.

    `voice_mode`: an engine of ours thinks (`hosted`), or your `responder` does (`webhook`), on every channel.
    `credential_id` is the account of yours that the engine uses, null: ours.
    `engine` is a name of `hub.engines.ENGINES`, or `auto` for the best there is (`hub.engines.choice`),
    `engine_fallbacks` those that think when it does not answer, `thinking` how; `opening_message` None lets the
    customer speak first; `parameters` are values for `{{name}}` that an interaction's own may replace;
    `fallback_message` is said when the agent does not know, `human_message` when a person takes over, `error_message`
    when it could not think. `results` are taken out of each interaction when it is over, with a summary if it is to
    `summarize`; `success_criteria` say in words when it was a success.
    """

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=120)
    description: str = Field(default="", max_length=2_000)
    voice_mode: Literal["hosted", "webhook"] = "hosted"
    responder: Responder = Responder()
    engine: str = "auto"
    credential_id: UUID | None = None
    engine_fallbacks: list[str] = Field(default=[], max_length=5)
    thinking: Thinking = Thinking()
    language: str = "en-US"
    prompt: str = Field(default="", max_length=100_000)
    opening_message: str | None = Field(default=None, max_length=4_000)
    fallback_message: str = (
        "I'm not sure about that one. I can help with something else, or pass you to a colleague: just say so."
    )
    human_message: str = "Of course. I'll pass you to a colleague, who will answer you right here."
    goodbye_message: str = "Thank you, and goodbye!"
    error_message: str = "Sorry, something went wrong on our side. A colleague will get back to you."
    flow: Flow = Flow()
    tools: list[Tool] = Field(default=[], max_length=50)
    results: list[ResultField] = Field(default=[], max_length=50)
    success_criteria: str = Field(default="", max_length=2_000)
    summarize: bool = True
    hooks: list[Hook] = Field(default=[], max_length=50)
    timing: Timing = Timing()
    call: Call = Call()
    parameters: dict[str, str | int | float | bool | None] = {}
    metadata: dict[str, str] = {}

    @field_validator("tools")
    @classmethod
    def _named_once(cls, tools: list[Tool]) -> list[Tool]:
        names = [tool.name for tool in tools]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"tool names must be unique; repeated: {', '.join(repeated)}")
        return tools

    @field_validator("results")
    @classmethod
    def _each_once(cls, results: list[ResultField]) -> list[ResultField]:
        names = [result.name for result in results]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"names of results must be unique; repeated: {', '.join(repeated)}")
        return results


class Agent(SQLModel, table=True):
    """An agent of a workspace. `definition` is an `AgentDefinition` as JSON, published as `version`; `name` repeats
    its name.

    `draft` is a definition that is being worked on and that no customer meets, None when there is none. Whatever
    changes either of them counts `revision` up, so that of two who edit the second is told; `changed_by` was last.
    """

    id: UUID = Column(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Column(foreign_key="workspace.id", index=True)
    name: str
    definition: dict[str, Any] = Column(default_factory=no_entries, sa_type=JSON_TYPE)
    version: int = 1
    draft: dict[str, Any] | None = Column(default=None, sa_type=JSON_TYPE)
    revision: int = 1
    changed_by: str = ""
    created_at: datetime = Column(default_factory=utcnow, sa_type=UtcDateTime)
    updated_at: datetime = Column(default_factory=utcnow, sa_type=UtcDateTime)
    archived_at: datetime | None = Column(default=None, sa_type=UtcDateTime)

    @property
    def edited(self) -> dict[str, Any]:
        """The definition as it is being worked on: the draft, else what is published."""
        return self.definition if self.draft is None else self.draft

    def defined(self, definition: dict[str, Any]) -> "Agent":
        """A copy with another definition, never to be stored."""
        return Agent(**{**self.model_dump(), "definition": definition, "name": definition["name"]})


class AgentVersion(SQLModel, table=True):
    """A definition that was published, under its `number`; never changed. `note` says why, `restores` is the number
    of the version that it brought back.
    """

    __tablename__ = "agent_version"
    __table_args__ = (UniqueConstraint("agent_id", "number"),)
    id: UUID = Column(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Column(foreign_key="workspace.id", index=True)
    agent_id: UUID = Column(foreign_key="agent.id", index=True)
    number: int
    definition: dict[str, Any] = Column(default_factory=no_entries, sa_type=JSON_TYPE)
    published_by: str = ""
    note: str = ""
    restores: int | None = None
    published_at: datetime = Column(default_factory=utcnow, sa_type=UtcDateTime)
