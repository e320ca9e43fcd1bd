"""The workspace and the people who sign in to it."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Controller, get, patch
from litestar.params import JSONBody
from pydantic import AfterValidator, Field

from hub.models import User, Workspace
from hub.store import agents, listing
from web.api.paging import Cursor, Limit, Page, before, page
from web.api.refusals import missing
from web.api.request import ApiRequest
from web.api.shapes import Name, Shape, TimeZone, patching, shown

_EXAMPLE = {
    "name": "Fernway", "time_zone": "Europe/Berlin", "default_region": "DE", "contact_from": "08:00",
    "contact_to": "21:00",
}  # fmt: skip
Hour = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$")]


def _region(value: str) -> str:
    import phonenumbers

    if value not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(f"{value!r} is not a region with phone numbers; write a code like US or DE")
    return value


Region = Annotated[
    str, Field(pattern=r"^[A-Z]{2}$", description="ISO 3166 code; numbers without + are read as of this region"),
    AfterValidator(_region),
]  # fmt: skip


class WorkspaceUpdate(Shape):
    """Fields to replace; a field left out stays as it is."""

    model_config = patching({"time_zone": "Europe/Berlin"})
    name: Name = ""
    time_zone: TimeZone = ""
    default_region: Region = ""
    contact_from: Hour = Field(default="08:00", description="We write or ring unasked from this hour, where they are,")
    contact_to: Hour = Field(default="21:00", description="until this one.")


class WorkspacePublic(Shape):
    """The tenant that owns everything a key can reach."""

    model_config = shown(
        {"id": "0198c0de-0000-7000-8000-000000000009", **_EXAMPLE, "created_at": "2026-01-31T09:00:00Z"}
    )
    id: UUID
    name: str
    time_zone: str
    default_region: str
    contact_from: str
    contact_to: str
    created_at: datetime


class UserPublic(Shape):
    """A person who signs in."""

    model_config = shown(
        {
            "id": "0198c0de-0000-7000-8000-000000000010",
            "email": "sam@example.com",
            "name": "Sam Support",
            "role": "support",
            "created_at": "2026-01-31T09:00:00Z",
            "disabled_at": None,
        }
    )
    id: UUID
    email: str
    name: str
    role: str
    created_at: datetime
    disabled_at: datetime | None


class UserPage(Page[UserPublic]):
    """Some of the users."""


def public(workspace: Workspace) -> WorkspacePublic:
    return WorkspacePublic(
        id=workspace.id,
        name=workspace.name,
        time_zone=workspace.time_zone,
        default_region=workspace.default_region,
        contact_from=workspace.contact_from,
        contact_to=workspace.contact_to,
        created_at=workspace.created_at,
    )


def user_public(user: User) -> UserPublic:
    return UserPublic(
        id=user.id,
        email=user.email,
        name=user.name,
        role=user.role,
        created_at=user.created_at,
        disabled_at=user.disabled_at,
    )


class WorkspaceItself(Controller):
    """The workspace that the key belongs to."""

    tags = ["Workspace"]

    @get("/workspace", opt={"scope": "read"}, summary="Get the workspace")
    async def get_workspace(self, request: ApiRequest) -> WorkspacePublic:
        """The one that your key belongs to."""
        async with request.store.read() as db:
            found = await agents.workspace(db, request.workspace_id)
        if found is None:
            raise missing("workspace")
        return public(found)

    @patch("/workspace", opt={"scope": "write"}, summary="Change the workspace")
    async def update_workspace(self, request: ApiRequest, data: JSONBody[WorkspaceUpdate]) -> WorkspacePublic:
        """Replace the given fields."""
        async with request.store.write() as db:
            found = await agents.workspace(db, request.workspace_id)
            if found is None:
                raise missing("workspace")
            for name, value in data.model_dump(exclude_unset=True).items():
                setattr(found, name, value)
        return public(found)

    @get("/users", opt={"scope": "read"}, summary="List users")
    async def list_users(self, request: ApiRequest, limit: Limit = 50, cursor: Cursor = "") -> UserPage:
        """The people who sign in, the newest first; `user_id` elsewhere is one of these."""
        async with request.store.read() as db:
            rows = await listing.newest(db, User, request.workspace_id, before=before(cursor), limit=limit + 1)
        return UserPage(**page(rows, limit, user_public, lambda row: row.id))
