"""API keys: make, see, revoke."""

from typing import Any

from litestar import Response, get, post
from litestar.response import Template

from hub.models import ApiKey
from hub.store import access
from web import auth
from web.auth import new_api_key
from web.pages.form import Errors, found, read, uuid_or_404
from web.pages.page import AnyRequest, go
from web.pages.settings import settings_page

SCOPES = {"read": "look at everything", "write": "start interactions, send messages, change agents"}


@get("/settings/keys", opt={"roles": auth.ADMINS})
async def listing(request: AnyRequest) -> Template:
    """The workspace's keys; their secrets are not kept."""
    return await _listing(request)


async def _listing(request: AnyRequest, status: int = 200, **more: Any) -> Template:
    async with request.app.state.store.read() as db:
        keys = list(await access.api_keys(db, request.user.workspace_id))
    keys.sort(key=lambda key: (key.revoked_at is not None, -key.created_at.timestamp()))
    given = {"values": {"name": "", "scopes": ["read", "write"]}, "shown": ""} | more
    return settings_page(request, "keys", "keys.html", status, keys=keys, scopes=SCOPES, **given)


@post("/settings/keys", opt={"roles": auth.ADMINS}, status_code=200)
async def create(request: AnyRequest) -> Template:
    """Make a key; its text is shown this once."""
    form, errors = await read(request), Errors()
    name, scopes = form.text("name"), [scope for scope in SCOPES if scope in form.all("scopes")]
    if not 1 <= len(name) <= 120:
        errors["name"] = "Write what uses the key, in 1 to 120 characters."
    if not scopes:
        errors["scopes"] = "Choose what the key may do."
    if errors:
        return await _listing(request, 422, values={"name": name, "scopes": scopes}, errors=errors)
    key, shown = new_api_key(request.user.workspace_id, name, scopes)
    async with request.app.state.store.write() as db:
        db.add(key)
    return await _listing(request, shown=shown)


@post("/settings/keys/{key_id:str}/revoke", opt={"roles": auth.ADMINS}, status_code=200)
async def revoke(request: AnyRequest, key_id: str) -> Response[Any]:
    """Let a key in no more."""
    async with request.app.state.store.write() as db:
        key = await db.get(ApiKey, uuid_or_404(key_id))
        key = found(key if key and key.workspace_id == request.user.workspace_id else None, "key")
        key.revoked_at = key.revoked_at or request.app.state.clock.now()
    return go(request, "/settings/keys", f"The key “{key.name[:80]}” no longer works.")


HANDLERS = [listing, create, revoke]
