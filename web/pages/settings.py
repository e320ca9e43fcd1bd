"""Settings of the workspace, and everyone's own password."""

import asyncio
import re
from typing import Any

from litestar import Response, get, post
from litestar.response import Template

from hub.models import AuditEntry
from hub.store import access, agents, listing
from web import auth
from web.accounts import LEAST_PASSWORD_CHARACTERS
from web.auth import SESSION_COOKIE, hash_password, matches, sign_out_others
from web.pages.form import Errors, found, read, uuid_or_404
from web.pages.page import AnyRequest, go, page
from web.pages.zones import known_zone, regions, zones

MOST_PASSWORD_CHARACTERS = 200
AUDIT_PAGE = 50
_FIELDS = ("name", "time_zone", "default_region", "contact_from", "contact_to")
_HOUR = re.compile(r"([01]\d|2[0-3]):[0-5]\d|24:00")


def tabs(request: AnyRequest) -> list[tuple[str, str, str]]:
    """The settings that the asker may see."""
    role = request.user.user.role
    entries = [
        ("workspace", "Workspace", "/settings", auth.ADMINS),
        ("addresses", "Addresses", "/settings/addresses", auth.ADMINS),
        ("users", "Users", "/settings/users", auth.ADMINS),
        ("engines", "Engine accounts", "/settings/engines", auth.ADMINS),
        ("keys", "API keys", "/settings/keys", auth.ADMINS),
        ("prices", "Prices", "/settings/prices", auth.ADMINS),
        ("secrets", "Secrets", "/settings/secrets", auth.BUILDERS),
        ("skills", "Skills", "/settings/skills", auth.BUILDERS),
        ("audit", "Audit log", "/settings/audit", auth.ADMINS),
        ("canned", "Canned answers", "/settings/canned", auth.SUPPORT),
        ("password", "Your password", "/settings/password", auth.EVERYONE),
    ]
    return [(key, text, path) for key, text, path, roles in entries if role in roles]


def settings_page(request: AnyRequest, tab: str, template: str, status: int = 200, **context: Any) -> Template:
    """A page under Settings."""
    given = {"errors": {}, "problem": ""} | context
    return page(request, f"settings/{template}", "settings", status, tab=tab, tabs=tabs(request), **given)


@get("/settings", opt={"roles": auth.EVERYONE})
async def workspace(request: AnyRequest) -> Response[Any] | Template:
    """The workspace for admins; others are shown the first thing that is theirs."""
    if request.user.user.role not in auth.ADMINS:
        return go(request, tabs(request)[0][2])
    async with request.app.state.store.read() as db:
        stored = found(await agents.workspace(db, request.user.workspace_id), "workspace")
    values = {name: getattr(stored, name) for name in _FIELDS}
    return _workspace(request, values)


def _workspace(request: AnyRequest, values: dict[str, str], errors: Errors | None = None) -> Template:
    return settings_page(
        request, "workspace", "workspace.html", 422 if errors else 200,
        values=values, errors=errors or {}, zones=zones(), regions=[(name, name) for name in regions()],
    )  # fmt: skip


@post("/settings", opt={"roles": auth.ADMINS}, status_code=200)
async def save_workspace(request: AnyRequest) -> Response[Any] | Template:
    """Change the workspace."""
    form = await read(request)
    values = {name: form.text(name) for name in _FIELDS}
    errors: Errors = {}
    if not 1 <= len(values["name"]) <= 120:
        errors["name"] = "Write a name of 1 to 120 characters."
    if not known_zone(values["time_zone"]):
        errors["time_zone"] = "Choose a time zone of the list, such as America/New_York."
    if values["default_region"] not in regions():
        errors["default_region"] = "Choose a region of the list, such as US."
    if not (_HOUR.fullmatch(values["contact_from"]) and _HOUR.fullmatch(values["contact_to"])):
        errors["contact_from"] = "Write hours like 08:00 and 21:00."
    elif values["contact_from"] >= values["contact_to"]:
        errors["contact_from"] = "The first hour has to be before the second."
    if errors:
        return _workspace(request, values, errors)
    async with request.app.state.store.write() as db:
        stored = found(await agents.workspace(db, request.user.workspace_id), "workspace")
        for name, value in values.items():
            setattr(stored, name, value)
    return go(request, "/settings", "Saved.")


@get("/settings/password", opt={"roles": auth.EVERYONE})
async def password(request: AnyRequest) -> Template:
    """Everyone's own password."""
    return settings_page(request, "password", "password.html", least=LEAST_PASSWORD_CHARACTERS)


@post("/settings/password", opt={"roles": auth.EVERYONE}, status_code=200)
async def save_password(request: AnyRequest) -> Response[Any] | Template:
    """Change it; one's other browsers are signed out."""
    form, user, store = await read(request), request.user.user, request.app.state.store
    old, new = form.raw("old"), form.raw("new")
    errors: Errors = {}
    if not LEAST_PASSWORD_CHARACTERS <= len(new) <= MOST_PASSWORD_CHARACTERS:
        errors["new"] = f"Take {LEAST_PASSWORD_CHARACTERS} to {MOST_PASSWORD_CHARACTERS} characters."
    elif new != form.raw("again"):
        errors["again"] = "The two are not the same. Type the new password twice."
    if not errors and not await asyncio.to_thread(matches, user.password_hash, old):
        errors["old"] = "This is not your password now."
    if errors:
        return settings_page(request, "password", "password.html", 422, errors=errors, least=LEAST_PASSWORD_CHARACTERS)
    password_hash = await asyncio.to_thread(hash_password, new)
    async with store.write() as db:
        stored = found(await access.user(db, user.workspace_id, user.id), "user")
        stored.password_hash = password_hash
        await sign_out_others(db, user.id, request.cookies.get(SESSION_COOKIE, ""))
    return go(request, "/settings/password", "Your password is changed. Other browsers are signed out.")


@get("/settings/audit", opt={"roles": auth.ADMINS})
async def audit(request: AnyRequest, before: str = "") -> Template:
    """Who did what that must be accounted for."""
    after = uuid_or_404(before) if before else None
    async with request.app.state.store.read() as db:
        rows = await listing.newest(db, AuditEntry, request.user.workspace_id, before=after, limit=AUDIT_PAGE + 1)
    return settings_page(
        request, "audit", "audit.html", rows=rows[:AUDIT_PAGE], more=len(rows) > AUDIT_PAGE, before=before
    )


HANDLERS = [workspace, save_workspace, password, save_password, audit]
