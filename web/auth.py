"""Who is asking: sessions of people, keys of programs, and the guard that asks every route for its rule.

A route says in `opt` who may use it: `public=True`, `roles=ROLES_...` for pages, or `scope="read"`
or `"write"` for the API. A route that says nothing is closed.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import ApiKey, SignInAttempt, User, UserSession
from hub.store import Store, access, lock

EVERYONE = frozenset({"admin", "builder", "support", "viewer"})
SUPPORT = frozenset({"admin", "support"})
BUILDERS = frozenset({"admin", "builder"})
TESTERS = frozenset({"admin", "builder", "support"})
ADMINS = frozenset({"admin"})

SESSION_COOKIE = "hub_session"
SESSION_LASTS = timedelta(days=7)
FREE_FAILURES = 5
LONGEST_WAIT = timedelta(minutes=15)
FORGET_FAILURES_AFTER = timedelta(hours=1)
KEY_USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking: a signed-in user or an API key, and whose data they may touch."""

    workspace_id: UUID
    user: User | None = None
    key: ApiKey | None = None

    @property
    def name(self) -> str:
        return self.user.name if self.user else self.key.name if self.key else ""


class TooManyAttempts(Exception):
    """Sign-in is closed for this email or network address until `wait_seconds` have passed."""

    def __init__(self, wait_seconds: int) -> None:
        super().__init__(f"Too many tries. Wait {wait_seconds} seconds and try again.")
        self.wait_seconds = wait_seconds


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


def hash_password(password: str) -> str:
    """Slow on purpose: call it off the event loop."""
    from argon2 import PasswordHasher

    return PasswordHasher().hash(password)


def matches(password_hash: str, password: str) -> bool:
    """Whether this is the password. Slow on purpose: call it off the event loop."""
    from argon2 import PasswordHasher
    from argon2.exceptions import Argon2Error, InvalidHashError

    try:
        return PasswordHasher().verify(password_hash, password)
    except (Argon2Error, InvalidHashError):
        return False


_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$bm9ib2R5bm9ib2R5$pQ0gLkVHSLr3BeYyDJQ5YlUNGrjoY0bgLZ0w6Mk0f0A"


async def sign_in(store: Store, email: str, password: str, network: str, now: datetime) -> str | None:
    """The token of a new session, or None when email or password is wrong. Raises `TooManyAttempts`."""
    of_email, of_network = f"email:{email.strip().lower()[:320]}", f"network:{network}"
    async with store.write() as db:
        await _count_attempt(db, (of_email, of_network), now)
        user = await access.user_by_email(db, email)
    known = user is not None and user.disabled_at is None
    right = await asyncio.to_thread(matches, user.password_hash if user and known else _NOBODY, password)
    if not (right and known and user):
        return None
    async with store.write() as db:
        await access.excuse_sign_in(db, of_email, of_network)
        token = secrets.token_urlsafe(32)
        db.add(
            UserSession(
                token_hash=_digest(token),
                workspace_id=user.workspace_id,
                user_id=user.id,
                created_at=now,
                expires_at=now + SESSION_LASTS,
            )
        )
    return token


async def _count_attempt(db: AsyncSession, keys: tuple[str, ...], now: datetime) -> None:
    """Count it as failed before the password is looked at, so that guesses side by side are no way around."""
    for key in keys:
        await lock(db, "sign-in", key)
    attempts = {found.key: found for found in await access.sign_in_attempts(db, *keys)}
    _refuse_while_throttled(attempts.values(), now)
    for key in keys:
        attempt = attempts.get(key) or SignInAttempt(key=key)
        stale = now - attempt.last_at > FORGET_FAILURES_AFTER
        attempt.failures = 1 if stale else attempt.failures + 1
        attempt.last_at = now
        db.add(attempt)


def _refuse_while_throttled(attempts: Any, now: datetime) -> None:
    for attempt in attempts:
        free = FREE_FAILURES if attempt.key.startswith("email:") else FREE_FAILURES * 4
        over = attempt.failures - free
        if over >= 0:
            wait = min(timedelta(seconds=2 ** min(over + 1, 12)), LONGEST_WAIT) - (now - attempt.last_at)
            if wait > timedelta():
                raise TooManyAttempts(int(wait.total_seconds()) + 1)


async def sign_out(store: Store, token: str) -> None:
    async with store.write() as db:
        await access.end_sessions(db, token_hash=_digest(token))


async def sign_out_others(db: AsyncSession, user_id: UUID, token: str) -> None:
    """Sign a user out everywhere except in the browser with this token."""
    await access.end_sessions(db, user_id=user_id, but=_digest(token))


def new_api_key(workspace_id: UUID, name: str, scopes: list[str]) -> tuple[ApiKey, str]:
    """A key to be stored, and the text to be shown once."""
    secret = secrets.token_hex(24)
    key = ApiKey(workspace_id=workspace_id, name=name, secret_hash=_digest(secret), scopes=scopes)
    return key, f"hub_{key.id.hex}_{secret}"


class Authentication(AbstractAuthenticationMiddleware):
    """Finds out who is asking; whether they may is the guard's matter."""

    async def authenticate_request(self, connection: ASGIConnection[Any, Any, Any, Any]) -> AuthenticationResult:
        state = connection.app.state
        if connection.url.path.startswith(("/v1/", "/compat/")):
            principal = await _by_key(state.store, connection.headers.get("authorization", ""), state.clock.now())
        else:
            principal = await _by_session(state.store, connection.cookies.get(SESSION_COOKIE, ""), state.clock.now())
        return AuthenticationResult(user=principal, auth=None)


async def _by_session(store: Store, token: str, now: datetime) -> Principal | None:
    if not token:
        return None
    async with store.glance(urgent=True) as db:
        found = await access.session_user(db, _digest(token), now)
    return Principal(found[1].workspace_id, user=found[1]) if found else None


async def _by_key(store: Store, header: str, now: datetime) -> Principal | None:
    parts = _key_parts(header)
    if parts is None:
        return None
    key_id, secret = parts
    async with store.glance(urgent=True) as db:
        key = await access.api_key(db, key_id)
    if key is None or not hmac.compare_digest(key.secret_hash, _digest(secret)):
        return None
    if key.last_used_at is None or now - key.last_used_at > KEY_USE_NOTED_EVERY:
        async with store.write() as db:
            stored = await access.api_key(db, key_id)
            if stored is not None:
                stored.last_used_at = now
    return Principal(key.workspace_id, key=key)


def _key_parts(header: str) -> tuple[UUID, str] | None:
    """Key id and secret out of `Bearer hub_<id>_<secret>` or Basic (key id, secret)."""
    scheme, _, value = header.partition(" ")
    try:
        if scheme.lower() == "bearer":
            prefix, key_id, secret = value.strip().split("_")
            return (UUID(key_id), secret) if prefix == "hub" else None
        if scheme.lower() == "basic":
            key_id, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
            secret = secret.rpartition("_")[2]
            return UUID(key_id.removeprefix("hub_")), secret
    except (ValueError, binascii.Error):
        return None
    return None


def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Let in whom the route's own rule lets in; a route without a rule is closed."""
    if handler.opt.get("public"):
        return
    principal: Principal | None = connection.scope.get("user")
    if principal is None:
        raise NotAuthorizedException("Sign in first, or send an API key as `Authorization: Bearer hub_...`.")
    scope, roles = handler.opt.get("scope"), handler.opt.get("roles", frozenset())
    if principal.key is not None and scope in principal.key.scopes:
        return
    if principal.user is not None and principal.user.role in roles:
        return
    needed = f"the scope {scope!r}" if principal.key else f"one of the roles {', '.join(sorted(roles))}"
    raise PermissionDeniedException(f"This needs {needed}.")
