"""Accounts of a workspace with the vendors of engines, and other secrets it gave us; both sealed."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlmodel import Field, SQLModel

from hub.models.columns import UtcDateTime, new_id, utcnow
from hub.sealing import Seal

Vendor = Literal["openai", "deepgram", "elevenlabs"]


class Credential(SQLModel, table=True):
    """An account with a vendor. `sealed` is its key, of which `last_four` characters are shown.

    `base_url` only where it is not the vendor's own. `failure` are the words of the last failure.
    """

    id: UUID = Field(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id", index=True)
    vendor: str
    name: str
    base_url: str = ""
    sealed: str
    last_four: str = ""
    created_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    failed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    failure: str = ""

    @property
    def place(self) -> str:
        """What its key is sealed for."""
        return f"credential {self.workspace_id} {self.id}"

    def sealed_again(self, seal: Seal) -> bool:
        """Seal it under the present key; whether it was not yet. Raises `Unsealable`."""
        before, self.sealed = self.sealed, seal.again(self.sealed, self.place)
        return before != self.sealed


class Secret(SQLModel, table=True):
    """A secret that a definition refers to, such as what requests to a responder are signed with.

    After a change the `previous` one counts too, until `previous_until`.
    """

    id: UUID = Field(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id", index=True)
    sealed: str
    previous: str = ""
    previous_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)

    @property
    def place(self) -> str:
        """What it is sealed for."""
        return f"secret {self.workspace_id} {self.id}"

    def sealed_again(self, seal: Seal) -> bool:
        """Seal it under the present key; whether it was not yet. Raises `Unsealable`."""
        before = (self.sealed, self.previous)
        self.sealed = seal.again(self.sealed, self.place)
        self.previous = seal.again(self.previous, self.place) if self.previous else ""
        return before != (self.sealed, self.previous)
