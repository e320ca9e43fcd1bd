"""Who may sign in: invite, change roles, disable, give a new password. One admin always remains."""

import asyncio
import re
import secrets
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.response import Template
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import User
from hub.models.workspace import ROLES
from hub.store import access
from web import auth
from web.auth import hash_password
from web.pages.form import Errors, found, read, uuid_or_404
from web.pages.page import AnyRequest, go
from web.pages.settings import settings_page

ROLE_WORDS = {
    "admin": "everything, also settings, users and keys",
    "builder": "agents, their knowledge and skills; looks at everything",
    "support": "the inbox and customers; tries agents",
    "viewer": "looks, changes nothing",
}
LAST_ADMIN = "This is the last admin. Make someone else an admin first."
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")


@get("/settings/users", opt={"roles": auth.ADMINS})
async def listing(request: AnyRequest) -> Template:
    """Everyone of the workspace."""
    return await _listing(request)


async def _listing(request: AnyRequest, status: int = 200, **more: Any) -> Template:
    async with request.app.state.store.read() as db:
        users = await access.users(db, request.user.workspace_id)
    given = {"values": {"email": "", "name": "", "role": "support"}, "shown": None} | more
    return settings_page(request, "users", "users.html", status, users=users, roles=ROLE_WORDS, **given)


@post("/settings/users", opt={"roles": auth.ADMINS}, status_code=200)
async def invite(request: AnyRequest) -> Template:
    """Add a user; their password is shown this once, to be passed on."""
    form, workspace_id = await read(request), request.user.workspace_id
    values = {name: form.text(name) for name in ("email", "name", "role")}
    email, errors = values["email"].lower(), Errors()
    if not _EMAIL.fullmatch(email) or len(email) > 320:
        errors["email"] = "Write an email address like ana@example.com."
    if not 1 <= len(values["name"]) <= 120:
        errors["name"] = "Write a name of 1 to 120 characters."
    if values["role"] not in ROLES:
        errors["role"] = "Choose a role."
    if errors:
        return await _listing(request, 422, values=values, errors=errors)
    password = new_password()
    password_hash = await asyncio.to_thread(hash_password, password)
    async with request.app.state.store.write() as db:
        taken = await access.user_by_email(db, email) is not None
        if not taken:
            db.add(
                User(
                    workspace_id=workspace_id,
                    email=email,
                    name=values["name"],
                    role=values["role"],
                    password_hash=password_hash,
                )
            )
    if taken:
        errors["email"] = "Somebody with this address can sign in already."
        return await _listing(request, 422, values=values, errors=errors)
    return await _listing(request, shown={"email": email, "password": password, "new": True})


def new_password() -> str:
    """Four groups of letters and digits that are not mistaken for each other."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4))


@post("/settings/users/{user_id:str}/role", opt={"roles": auth.ADMINS}, status_code=200)
async def change_role(request: AnyRequest, user_id: str) -> Response[Any] | Template:
    """Give a user another role."""
    form = await read(request)
    role = form.text("role")
    if role not in ROLES:
        return await _listing(request, 422, problem="Choose one of the roles.")
    async with request.app.state.store.write() as db:
        user = await _user(db, request, user_id)
        if role != "admin" and await _is_last_admin(db, user):
            return await _listing(request, 409, problem=LAST_ADMIN)
        user.role = role
    return go(request, "/settings/users", f"{user.name} is {role} now.")


@post("/settings/users/{user_id:str}/disable", opt={"roles": auth.ADMINS}, status_code=200)
async def disable(request: AnyRequest, user_id: str) -> Response[Any] | Template:
    """Let a user in no more, or again."""
    async with request.app.state.store.write() as db:
        user = await _user(db, request, user_id)
        if user.disabled_at is not None:
            user.disabled_at = None
            return go(request, "/settings/users", f"{user.name} may sign in again.")
        if await _is_last_admin(db, user):
            return await _listing(request, 409, problem=LAST_ADMIN)
        user.disabled_at = request.app.state.clock.now()
        await access.end_sessions(db, user_id=user.id)
    return go(request, "/settings/users", f"{user.name} can no longer sign in.")


@post("/settings/users/{user_id:str}/password", opt={"roles": auth.ADMINS}, status_code=200)
async def reset_password(request: AnyRequest, user_id: str) -> Template:
    """A new password, shown this once; every browser of the user is signed out."""
    password = new_password()
    password_hash = await asyncio.to_thread(hash_password, password)
    async with request.app.state.store.write() as db:
        user = await _user(db, request, user_id)
        user.password_hash = password_hash
        if user.id != request.user.user.id:
            await access.end_sessions(db, user_id=user.id)
    return await _listing(request, shown={"email": user.email, "password": password, "new": False})


async def _user(db: AsyncSession, request: AnyRequest, user_id: str) -> User:
    return found(await access.user(db, request.user.workspace_id, uuid_or_404(user_id)), "user")


async def _is_last_admin(db: AsyncSession, user: User) -> bool:
    if user.role != "admin" or user.disabled_at is not None:
        return False
    others: list[UUID] = [
        other.id
        for other in await access.users(db, user.workspace_id)
        if other.role == "admin" and other.disabled_at is None and other.id != user.id
    ]
    return not others


HANDLERS = [listing, invite, change_role, disable, reset_password]
