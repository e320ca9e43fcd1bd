"""API keys: what programs use the API with."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from litestar import Controller, delete, get, post
from litestar.params import JSONBody
from pydantic import AfterValidator, Field
from sqlmodel import col

from hub.models import ApiKey
from hub.store import access, listing
from web.api.paging import Cursor, Limit, Page, before, page
from web.api.refusals import Refusal, missing, pointer
from web.api.request import ApiRequest
from web.api.shapes import Name, PathId, Shape, shown
from web.auth import new_api_key

Scope = Literal["read", "write"]
_EXAMPLE = {"name": "Nightly export", "scopes": ["read"]}
_STORED = {
    "id": "0198c0de-0000-7000-8000-000000000008",
    **_EXAMPLE,
    "created_at": "2026-01-31T09:00:00Z",
    "last_used_at": None,
}


def _once(scopes: list[Scope]) -> list[Scope]:
    return sorted(set(scopes))


class ApiKeyCreate(Shape):
    """A key to make."""

    model_config = shown(_EXAMPLE)
    name: Name
    scopes: Annotated[list[Scope], AfterValidator(_once)] = Field(
        default=["read", "write"], min_length=1, max_length=10, description="No more than the key in use has."
    )


class ApiKeyPublic(Shape):
    """A key, without its secret."""

    model_config = shown(_STORED)
    id: UUID
    name: str
    scopes: list[str]
    created_at: datetime
    last_used_at: datetime | None


class ApiKeyCreated(ApiKeyPublic):
    """A new key, with its secret: this is the only time it is shown."""

    model_config = shown(_STORED | {"secret": "hub_0198c0de000070008000000000000008_9f86d081884c7d65"})
    secret: str = Field(description="Send it as `Authorization: Bearer ...`.")


class ApiKeyPage(Page[ApiKeyPublic]):
    """Some of the keys."""


def public(key: ApiKey) -> ApiKeyPublic:
    return ApiKeyPublic(
        id=key.id,
        name=key.name,
        scopes=key.scopes,
        created_at=key.created_at,
        last_used_at=key.last_used_at,
    )


class ApiKeys(Controller):
    """API keys."""

    path = "/api_keys"
    tags = ["Workspace"]

    @post(opt={"scope": "write", "secret": True}, summary="Make an API key")
    async def create_api_key(self, request: ApiRequest, data: JSONBody[ApiKeyCreate]) -> ApiKeyCreated:
        """The secret is in this answer and nowhere else; a repeated request does not give it again."""
        beyond = sorted(set(data.scopes) - set(request.key.scopes))
        if beyond:
            raise Refusal(
                403, f"Your own key does not have the scope {beyond[0]!r}, so it cannot give it.",
                pointer=pointer("scopes"), code="scope",
            )  # fmt: skip
        made, secret = new_api_key(request.workspace_id, data.name, list(data.scopes))
        made.created_at = request.clock.now()
        async with request.store.write() as db:
            db.add(made)
        return ApiKeyCreated(**public(made).model_dump(), secret=secret)

    @get(opt={"scope": "read"}, summary="List API keys")
    async def list_api_keys(self, request: ApiRequest, limit: Limit = 50, cursor: Cursor = "") -> ApiKeyPage:
        """Those that work, the newest first."""
        async with request.store.read() as db:
            rows = await listing.newest(
                db, ApiKey, request.workspace_id, col(ApiKey.revoked_at).is_(None),
                before=before(cursor), limit=limit + 1,
            )  # fmt: skip
        return ApiKeyPage(**page(rows, limit, public, lambda row: row.id))

    @delete("/{api_key_id:uuid}", opt={"scope": "write"}, summary="Revoke an API key")
    async def delete_api_key(self, request: ApiRequest, api_key_id: PathId) -> None:
        """It stops working at once."""
        async with request.store.write() as db:
            found = await access.api_key(db, api_key_id)
            if found is None or found.workspace_id != request.workspace_id:
                raise missing("API key")
            found.revoked_at = request.clock.now()
