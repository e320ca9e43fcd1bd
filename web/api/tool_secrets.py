"""Secrets that tools use: set, replaced and removed, and never read."""

from datetime import datetime
from uuid import UUID

from litestar import Controller, delete, get, post
from litestar.params import JSONBody
from pydantic import Field

from hub.core import functions, tool_secrets
from hub.core.tool_secrets import TooMany
from hub.models import ToolSecret
from hub.store import tool_calls
from web.api.refusals import Refusal, missing
from web.api.request import ApiRequest
from web.api.shapes import PathId, Shape, shown

NAME = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"
_STORED = {
    "id": "0198c0de-0000-7000-8000-000000000061",
    "name": "shop_key",
    "by": "My script",
    "created_at": "2026-01-31T09:00:00Z",
    "updated_at": "2026-01-31T09:00:00Z",
}


class SecretGiven(Shape):
    """A secret for tools."""

    model_config = shown({"name": "shop_key", "value": "sk_live_3f9c"})
    name: str = Field(pattern=NAME, description="Tools write it as `{{secret.shop_key}}`.")
    value: str = Field(min_length=1, max_length=10_000, description="Sealed at once; nobody can read it again.")


class SecretPublic(Shape):
    """A secret, without its value."""

    model_config = shown(_STORED)
    id: UUID
    name: str
    by: str
    created_at: datetime
    updated_at: datetime


class SecretList(Shape):
    """All secrets of the workspace."""

    model_config = shown({"data": [_STORED]})
    data: list[SecretPublic]


class SigningPublic(Shape):
    """What your system checks our function calls with."""

    model_config = shown({"secret": "whsec_3q2+7w=="})
    secret: str = Field(description="As libraries for Standard Webhooks take it.")


def public(secret: ToolSecret) -> SecretPublic:
    return SecretPublic(**{name: getattr(secret, name) for name in SecretPublic.model_fields})


class ToolSecrets(Controller):
    """Secrets of tools."""

    path = "/tool_secrets"
    tags = ["Tools"]

    @get(opt={"scope": "read"}, summary="List secrets")
    async def list_tool_secrets(self, request: ApiRequest) -> SecretList:
        """Their names; the values are given to nobody."""
        async with request.store.read() as db:
            found = await tool_calls.secrets(db, request.workspace_id)
        return SecretList(data=[public(one) for one in found])

    @post(opt={"scope": "write"}, summary="Set a secret")
    async def set_tool_secret(self, request: ApiRequest, data: JSONBody[SecretGiven]) -> SecretPublic:
        """A secret of this name is replaced; its tools use the new value from the next call on."""
        try:
            made = await tool_secrets.put(
                request.hub.context, request.workspace_id, data.name, data.value, by=request.user.name
            )
        except TooMany as error:
            raise Refusal(409, str(error), code="too_many") from None
        return public(made)

    @delete("/{secret_id:uuid}", opt={"scope": "write"}, summary="Remove a secret")
    async def delete_tool_secret(self, request: ApiRequest, secret_id: PathId) -> None:
        """Tools that use it fail, and say so."""
        async with request.store.read() as db:
            found = await db.get(ToolSecret, secret_id)
        if found is None or found.workspace_id != request.workspace_id:
            raise missing("secret")
        await tool_secrets.remove(request.hub.context, request.workspace_id, found.name, by=request.user.name)

    @post("/signing", opt={"scope": "write", "secret": True}, status_code=200, summary="Show the signing secret")
    async def show_signing_secret(self, request: ApiRequest) -> SigningPublic:
        """Function calls are signed with it, by Standard Webhooks: check it before you believe one."""
        return SigningPublic(secret=await functions.signing_secret(request.hub.context, request.workspace_id))
