"""What came in and is not dealt with yet, what is owed to the outside, and which node is at it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from hub.models.columns import JSON_TYPE, UtcDateTime, new_id, no_entries, utcnow


class InboxEntry(SQLModel, table=True):
    """One inbound, once: unique by meaning (channel and external id); or a turn owed without one.

    `kind` is the inbound's, or why the agent has to speak unasked: `opened`, `handed_back`.
    `done_at` is empty while an answer is still owed; recovery answers those. `data` is the
    provider's request, raw.
    """

    __tablename__ = "inbox_entry"
    __table_args__ = (
        UniqueConstraint("channel", "external_id"),
        Index("ix_inbox_entry_owed", "received_at", sqlite_where=text("done_at IS NULL"),
              postgresql_where=text("done_at IS NULL")),
        Index("ix_inbox_entry_interaction", "interaction_id",
              sqlite_where=text("done_at IS NULL"), postgresql_where=text("done_at IS NULL")),
    )  # fmt: skip
    id: UUID = Field(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id")
    interaction_id: UUID | None = Field(default=None, foreign_key="interaction.id")
    message_id: UUID | None = Field(default=None, foreign_key="message.id")
    channel: str
    external_id: str
    kind: str
    data: dict[str, Any] = Field(default_factory=no_entries, sa_type=JSON_TYPE)
    received_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
    done_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class OutboxEntry(SQLModel, table=True):
    """One message owed to a provider; its id is the message's.

    `state`: queued (surely not sent) > sending (may have been sent) > sent, failed or canceled;
    unsure: the provider may have it, its callback or listing settles it. `node` is who is sending.
    """

    __tablename__ = "outbox_entry"
    __table_args__ = (
        Index("ix_outbox_entry_open", "state", "due_at",
              sqlite_where=text("state IN ('queued', 'sending', 'unsure')"),
              postgresql_where=text("state IN ('queued', 'sending', 'unsure')")),
        Index("ix_outbox_entry_interaction", "interaction_id"),
    )  # fmt: skip
    message_id: UUID = Field(foreign_key="message.id", primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id")
    interaction_id: UUID = Field(foreign_key="interaction.id")
    channel: str
    sender: str
    recipient: str
    position: int = 0
    state: str = "queued"
    attempts: int = 0
    node: str = ""
    due_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
    claimed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)


class FetchEntry(SQLModel, table=True):
    """The attachments of a message that are still to be fetched from the provider; gone when that is done.

    `due_at` is when to try next; who tries puts it off, so that nobody else does at the same time.
    """

    __tablename__ = "fetch_entry"
    message_id: UUID = Field(foreign_key="message.id", primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id")
    interaction_id: UUID = Field(foreign_key="interaction.id", index=True)
    channel: str
    attempts: int = 0
    due_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime, index=True)
    created_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)


class Node(SQLModel, table=True):
    """One running process. It is taken for dead when `seen_at` is old."""

    id: str = Field(primary_key=True)
    started_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
    seen_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
