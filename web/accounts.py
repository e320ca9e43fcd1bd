"""Users and API keys from the command line."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

import click
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.feed import Bus
from hub.models import ApiKey, User, Workspace
from hub.store import Store, access
from web.auth import hash_password, new_api_key
from web.serve import prepare
from web.settings import Settings

LEAST_PASSWORD_CHARACTERS = 10


def _with_database(work: Callable[[AsyncSession], Awaitable[str]]) -> str:
    settings = Settings()
    prepare(settings)

    async def run() -> str:
        store = Store(settings.database_url, Bus())
        try:
            async with store.write() as db:
                return await work(db)
        finally:
            await store.close()

    return asyncio.run(run())


async def _workspace(db: AsyncSession, name: str, *, make: bool) -> Workspace:
    found = (await db.exec(select(Workspace).order_by(Workspace.created_at))).all()  # type: ignore[arg-type]
    for workspace in found:
        if workspace.name == name or (not name and len(found) == 1):
            return workspace
    if found and not name:
        raise click.ClickException("There are several workspaces; say which with --workspace.")
    if not make:
        raise click.ClickException(f"There is no workspace {name!r}. `hub user add --workspace` makes one.")
    made = Workspace(name=name or "My workspace")
    db.add(made)
    await db.flush()
    return made


def add_user(email: str, name: str, role: str, workspace: str, password: str) -> str:
    """Add a user, or give one there is this password, role and name."""
    email = email.strip().lower()
    if "@" not in email:
        raise click.ClickException(f"{email!r} is not an email address.")
    if len(password) < LEAST_PASSWORD_CHARACTERS:
        raise click.ClickException(f"Take a password of at least {LEAST_PASSWORD_CHARACTERS} characters.")

    async def work(db: AsyncSession) -> str:
        found = await access.user_by_email(db, email)
        if found is not None:
            found.password_hash, found.role, found.disabled_at = hash_password(password), role, None
            found.name = name or found.name
            await access.end_sessions(db, user_id=found.id)
            return f"{email} has a new password and the role {role}."
        home = await _workspace(db, workspace, make=True)
        db.add(
            User(
                workspace_id=home.id,
                email=email,
                name=name or email.partition("@")[0].title(),
                role=role,
                password_hash=hash_password(password),
            )
        )
        return f"{email} may sign in to {home.name!r} as {role}."

    return _with_database(work)


def list_users() -> str:
    async def work(db: AsyncSession) -> str:
        rows = (await db.exec(select(User).order_by(User.email))).all()
        return (
            "\n".join(f"{row.email}  {row.role}{'  (disabled)' if row.disabled_at else ''}" for row in rows)
            or "No users yet: `hub user add you@example.com`."
        )

    return _with_database(work)


def disable_user(email: str) -> str:
    async def work(db: AsyncSession) -> str:
        found = await access.user_by_email(db, email)
        if found is None:
            raise click.ClickException(f"There is no user {email!r}.")
        found.disabled_at = datetime.now(UTC)
        await access.end_sessions(db, user_id=found.id)
        return f"{email} can no longer sign in."

    return _with_database(work)


def add_key(name: str, scopes: list[str], workspace: str) -> str:
    """Make an API key; the text is shown once."""

    async def work(db: AsyncSession) -> str:
        home = await _workspace(db, workspace, make=False)
        key, shown = new_api_key(home.id, name, scopes)
        db.add(key)
        return shown

    return _with_database(work)


def list_keys() -> str:
    async def work(db: AsyncSession) -> str:
        rows = (await db.exec(select(ApiKey))).all()
        return (
            "\n".join(
                f"{row.id}  {row.name}  {','.join(row.scopes)}{'  (revoked)' if row.revoked_at else ''}" for row in rows
            )
            or "No API keys yet: `hub key add NAME`."
        )

    return _with_database(work)


def revoke_key(key_id: str) -> str:
    async def work(db: AsyncSession) -> str:
        try:
            found = await db.get(ApiKey, UUID(key_id))
        except ValueError:
            raise click.ClickException(f"{key_id!r} is not a key id; `hub key list` shows them.") from None
        if found is None:
            raise click.ClickException(f"There is no API key {key_id}.")
        found.revoked_at = datetime.now(UTC)
        return f"The key {found.name!r} no longer works."

    return _with_database(work)
