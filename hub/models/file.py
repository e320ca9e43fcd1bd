"""A file that came with a message or goes with one."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field, SQLModel

from hub.models.columns import UtcDateTime, new_id, utcnow


class StoredFile(SQLModel, table=True):
    """One attachment kept by us: `path` is where its bytes are, below the data folder; `sha256` is of them, in hex.

    `content_type` is what its sender said it is, `interaction_id` where it was said; None: not said anywhere yet.
    """

    __tablename__ = "stored_file"
    id: UUID = Field(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id", index=True)
    interaction_id: UUID | None = Field(default=None, foreign_key="interaction.id", index=True)
    name: str = ""
    content_type: str = ""
    size_bytes: int = 0
    sha256: str = ""
    path: str = ""
    created_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
