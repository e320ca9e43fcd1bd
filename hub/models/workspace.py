"""The tenant, the people who sign in, the keys that programs use."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlmodel import Field, SQLModel

from hub.models.columns import JSON_TYPE, UtcDateTime, new_id, utcnow

Role = Literal["admin", "builder", "support", "viewer"]
ROLES: tuple[Role, ...] = ("admin", "builder", "support", "viewer")


class Workspace(SQLModel, table=True):
    """The tenant that owns everything below. `time_zone` is an IANA name.

    `contact_from` and `contact_to` are the hours, on the customer's clock, in which we may write or ring unasked.
    """

    id: UUID = Field(default_factory=new_id, primary_key=True)
    name: str
    time_zone: str = "UTC"
    default_region: str = "US"
    contact_from: str = "08:00"
    contact_to: str = "21:00"
    created_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)


class User(SQLModel, table=True):
    """A person who signs in. `email` is lower case and unique over all workspaces."""

    __tablename__ = "user_account"
    id: UUID = Field(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id", index=True)
    email: str = Field(unique=True)
    name: str
    role: str = "support"
    password_hash: str
    created_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
    disabled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class UserSession(SQLModel, table=True):
    """One signed-in browser. The cookie holds a random token; only its hash is kept."""

    __tablename__ = "user_session"
    token_hash: str = Field(primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id")
    user_id: UUID = Field(foreign_key="user_account.id", index=True)
    created_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)


class SignInAttempt(SQLModel, table=True):
    """Failed sign-ins of one email or one network address, to slow guessing down."""

    __tablename__ = "sign_in_attempt"
    key: str = Field(primary_key=True)
    failures: int = 0
    last_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)


class ApiKey(SQLModel, table=True):
    """A program's key: `hub_<id>_<secret>`, the secret kept as a hash and shown once."""

    __tablename__ = "api_key"
    id: UUID = Field(default_factory=new_id, primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id", index=True)
    name: str
    secret_hash: str
    scopes: list[str] = Field(default_factory=lambda: ["read", "write"], sa_type=JSON_TYPE)
    created_at: datetime = Field(default_factory=utcnow, sa_type=UtcDateTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
