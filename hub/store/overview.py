"""Counts for the pages: what is open, what waits, what was said, how it goes over the days."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, cast
from sqlmodel import case, col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Address, Interaction, Message

LATELY = 2_000
"""So many of the newest interactions are looked through, however many there are."""


def first_id(at: datetime) -> UUID:
    """The lowest id that a row made at this time can have: primary keys begin with their time."""
    return UUID(int=int(at.timestamp() * 1000) << 80)


def _looked_at(column: Any) -> Any:
    """The column as no index has it: the range of ids is to be walked instead."""
    return func.coalesce(column, column)


async def open_by_owner(db: AsyncSession, workspace_id: UUID) -> dict[str, int]:
    """How many interactions are open now, by who answers: ai, queue, operator. Tests do not count."""
    query = (
        select(Interaction.owner, func.count())
        .where(
            Interaction.workspace_id == workspace_id,
            col(Interaction.ended_at).is_(None),
            col(Interaction.test).is_(False),
        )
        .group_by(Interaction.owner)
    )
    return dict((await db.exec(query)).all())


async def waiting_longest(db: AsyncSession, workspace_id: UUID, limit: int = 5) -> Sequence[Interaction]:
    """Open interactions that wait for a person, the oldest first."""
    query = (
        select(Interaction)
        .where(
            Interaction.workspace_id == workspace_id,
            Interaction.owner == "queue",
            col(Interaction.ended_at).is_(None),
            col(Interaction.test).is_(False),
        )
        .order_by(func.coalesce(Interaction.waiting_since, Interaction.last_message_at))
        .limit(limit)
    )
    return (await db.exec(query)).all()


async def messages_since(db: AsyncSession, workspace_id: UUID, since: datetime) -> dict[str, int]:
    """Messages said since then, by role; notes and tests do not count."""
    query = (
        select(Message.role, func.count())
        .join(Interaction, col(Interaction.id) == col(Message.interaction_id))
        .where(
            Message.id >= first_id(since),
            Message.created_at >= since,
            _looked_at(Message.workspace_id) == workspace_id,
            col(Message.note).is_(False),
            col(Interaction.test).is_(False),
        )
        .group_by(Message.role)
    )
    return dict((await db.exec(query)).all())


async def volume(db: AsyncSession, workspace_id: UUID, edges: Sequence[datetime]) -> list[int]:
    """How many interactions began between each two neighbouring times."""
    at = col(Interaction.created_at)
    columns = [
        func.coalesce(func.sum(cast(case(((at >= begin) & (at < end), 1), else_=0), Integer)), 0)
        for begin, end in pairwise(edges)
    ]
    query = select(*columns).where(
        Interaction.id >= first_id(edges[0]),
        _looked_at(Interaction.workspace_id) == workspace_id,
        col(Interaction.test).is_(False),
    )
    return [int(count) for count in (await db.execute(query)).one()]


async def last_by_agent(db: AsyncSession, workspace_id: UUID) -> dict[UUID, datetime]:
    """When each agent was last in an interaction; those who were not lately are left out."""
    return await _last(db, workspace_id, col(Interaction.agent_id))


async def last_by_address(db: AsyncSession, workspace_id: UUID) -> dict[UUID, datetime]:
    """When something last happened at each address; those where nothing did lately are left out."""
    return await _last(db, workspace_id, col(Interaction.address_id))


async def _last(db: AsyncSession, workspace_id: UUID, of: Any) -> dict[UUID, datetime]:
    query = (
        select(of, Interaction.last_message_at)
        .where(Interaction.workspace_id == workspace_id, col(Interaction.test).is_(False))
        .order_by(col(Interaction.id).desc())
        .limit(LATELY)
    )
    found: dict[UUID, datetime] = {}
    for key, at in (await db.execute(query)).all():
        if key is not None:
            found[key] = max(at, found.get(key, at))
    return found


async def has_test(db: AsyncSession, workspace_id: UUID) -> bool:
    """Whether anyone has tried an agent in the playground."""
    query = select(Interaction.id).where(
        Interaction.workspace_id == workspace_id,
        Interaction.channel == "webchat",
        Interaction.thread >= ":playground-",
        Interaction.thread < ":playground.",
    )
    return (await db.exec(query.limit(1))).first() is not None


async def has_channel(db: AsyncSession, workspace_id: UUID, channel: str) -> bool:
    """Whether anything came in on this channel."""
    query = select(Interaction.id).where(
        Interaction.workspace_id == workspace_id,
        Interaction.channel == channel,
        col(Interaction.test).is_(False),
    )
    return (await db.exec(query.limit(1))).first() is not None


async def used(db: AsyncSession, address: Address) -> bool:
    """Whether any interaction belongs to the address."""
    query = select(Interaction.id).where(
        Interaction.workspace_id == address.workspace_id, Interaction.address_id == address.id
    )
    return (await db.exec(query.limit(1))).first() is not None
