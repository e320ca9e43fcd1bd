"""A raw mail that is not dealt with yet."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from hub.models.columns import UtcDateTime, new_id, utcnow


class Mail(SQLModel, table=True):
    """A provider's request, stored before it was read: its body is at `path`, below the data folder.

    `state`: new (to be read) or quarantined (it cannot be; `reason` says why, and a person decides). Once it is read,
    row and file go. `attempts` counts how often reading was begun, since a mail may take the process with it.
    """

    __table_args__ = (
        Index("ix_mail_state", "state", "received_at"),
        Index("ix_mail_workspace", "workspace_id", "state", "id"),
    )
    id: UUID = Field(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id")
    address_id: UUID = Field(foreign_key="address.id")
    channel: str
    url: str
    content_type: str = ""
    path: str
    size_bytes: int = 0
    state: str = "new"
    reason: str = ""
    attempts: int = 0
    received_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
    tried_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
