"""Customers, what they are known by, and what they consented to."""

from collections.abc import Sequence
from uuid import UUID

from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Consent, Customer, Identity, Workspace


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
    query = select(Customer).where(Customer.workspace_id == workspace_id, col(Customer.id).not_in(made_up))
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
    query = select(Identity).where(
        Identity.workspace_id == workspace_id, Identity.kind == kind, Identity.value == value
    )
    return (await db.exec(query)).first()


async def known_as(
    db: AsyncSession, workspace_id: UUID, kinds: Sequence[str], value: str
) -> Sequence[tuple[Identity, Customer]]:
    """Who is known by this value, as any of these kinds."""
    query = (
        select(Identity, Customer)
        .join(Customer, col(Customer.id) == col(Identity.customer_id))
        .where(Identity.workspace_id == workspace_id, col(Identity.kind).in_(kinds), Identity.value == value)
    )
    return (await db.exec(query)).all()


async def identities(db: AsyncSession, workspace_id: UUID, *customer_ids: UUID) -> Sequence[Identity]:
    query = select(Identity).where(Identity.workspace_id == workspace_id, col(Identity.customer_id).in_(customer_ids))
    return (await db.exec(query.order_by(col(Identity.created_at)))).all()


async def newest_consent(
    db: AsyncSession, workspace_id: UUID, customer_id: UUID, kind: str, value: str, channel: str
) -> Consent | None:
    """The entry that counts now for this person on this channel."""
    query = (
        select(Consent)
        .where(
            Consent.workspace_id == workspace_id,
            or_(
                Consent.customer_id == customer_id,
                (Consent.identity_kind == kind) & (Consent.identity_value == value),
            ),
            col(Consent.channel).in_(["", channel]),
        )
        .order_by(col(Consent.id).desc())
        .limit(1)
    )
    return (await db.exec(query)).first()


async def consents(db: AsyncSession, workspace_id: UUID, customer_id: UUID) -> Sequence[Consent]:
    query = select(Consent).where(Consent.workspace_id == workspace_id, Consent.customer_id == customer_id)
    return (await db.exec(query.order_by(col(Consent.id).desc()))).all()
