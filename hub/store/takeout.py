"""What exports read."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Consent, Customer, CustomerImport, Interaction

MOST_FIELDS = 100


async def custom_fields(db: AsyncSession, workspace_id: UUID) -> list[str]:
    """The names of custom fields that customers have, the commonest of many."""
    query = select(Customer.custom_fields).where(Customer.workspace_id == workspace_id)
    seen: dict[str, int] = {}
    for fields in (await db.exec(query)).all():
        for name in fields:
            seen[name] = seen.get(name, 0) + 1
    return sorted(sorted(seen, key=lambda name: -seen[name])[:MOST_FIELDS])


async def consents_of(
    db: AsyncSession, workspace_id: UUID, customer_ids: Sequence[UUID]
) -> dict[UUID, list[Consent]]:  # fmt: skip
    """The ledger's entries of these customers, the oldest first."""
    query = select(Consent).where(Consent.workspace_id == workspace_id, col(Consent.customer_id).in_(customer_ids))
    found: dict[UUID, list[Consent]] = {}
    for entry in (await db.exec(query.order_by(col(Consent.id)))).all():
        if entry.customer_id is not None:
            found.setdefault(entry.customer_id, []).append(entry)
    return found


async def ledger(db: AsyncSession, workspace_id: UUID, after: UUID | None, limit: int) -> Sequence[Consent]:
    """The consent ledger, the oldest entry first; `after` continues it."""
    query = select(Consent).where(Consent.workspace_id == workspace_id)
    if after is not None:
        query = query.where(Consent.id > after)
    return (await db.exec(query.order_by(col(Consent.id)).limit(limit))).all()


async def customer_import(db: AsyncSession, workspace_id: UUID, run_id: UUID) -> CustomerImport | None:
    found = await db.get(CustomerImport, run_id)
    return found if found and found.workspace_id == workspace_id else None


async def running_import(
    db: AsyncSession, workspace_id: UUID, file_id: UUID, since: datetime
) -> CustomerImport | None:  # fmt: skip
    """The import of this file that has been going on since then, if there is one."""
    query = select(CustomerImport).where(
        CustomerImport.workspace_id == workspace_id,
        CustomerImport.file_id == file_id,
        col(CustomerImport.ended_at).is_(None),
        CustomerImport.updated_at > since,
    )
    return (await db.exec(query.limit(1))).first()


async def interactions_of(db: AsyncSession, workspace_id: UUID, customer_id: UUID) -> Sequence[Interaction]:
    """All of a customer's interactions, the oldest first."""
    query = select(Interaction).where(Interaction.workspace_id == workspace_id, Interaction.customer_id == customer_id)
    return (await db.exec(query.order_by(col(Interaction.id)))).all()
