"""Users, their sessions, sign-in attempts, API keys."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import update
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import ApiKey, SignInAttempt, User, UserSession


async def user_by_email(db: AsyncSession, email: str) -> User | None:
    return (await db.exec(select(User).where(User.email == email.strip().lower()))).first()


async def user(db: AsyncSession, workspace_id: UUID, user_id: UUID) -> User | None:
    found = await db.get(User, user_id)
    return found if found and found.workspace_id == workspace_id else None


async def users(db: AsyncSession, workspace_id: UUID) -> Sequence[User]:
    query = select(User).where(User.workspace_id == workspace_id).order_by(col(User.name))
    return (await db.exec(query)).all()


async def session_user(db: AsyncSession, token_hash: str, now: datetime) -> tuple[UserSession, User] | None:
    """The live session of this token and its user, who must not be disabled."""
    query = (
        select(UserSession, User)
        .join(User, col(User.id) == col(UserSession.user_id))
        .where(
            UserSession.token_hash == token_hash,
            UserSession.expires_at > now,
            col(User.disabled_at).is_(None),
        )
    )
    return (await db.exec(query)).first()


async def end_sessions(db: AsyncSession, *, token_hash: str = "", user_id: UUID | None = None, but: str = "") -> None:
    """Sign out one browser, or all of a user's except the one with the token hash `but`."""
    if token_hash:
        condition = col(UserSession.token_hash) == token_hash
    else:
        condition = (col(UserSession.user_id) == user_id) & (col(UserSession.token_hash) != but)
    await db.exec(delete(UserSession).where(condition))


async def sign_in_attempts(db: AsyncSession, *keys: str) -> Sequence[SignInAttempt]:
    return (await db.exec(select(SignInAttempt).where(col(SignInAttempt.key).in_(keys)))).all()


async def excuse_sign_in(db: AsyncSession, of_email: str, of_network: str) -> None:
    """It was right: what was counted for the email is forgotten, and this one for the network."""
    await db.exec(delete(SignInAttempt).where(col(SignInAttempt.key) == of_email))
    await db.exec(
        update(SignInAttempt)
        .where(col(SignInAttempt.key) == of_network, col(SignInAttempt.failures) > 0)
        .values(failures=SignInAttempt.failures - 1)
    )


async def api_key(db: AsyncSession, key_id: UUID) -> ApiKey | None:
    found = await db.get(ApiKey, key_id)
    return found if found and found.revoked_at is None else None


async def api_keys(db: AsyncSession, workspace_id: UUID) -> Sequence[ApiKey]:
    query = select(ApiKey).where(ApiKey.workspace_id == workspace_id).order_by(col(ApiKey.created_at))
    return (await db.exec(query)).all()
