"""Answers that are kept so that a repeated request is not carried out twice."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field, SQLModel

from hub.models.columns import UtcDateTime, utcnow


class Replay(SQLModel, table=True):
    """One request made under an `Idempotency-Key`, and its answer.

    `state`: running (nothing committed yet) > committed (carried out) > answered. `holder` is who
    carries it out: a newer holder fences an older one off. `digest` is of method, path and body.
    """

    workspace_id: UUID = Field(foreign_key="workspace.id", primary_key=True)
    key: str = Field(primary_key=True)
    holder: UUID
    digest: str
    state: str = "running"
    status: int = 0
    headers: str = ""
    body: str = ""
    created_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime, index=True)
    held_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
