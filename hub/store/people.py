"""Customers, what they are known by, and what they consented to."""

from collections.abc import Sequence
from uuid import UUID

from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Consent, Customer, Identity, Tombstone, Workspace


async def customer(db: AsyncSession, workspace_id: UUID, customer_id: UUID) -> Customer | None:
    found = await db.get(Customer, customer_id)
    return found if found and found.workspace_id == workspace_id else None


async def customer_at_home(db: AsyncSession, customer_id: UUID) -> tuple[Customer, Workspace]:
    """A customer, who must exist, and their workspace."""
    query = select(Customer, Workspace).join(Workspace, col(Workspace.id) == col(Customer.workspace_id))
    return (await db.exec(query.where(Customer.id == customer_id))).one()


async def name_if_nameless(db: AsyncSession, workspace_id: UUID, customer_id: UUID, name: str) -> None:
    """Call the customer by the name they gave, unless they have one already."""
    found = await customer(db, workspace_id, customer_id)
    if found is not None and not found.name:
        found.name = name[:200]


async def customers(
    db: AsyncSession, workspace_id: UUID, *, text: str = "", before: UUID | None = None, limit: int = 50
) -> Sequence[Customer]:
    """The newest first; `text` looks in names and identities; `before` continues a list.

    Those whom the playground made up are left out.
    """
    made_up = select(Identity.customer_id).where(
        Identity.workspace_id == workspace_id, Identity.kind == "visitor",
        Identity.value >= "playground-", Identity.value < "playground.",
    )  # fmt: skip
    query = select(Customer).where(
        Customer.workspace_id == workspace_id, col(Customer.merged_into).is_(None), col(Customer.id).not_in(made_up)
    )
    if before is not None:
        query = query.where(Customer.id < before)
    if text:
        like = f"%{text.lower().replace('%', '')}%"
        known = select(Identity.customer_id).where(
            Identity.workspace_id == workspace_id, col(Identity.value).like(like)
        )
        query = query.where(or_(col(Customer.name).ilike(like), col(Customer.id).in_(known)))
    return (await db.exec(query.order_by(col(Customer.id).desc()).limit(limit))).all()


async def identity(db: AsyncSession, workspace_id: UUID, kind: str, value: str) -> Identity | None:
    """The one that somebody is recognised by; none that was merely picked up in passing."""
    query = select(Identity).where(
        Identity.workspace_id == workspace_id, Identity.kind == kind, Identity.value == value,
        Identity.strength != "inferred",
    )  # fmt: skip
    return (await db.exec(query)).first()


async def known_by(
    db: AsyncSession, workspace_id: UUID, values: Sequence[str]
) -> dict[tuple[str, str], UUID]:  # fmt: skip
    """Who is recognised by each of these values, by kind and value."""
    query = select(Identity.kind, Identity.value, Identity.customer_id).where(
        Identity.workspace_id == workspace_id, col(Identity.value).in_(values), Identity.strength != "inferred"
    )
    return {(kind, value): customer_id for kind, value, customer_id in (await db.exec(query)).all()}


async def known_as(
    db: AsyncSession, workspace_id: UUID, kinds: Sequence[str], value: str
) -> Sequence[tuple[Identity, Customer]]:
    """Who is recognised by this value, as any of these kinds."""
    query = (
        select(Identity, Customer)
        .join(Customer, col(Customer.id) == col(Identity.customer_id))
        .where(
            Identity.workspace_id == workspace_id, col(Identity.kind).in_(kinds), Identity.value == value,
            Identity.strength != "inferred",
        )
    )  # fmt: skip
    return (await db.exec(query)).all()


async def identities(db: AsyncSession, workspace_id: UUID, *customer_ids: UUID) -> Sequence[Identity]:
    query = select(Identity).where(Identity.workspace_id == workspace_id, col(Identity.customer_id).in_(customer_ids))
    return (await db.exec(query.order_by(col(Identity.created_at)))).all()


async def consents_about(
    db: AsyncSession, workspace_id: UUID, customer_id: UUID | None, kind: str, value: str
) -> Sequence[Consent]:
    """The ledger of this person and this identity, the oldest first."""
    here = (Consent.identity_value == value) & (Consent.identity_kind == kind)
    query = select(Consent).where(
        Consent.workspace_id == workspace_id, or_(Consent.customer_id == customer_id, here) if customer_id else here
    )
    return (await db.exec(query.order_by(col(Consent.id)))).all()


async def consents(db: AsyncSession, workspace_id: UUID, customer_id: UUID) -> Sequence[Consent]:
    """All that the ledger says of this person and of each of their identities, the newest first."""
    theirs = select(Identity.value).where(Identity.workspace_id == workspace_id, Identity.customer_id == customer_id)
    alone = col(Consent.customer_id).is_(None) & col(Consent.identity_value).in_(theirs)
    query = select(Consent).where(Consent.workspace_id == workspace_id, or_(Consent.customer_id == customer_id, alone))
    return (await db.exec(query.order_by(col(Consent.id).desc()))).all()


async def tombstone(db: AsyncSession, workspace_id: UUID, digest: str) -> Tombstone | None:
    return await db.get(Tombstone, (workspace_id, digest))
