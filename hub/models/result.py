"""What is to be taken out of an interaction, what was, and what a person said of it."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic import Field as Setting
from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from hub.models.columns import JSON_TYPE, UtcDateTime, new_id, no_entries, no_items, utcnow
from hub.models.flow import Choice

ResultType = Literal[
    "text", "name", "number", "integer", "boolean", "enum", "date", "time", "datetime", "phone", "email", "list",
]  # fmt: skip


class ResultField(BaseModel):
    """One value to be taken out of each interaction.

    `enum` lists the values of an enum, each with other ways in which people say it; for a boolean, `true` and `false`
    may be given so. A list is one of texts. Dates are ISO 8601, times `HH:MM`, phone numbers E.164.
    """

    model_config = ConfigDict(extra="forbid")
    name: str = Setting(pattern=r"^[A-Za-z][A-Za-z0-9_ ]{0,63}$")
    type: ResultType = "text"
    required: bool = False
    enum: list[Choice] = Setting(default=[], max_length=100)
    description: str = Setting(default="", max_length=1_000)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, given: Any) -> Any:
        """A value of an enum may be given as a text alone."""
        if isinstance(given, dict) and isinstance(given.get("enum"), list):
            listed = [{"value": one} if isinstance(one, str) else one for one in given["enum"]]
            return {**given, "enum": listed}
        return given

    @model_validator(mode="after")
    def _has_values(self) -> "ResultField":
        if self.type == "enum" and not self.enum:
            raise ValueError("an enum needs the values it may take, under enum")
        if self.type == "boolean" and any(choice.value not in ("true", "false") for choice in self.enum):
            raise ValueError("the enum of a boolean may only say how people say true and false")
        if self.enum and self.type not in ("enum", "boolean"):
            raise ValueError(f"a {self.type} takes no enum")
        return self


class Outcome(SQLModel, table=True):
    """What became of an interaction that has ended, or the work that is still owed for it.

    `due_at` is when it is next tried to be made, None when it is made; `attempts` counts the tries, and `run` how
    often it was made. `extractor` is what made it, `failure` why a better one did not. `success`: yes, no, unknown.
    """

    __table_args__ = (
        Index("ix_outcome_due", "due_at", sqlite_where=text("due_at IS NOT NULL"),
              postgresql_where=text("due_at IS NOT NULL")),
        Index("ix_outcome_workspace", "workspace_id", "interaction_id"),
    )  # fmt: skip
    interaction_id: UUID = Field(foreign_key="interaction.id", primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id")
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    attempts: int = 0
    run: int = 0
    extractor: str = ""
    failure: str = ""
    summary: str = ""
    sentiment: str = ""
    success: str = ""
    success_why: str = ""
    made_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ResultValue(SQLModel, table=True):
    """One value taken out of an interaction, and beside it what a person put in its place.

    `evidence` lists where it was said: message_id, words, start and end in what was heard of the message, from_ms and
    to_ms in the recording. `confidence` is 0 to 100; not `proven`: no words were found that say it. `source` is who
    found it: collected, script, or an engine of thought. With a `corrected_at`, `corrected` counts in place of
    `value`, and `corrected_before` is what counted until then.
    """

    __tablename__ = "result_value"
    __table_args__ = (Index("ix_result_value_workspace", "workspace_id", "name"),)
    interaction_id: UUID = Field(foreign_key="interaction.id", primary_key=True)
    name: str = Field(primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id")
    value: Any = Field(default=None, sa_type=JSON_TYPE, nullable=True)
    evidence: list[dict[str, Any]] = Field(default_factory=no_items, sa_type=JSON_TYPE)
    confidence: int = 0
    proven: bool = False
    source: str = ""
    corrected: Any = Field(default=None, sa_type=JSON_TYPE, nullable=True)
    corrected_before: Any = Field(default=None, sa_type=JSON_TYPE, nullable=True)
    corrected_by: str = ""
    corrected_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

    @property
    def counts(self) -> Any:
        """The value that counts: a person's, where there is one; what nobody's words say does not count."""
        if self.corrected_at is not None:
            return self.corrected
        return self.value if self.proven else None


class ResultCase(SQLModel, table=True):
    """A test that a person's correction became: from this transcript, this value is to be taken.

    `field` is the `ResultField`, `transcript` what the extractor was given, `got` what it took instead.
    """

    __tablename__ = "result_case"
    __table_args__ = (Index("ix_result_case_of", "interaction_id", "name", unique=True),)
    id: UUID = Field(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id", index=True)
    interaction_id: UUID = Field(foreign_key="interaction.id")
    agent_id: UUID | None = Field(default=None, foreign_key="agent.id")
    name: str
    field: dict[str, Any] = Field(default_factory=no_entries, sa_type=JSON_TYPE)
    transcript: dict[str, Any] = Field(default_factory=no_entries, sa_type=JSON_TYPE)
    expected: Any = Field(default=None, sa_type=JSON_TYPE, nullable=True)
    got: Any = Field(default=None, sa_type=JSON_TYPE, nullable=True)
    by: str = ""
    created_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
