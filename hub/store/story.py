"""The one timeline of a customer over all channels: what was written, and each call as one entry; newest first."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlmodel import and_, col, func, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Customer, Identity, Interaction, Message, Recording

PAGE = 40


@dataclass(frozen=True, slots=True)
class Told:
    """One entry: a message, or a call. `place` continues the list behind it."""

    at: datetime
    id: UUID
    interaction_id: UUID
    channel: str
    message: Message | None = None
    call: Interaction | None = None
    recorded: bool = False

    @property
    def place(self) -> str:
        return f"{self.at.isoformat()}~{self.id}"


@dataclass(frozen=True, slots=True)
class Chapter:
    """Some of the timeline, and whether there is more behind it."""

    told: Sequence[Told]
    more: bool


async def chapter(
    db: AsyncSession, workspace_id: UUID, customer_id: UUID, live: Collection[str], *, channel: str = "",
    who: str = "", before: str = "", limit: int = PAGE,
) -> Chapter:  # fmt: skip
    """The newest entries, or those behind the place `before`. `who`: customer, us, notes. Raises `ValueError`."""
    said = select(Message).where(
        Message.workspace_id == workspace_id, Message.customer_id == customer_id, col(Message.channel).not_in(live)
    )
    calls = select(Interaction).where(
        Interaction.workspace_id == workspace_id, Interaction.customer_id == customer_id,
        col(Interaction.channel).in_(live),
    )  # fmt: skip
    if channel:
        said, calls = said.where(Message.channel == channel), calls.where(Interaction.channel == channel)
    if who == "customer":
        said, calls = said.where(Message.role == "customer"), calls.where(Interaction.direction == "inbound")
    elif who == "us":
        said = said.where(Message.role != "customer", col(Message.note).is_(False))
        calls = calls.where(Interaction.direction == "outbound")
    elif who == "notes":
        said, calls = said.where(col(Message.note).is_(True)), calls.where(Interaction.channel == "")
    if before:
        said = said.where(_behind(col(Message.created_at), col(Message.id), before))
        calls = calls.where(_behind(col(Interaction.created_at), col(Interaction.id), before))
    said = said.order_by(col(Message.created_at).desc(), col(Message.id).desc()).limit(limit + 1)
    calls = calls.order_by(col(Interaction.created_at).desc(), col(Interaction.id).desc()).limit(limit + 1)
    found = [Told(m.created_at, m.id, m.interaction_id, m.channel, message=m) for m in (await db.exec(said)).all()]
    rung = (await db.exec(calls)).all()
    kept = await _recorded(db, [one.id for one in rung])
    found += [Told(i.created_at, i.id, i.id, i.channel, call=i, recorded=i.id in kept) for i in rung]
    found.sort(key=lambda one: (one.at, one.id), reverse=True)
    return Chapter(found[:limit], len(found) > limit)


def _behind(at: Any, id: Any, before: str) -> ColumnElement[bool]:
    moment, _, last = before.partition("~")
    when, row = datetime.fromisoformat(moment), UUID(last)
    if when.tzinfo is None:
        raise ValueError("The time has no zone.")
    return or_(at < when, and_(at == when, id < row))


async def _recorded(db: AsyncSession, interaction_ids: Sequence[UUID]) -> set[UUID]:
    query = select(Recording.interaction_id).where(col(Recording.interaction_id).in_(interaction_ids))
    return set((await db.exec(query)).all())


async def channels_of(db: AsyncSession, workspace_id: UUID, customer_id: UUID) -> list[str]:
    """The channels on which anything was said with them."""
    query = select(Interaction.channel).where(
        Interaction.workspace_id == workspace_id, Interaction.customer_id == customer_id
    )
    return sorted((await db.exec(query.distinct())).all())


async def figures(db: AsyncSession, workspace_id: UUID, customer_id: UUID) -> dict[str, int]:
    """How much of each there is that a merge would move."""
    found = {}
    for name, table in (("identities", Identity), ("interactions", Interaction), ("messages", Message)):
        query = select(func.count()).where(table.workspace_id == workspace_id, table.customer_id == customer_id)
        found[name] = int((await db.exec(query)).one())
    return found


async def lookalikes(db: AsyncSession, customer: Customer, known: Sequence[Identity]) -> Sequence[Customer]:
    """Other customers who may be the same person: of the same name, or with a number or address of theirs."""
    of_value = select(Identity.customer_id).where(
        Identity.workspace_id == customer.workspace_id, col(Identity.value).in_([one.value for one in known])
    )
    same: list[ColumnElement[bool]] = [col(Customer.id).in_(of_value)]
    if customer.name.strip():
        same.append(col(Customer.name) == customer.name)
    query = select(Customer).where(
        Customer.workspace_id == customer.workspace_id, Customer.id != customer.id,
        col(Customer.merged_into).is_(None), or_(*same),
    )  # fmt: skip
    return (await db.exec(query.limit(5))).all()
