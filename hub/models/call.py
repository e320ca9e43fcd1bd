"""What only live interactions have: what is asked of the node that holds one, and what was recorded."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from hub.models.columns import JSON_TYPE, UtcDateTime, new_id, no_entries, no_items, utcnow

Verb = Literal[
    "say", "note", "whisper", "digits", "transfer", "mute", "unmute", "pause", "resume",
    "recording_pause", "recording_resume", "voicemail", "told", "hang_up",
]  # fmt: skip


class Command(SQLModel, table=True):
    """Something a live interaction is asked to do, by whichever node; the one that holds it carries it out.

    `verb` is a `Verb`. `done_at` is when it was carried out or refused; `fault` is why not, empty when it was.
    """

    __table_args__ = (
        Index("ix_command_open", "interaction_id", sqlite_where=text("done_at IS NULL"),
              postgresql_where=text("done_at IS NULL")),
    )  # fmt: skip
    id: UUID = Field(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id")
    interaction_id: UUID = Field(foreign_key="interaction.id", index=True)
    verb: str
    arguments: dict[str, Any] = Field(default_factory=no_entries, sa_type=JSON_TYPE)
    by: str = ""
    fault: str = ""
    created_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
    done_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Recording(SQLModel, table=True):
    """The sound of one interaction: a WAV file of two lanes, the customer left, everyone else right.

    `path` is below the data folder. A call that another node took up again has one recording for each part;
    `from_ms` is where the part begins on the interaction's clock. `pauses` are [from, to] stretches in it, in
    milliseconds, that were not kept. `finished_at` is empty while it grows.
    """

    __table_args__ = (
        Index("ix_recording_growing", "started_at", sqlite_where=text("finished_at IS NULL"),
              postgresql_where=text("finished_at IS NULL")),
    )  # fmt: skip
    id: UUID = Field(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id", index=True)
    interaction_id: UUID = Field(foreign_key="interaction.id", index=True)
    path: str
    rate: int
    from_ms: int = 0
    duration_ms: int = 0
    pauses: list[list[int]] = Field(default_factory=no_items, sa_type=JSON_TYPE)
    started_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
