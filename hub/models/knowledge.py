"""What agents may answer from: documents of the workspace, typed, uploaded, or fetched from a page."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from hub.models.columns import UtcDateTime, new_id, utcnow


class Knowledge(SQLModel, table=True):
    """A document. `agent_id` is whose it is; None: every agent of the workspace knows it. Others may know it too
    (`KnowledgeAgent`). `source` says where it came from, in words; `kind` is text, file or url.

    `state` is `reading`, `ready` or `failed`, with the reason in `fault`; the last good text stays. What is at `url` is
    read again every `refresh_hours` (0: when asked to), if it has changed (`etag`, `modified`: as the server said).
    `due_at` is when it is to be read next, or, while somebody reads it, when they have surely failed.
    """

    __table_args__ = (
        Index("ix_knowledge_due", "due_at", sqlite_where=text("due_at IS NOT NULL"),
              postgresql_where=text("due_at IS NOT NULL")),
    )  # fmt: skip
    id: UUID = Field(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id", index=True)
    agent_id: UUID | None = Field(default=None, foreign_key="agent.id", index=True)
    title: str
    text: str
    source: str = ""
    kind: str = "text"
    url: str = ""
    refresh_hours: int = 0
    state: str = "ready"
    fault: str = ""
    etag: str = ""
    modified: str = ""
    created_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
    read_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class KnowledgeAgent(SQLModel, table=True):
    """An agent that knows a document which is another one's."""

    __tablename__ = "knowledge_agent"
    knowledge_id: UUID = Field(foreign_key="knowledge.id", primary_key=True)
    agent_id: UUID = Field(foreign_key="agent.id", primary_key=True, index=True)
