"""The secrets that tools use: set, replaced and removed, and shown to nobody."""

import re
from typing import Any

from litestar import Response, get, post
from litestar.response import Template

from hub.core import functions, tool_secrets
from hub.core.tool_secrets import TooMany
from hub.store import tool_calls
from web import auth
from web.pages.form import Errors, read
from web.pages.page import AnyRequest, go
from web.pages.settings import settings_page

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
MOST_CHARACTERS = 10_000


@get("/settings/secrets", opt={"roles": auth.BUILDERS})
async def listing(request: AnyRequest) -> Template:
    """Their names; the values are given to nobody."""
    return await _listing(request)


async def _listing(request: AnyRequest, status: int = 200, **more: Any) -> Template:
    async with request.app.state.store.read() as db:
        found = await tool_calls.secrets(db, request.user.workspace_id)
    signing = await functions.signing_secret(request.app.state.hub.context, request.user.workspace_id)
    return settings_page(
        request, "secrets", "secrets.html", status, secrets=found, signing=signing, **({"name": ""} | more)
    )  # fmt: skip


@post("/settings/secrets", opt={"roles": auth.BUILDERS}, status_code=200)
async def put(request: AnyRequest) -> Response[Any] | Template:
    """Set a secret, or replace it."""
    form, errors = await read(request), Errors()
    name, value = form.text("name"), form.raw("value")
    if not _NAME.fullmatch(name):
        errors["name"] = "Use letters, digits, _ and -, beginning with a letter, at most 64."
    if not value or len(value) > MOST_CHARACTERS:
        errors["value"] = f"Give a value of 1 to {MOST_CHARACTERS:,} characters."
    if not errors:
        try:
            await tool_secrets.put(
                request.app.state.hub.context, request.user.workspace_id, name, value, by=request.user.name
            )  # fmt: skip
        except TooMany as error:
            errors["name"] = str(error)
    if errors:
        return await _listing(request, 422, name=name, errors=errors)
    return go(request, "/settings/secrets", f"The secret {name} was set. Tools write it as {{{{secret.{name}}}}}.")


@post("/settings/secrets/{name:str}/remove", opt={"roles": auth.BUILDERS}, status_code=200)
async def remove(request: AnyRequest, name: str) -> Response[Any]:
    """Tools that use it fail from now on, and say so."""
    hub = request.app.state.hub.context
    await tool_secrets.remove(hub, request.user.workspace_id, name, by=request.user.name)
    return go(request, "/settings/secrets", f"The secret {name[:64]} was removed.")


HANDLERS = [listing, put, remove]
