"""What helps the people who answer: canned answers, mentions of colleagues, saved views."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from hub.models.columns import JSON_TYPE, UtcDateTime, new_id, no_entries, utcnow


class CannedAnswer(SQLModel, table=True):
    """An answer written beforehand. `name` is its shortcut; `{{customer.name}}` and the like in `text` are filled."""

    __tablename__ = "canned_answer"
    __table_args__ = (UniqueConstraint("workspace_id", "name"),)
    id: UUID = Field(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id")
    name: str
    text: str
    created_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)


class Mention(SQLModel, table=True):
    """A colleague named in a note; `seen_at` is when they opened the conversation after it."""

    __table_args__ = (
        Index("ix_mention_user", "user_id", "seen_at"),
        UniqueConstraint("message_id", "user_id"),
    )
    id: UUID = Field(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id")
    user_id: UUID = Field(foreign_key="user_account.id")
    interaction_id: UUID = Field(foreign_key="interaction.id", index=True)
    message_id: UUID = Field(foreign_key="message.id")
    created_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
    seen_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class SavedView(SQLModel, table=True):
    """Filters of the inbox under a name: its maker's own, or `shared` with the workspace."""

    __tablename__ = "saved_view"
    id: UUID = Field(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id", index=True)
    user_id: UUID = Field(foreign_key="user_account.id")
    name: str
    shared: bool = False
    filters: dict[str, Any] = Field(default_factory=no_entries, sa_type=JSON_TYPE)
    created_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
