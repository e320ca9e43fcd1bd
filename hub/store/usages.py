"""What was used, counted once, and what a workspace pays for it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Interaction, Price, UsageEntry
from hub.pricing import Cost, Prices, Rate, Use, cost_from, cost_of
from hub.store.upsert import insert

MOST_ENTRIES = 100_000
GROUPS = ("channel", "agent_id", "kind", "vendor", "model", "day")


async def add(db: AsyncSession, interaction: Interaction, at: datetime, uses: Iterable[tuple[str, Use]]) -> None:
    """Write down uses, each under its key; one that is written down already stays as it is. Its turn is the newest."""
    rows = [
        {
            "interaction_id": interaction.id, "workspace_id": interaction.workspace_id, "key": key, "kind": use.kind,
            "vendor": use.vendor, "model": use.model, "unit": use.unit, "quantity": use.quantity, "own": use.own,
            "turn": interaction.heard_seq, "at": at,
        }
        for key, use in uses if use.quantity > 0
    ]  # fmt: skip
    if not rows:
        return
    statement = insert(db, UsageEntry).on_conflict_do_nothing(index_elements=["interaction_id", "key"])
    await db.exec(statement, params=rows)  # as `values` it would be compiled anew each time


async def entries(db: AsyncSession, workspace_id: UUID, interaction_id: UUID) -> Sequence[UsageEntry]:
    query = select(UsageEntry).where(
        UsageEntry.workspace_id == workspace_id, UsageEntry.interaction_id == interaction_id
    )
    return (await db.exec(query.order_by(col(UsageEntry.at), col(UsageEntry.key)).limit(MOST_ENTRIES))).all()


def use_of(entry: UsageEntry) -> Use:
    return Use(entry.kind, entry.vendor, entry.model, entry.unit, entry.quantity, entry.own, entry.at)


async def prices(db: AsyncSession, workspace_id: UUID) -> Prices:
    return Prices([rate_of(row) for row in await price_rows(db, workspace_id)])


async def price_rows(db: AsyncSession, workspace_id: UUID) -> Sequence[Price]:
    """The workspace's own prices, the newest first."""
    query = select(Price).where(Price.workspace_id == workspace_id)
    return (await db.exec(query.order_by(col(Price.valid_from).desc(), col(Price.id).desc()))).all()


async def price(db: AsyncSession, workspace_id: UUID, price_id: UUID) -> Price | None:
    found = await db.get(Price, price_id)
    return found if found and found.workspace_id == workspace_id else None


async def remove_price(db: AsyncSession, workspace_id: UUID, price_id: UUID) -> None:
    await db.exec(delete(Price).where(col(Price.workspace_id) == workspace_id, col(Price.id) == price_id))


def rate_of(row: Price) -> Rate:
    return Rate(
        row.vendor, row.model, row.unit, row.amount_micros, row.per, row.step, row.currency, row.valid_from, row.id
    )


async def cost(db: AsyncSession, interaction: Interaction) -> Cost:
    """What an interaction has cost so far."""
    found = await entries(db, interaction.workspace_id, interaction.id)
    return cost_of(map(use_of, found), await prices(db, interaction.workspace_id))


async def cost_by_turn(db: AsyncSession, interaction: Interaction) -> dict[int, Cost]:
    """What each turn has cost, by the seq of the customer's message that it answered; 0 before the first."""
    known = await prices(db, interaction.workspace_id)
    turns: dict[int, list[Use]] = {}
    for entry in await entries(db, interaction.workspace_id, interaction.id):
        turns.setdefault(entry.turn, []).append(use_of(entry))
    return {turn: cost_of(uses, known) for turn, uses in turns.items()}


async def usage(
    db: AsyncSession, workspace_id: UUID, begin: datetime, end: datetime, group_by: str = ""
) -> dict[str, Cost]:
    """What was used in a stretch of time, by a column of `GROUPS`; all under "" without one."""
    group = _grouped(db, group_by)
    within = (UsageEntry.workspace_id == workspace_id, UsageEntry.at >= begin, UsageEntry.at < end)
    kinds = select(UsageEntry.vendor, UsageEntry.model, UsageEntry.unit).where(*within).distinct()
    known = await prices(db, workspace_id)
    sums: dict[str, dict[Any, tuple[int, int]]] = {}
    for vendor, model, unit in (await db.exec(kinds)).all():
        for since, until, rate in known.spans(vendor, model, unit):
            step = rate.step if rate else 1
            charged_units = (col(UsageEntry.quantity) + (step - 1)) // step * step if step > 1 else UsageEntry.quantity
            keys = [*group, col(UsageEntry.kind), col(UsageEntry.own)]
            sums_of: list[Any] = [*keys, func.sum(UsageEntry.quantity), func.sum(charged_units)]
            query = (
                select(*sums_of)
                .where(*within, UsageEntry.vendor == vendor, UsageEntry.model == model, UsageEntry.unit == unit)
                .group_by(*keys)
            )
            if group_by in ("channel", "agent_id"):
                query = query.join(Interaction, col(Interaction.id) == col(UsageEntry.interaction_id))
            if since is not None:
                query = query.where(UsageEntry.at >= since)
            if until is not None:
                query = query.where(UsageEntry.at < until)
            for *key, kind, own, quantity, charged in (await db.execute(query)).all():
                of = sums.setdefault(str(key[0]) if key and key[0] is not None else "", {})
                of[kind, vendor, model, unit, bool(own), rate] = int(quantity), int(charged)
    return {key: cost_from(found) for key, found in sums.items()}


def _grouped(db: AsyncSession, group_by: str) -> list[Any]:
    at = col(UsageEntry.at)
    postgres = db.get_bind().dialect.name == "postgresql"
    day = func.to_char(func.timezone("UTC", at), "YYYY-MM-DD") if postgres else func.substr(at, 1, 10)
    columns: dict[str, Any] = {
        "channel": Interaction.channel, "agent_id": Interaction.agent_id, "kind": UsageEntry.kind,
        "vendor": UsageEntry.vendor, "model": UsageEntry.model, "day": day,
    }  # fmt: skip
    return [columns[group_by]] if group_by else []
