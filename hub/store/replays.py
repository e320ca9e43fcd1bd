"""Requests made under an idempotency key: claimed, marked in the transaction that carries them out, answered."""

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, delete, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Replay
from hub.store.upsert import insert

KEPT_FOR = timedelta(hours=24)
LOST_AFTER = timedelta(seconds=60)


class Fenced(Exception):
    """Another request under the same key has taken over; this one must not have an effect."""


@dataclass(slots=True)
class Claim:
    """The request that is being carried out now. `marked`: its first transaction is committed."""

    workspace_id: UUID
    key: str
    holder: UUID
    marked: bool = False


current: ContextVar[Claim | None] = ContextVar("claim", default=None)
"""The claim whose first writing transaction is marked along with it."""


async def claim(db: AsyncSession, mine: Claim, digest: str, now: datetime) -> Replay | None:
    """Take the key for this request; None when it is ours now, else what there is under it.

    A request that was lost before it committed anything is taken over.
    """
    await db.exec(delete(Replay).where(col(Replay.created_at) < now - KEPT_FOR))
    values = {
        "workspace_id": mine.workspace_id, "key": mine.key, "holder": mine.holder, "digest": digest,
        "state": "running", "status": 0, "headers": "", "body": "", "created_at": now, "held_at": now,
    }  # fmt: skip
    inserted = await db.exec(insert(db, Replay).values(**values).on_conflict_do_nothing().returning(col(Replay.key)))
    if inserted.first() is not None:
        return None
    query = select(Replay).where(Replay.workspace_id == mine.workspace_id, Replay.key == mine.key)
    found = (await db.exec(query.with_for_update())).first()
    if found is None:
        return await claim(db, mine, digest, now)
    if found.digest == digest and found.state == "running" and found.held_at < now - LOST_AFTER:
        found.holder, found.held_at = mine.holder, now
        return None
    return found


async def mark(db: AsyncSession, mine: Claim) -> None:
    """Note, in the transaction that carries it out, that it is carried out. Raises `Fenced`."""
    statement = update(Replay).where(*_ours(mine)).values(state="committed").returning(col(Replay.key))
    if (await db.exec(statement)).first() is None:
        raise Fenced


async def answered(db: AsyncSession, mine: Claim, status: int, headers: str, body: str) -> None:
    """Keep the answer for those who ask again."""
    await db.exec(
        update(Replay).where(*_ours(mine)).values(state="answered", status=status, headers=headers, body=body)
    )


async def release(db: AsyncSession, mine: Claim) -> None:
    """It had no effect: the key is free again."""
    await db.exec(delete(Replay).where(*_ours(mine), col(Replay.state) == "running"))


def _ours(mine: Claim) -> tuple[ColumnElement[bool], ...]:
    return (
        col(Replay.workspace_id) == mine.workspace_id,
        col(Replay.key) == mine.key,
        col(Replay.holder) == mine.holder,
    )
