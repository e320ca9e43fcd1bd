"""The person on the other side, one over all channels, and what they are known by."""

import re
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from hub.models.columns import JSON_TYPE, UtcDateTime, new_id, no_entries, utcnow

IdentityKind = Literal["phone", "email", "whatsapp", "visitor", "crm"]
Strength = Literal["verified", "asserted", "inferred"]

_LEAST_DIGITS = 5


def called(name: str, known_as: str) -> str:
    """What to call a customer on pages: their name, else their number or email, else a short visitor id."""
    if name.strip():
        return name.strip()
    if re.fullmatch(r"[0-9a-f]{32}", known_as):
        return f"Visitor {known_as[:4]}"
    return known_as or "Somebody"


def masked(shown: str) -> str:
    """A name as it is; of a number or an email address only so much that who knows it knows it again."""
    if "@" in shown:
        return f"Customer {shown[:1]}•••@•••"
    return f"Customer ••• {shown[-2:]}" if sum(map(str.isdigit, shown)) >= _LEAST_DIGITS else shown


class Customer(SQLModel, table=True):
    """A customer of a workspace. `time_zone` is an IANA name, `language` a BCP 47 tag; empty = unknown.

    `merged_into` is who this record was found to be: what it had is theirs, it stands for itself no more.
    """

    __table_args__ = (Index("ix_customer_name", "workspace_id", "name"),)
    id: UUID = Field(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id", index=True)
    name: str = ""
    language: str = ""
    time_zone: str = ""
    notes: str = ""
    custom_fields: dict[str, Any] = Field(default_factory=no_entries, sa_type=JSON_TYPE)
    merged_into: UUID | None = Field(default=None, foreign_key="customer.id")
    created_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)


class Identity(SQLModel, table=True):
    """One way a customer is known. `value` is normal: E.164, lower-case email, visitor id.

    `strength`: verified (proved to be theirs), asserted (they came by it, or somebody said so), inferred (picked up in
    passing: several may be thought to have it, and nobody is recognised by it). `proof` is how we know of a verified
    one: `how`, `at`, `by`.
    """

    __table_args__ = (
        Index("ix_identity_value", "workspace_id", "kind", "value", unique=True,
              sqlite_where=text("strength != 'inferred'"), postgresql_where=text("strength != 'inferred'")),
        Index("ix_identity_any", "workspace_id", "value"),
    )  # fmt: skip
    id: UUID = Field(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id")
    customer_id: UUID = Field(foreign_key="customer.id", index=True)
    kind: str
    value: str
    strength: str = "asserted"
    source: str = ""
    proof: dict[str, Any] = Field(default_factory=no_entries, sa_type=JSON_TYPE)
    created_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)


Purpose = Literal["messages", "marketing", "calls", "recording"]
ConsentSource = Literal[
    "keyword", "operator", "api", "carrier", "unsubscribe", "bounce", "spam", "spoken", "erased", "import"
]


class Consent(SQLModel, table=True):
    """One entry of the append-only consent ledger; `hub.policy` says what several of them come to.

    `channel` empty means all channels. `purpose`: messages (all that is written, and calls too where it names no
    channel), marketing, calls, recording. `state` is `granted` or `revoked`. `source` says how we know, `evidence`
    quotes it, `by` is who wrote it down. Without a customer it is about this one identity alone, such as a mailbox
    that bounces.
    """

    __tablename__ = "consent"
    __table_args__ = (Index("ix_consent_identity", "workspace_id", "identity_value"),)
    id: UUID = Field(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id")
    customer_id: UUID | None = Field(default=None, foreign_key="customer.id", index=True)
    identity_kind: str
    identity_value: str
    channel: str = ""
    purpose: str = "messages"
    state: str
    source: str
    evidence: str = ""
    by: str = ""
    created_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
