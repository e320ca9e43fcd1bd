"""An import of customers, as far as it has come."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field, SQLModel

from hub.models.columns import UtcDateTime, new_id, utcnow


class CustomerImport(SQLModel, table=True):
    """One file being imported, or that was. `total` are its rows, the counts what became of those seen so far.

    `ended_at` None with an old `updated_at`: the process that carried it out is gone. Importing the file again goes
    on where it stopped, since what was made then is known now.
    """

    __tablename__ = "customer_import"
    id: UUID = Field(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id")
    file_id: UUID = Field(index=True)
    name: str = ""
    by: str = ""
    total: int = 0
    created: int = 0
    updated: int = 0
    left_out: int = 0
    created_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

    @property
    def seen(self) -> int:
        """How many rows are dealt with."""
        return self.created + self.updated + self.left_out
