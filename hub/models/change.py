"""What was done to customers: merges and splits that can be undone, erasures, and the audit log."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from hub.models.columns import JSON_TYPE, UtcDateTime, new_id, no_entries, no_items, utcnow


class CustomerChange(SQLModel, table=True):
    """One merge or split. `customer_id` is who stayed, `other_id` who was merged into them or split off.

    `data` is what moved (`identities`, `interactions`, `consents`: ids) and, of a merge, the kept customer's fields
    `before` and `after`: all that undoing needs.
    """

    __tablename__ = "customer_change"
    id: UUID = Field(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id")
    kind: str
    customer_id: UUID = Field(index=True)
    other_id: UUID = Field(index=True)
    by: str = ""
    data: dict[str, Any] = Field(default_factory=no_entries, sa_type=JSON_TYPE)
    created_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
    undone_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    undone_by: str = ""


class Tombstone(SQLModel, table=True):
    """Somebody who was erased was known by this. `digest` is keyed: it tells nothing to who has the database alone.

    `refusals` are what they refused, as [purpose, channel]: should they come back, that still counts.
    """

    __tablename__ = "tombstone"
    workspace_id: UUID = Field(foreign_key="workspace.id", primary_key=True)
    digest: str = Field(primary_key=True)
    refusals: list[list[str]] = Field(default_factory=no_items, sa_type=JSON_TYPE)
    created_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)


class AuditEntry(SQLModel, table=True):
    """Who did what that must be accounted for. `action` is like `customer.erased`, `subject` the id."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index("ix_audit_entry_newest", "workspace_id", "id"),)
    id: UUID = Field(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id")
    by: str
    action: str
    subject: str = ""
    data: dict[str, Any] = Field(default_factory=no_entries, sa_type=JSON_TYPE)
    at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
