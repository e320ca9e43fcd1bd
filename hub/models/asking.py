"""What was sent to somebody to be answered: a code that proves an identity, a question by a link."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from hub.models.columns import UtcDateTime, new_id, utcnow


class Verification(SQLModel, table=True):
    """A one-time code sent to an identity. The code itself is nowhere: it follows from the id and the hub's key.
    `tries` are the wrong ones so far.

    `interaction_id` is where it was asked for, if in one: passing it there unlocks what is kept for verified people.
    """

    __table_args__ = (
        Index("ix_verification_value", "workspace_id", "kind", "value", "created_at"),
        Index("ix_verification_customer", "workspace_id", "customer_id", "created_at"),
        Index("ix_verification_interaction", "interaction_id"),
    )
    id: UUID = Field(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id")
    customer_id: UUID
    interaction_id: UUID | None = None
    kind: str
    value: str
    channel: str
    by: str = ""
    tries: int = 0
    created_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    passed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Question(SQLModel, table=True):
    """Something sent out of a call to be answered in another way. `asked`: `text` is asked at a signed link, once.

    `interaction_id` is the call that waits for it, `by_interaction_id` where it was sent and answers are said.
    """

    __table_args__ = (Index("ix_question_sent", "by_interaction_id", "created_at"),)
    id: UUID = Field(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id")
    interaction_id: UUID = Field(foreign_key="interaction.id", index=True)
    by_interaction_id: UUID = Field(foreign_key="interaction.id")
    channel: str
    text: str = ""
    asked: bool = False
    created_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
