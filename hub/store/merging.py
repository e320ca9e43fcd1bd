"""What belongs to a customer and moves with them: identities, interactions with their messages, consents."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Consent, Customer, CustomerChange, Identity, Interaction, Message

_AT_ONCE = 500


async def held(db: AsyncSession, workspace_id: UUID, *customer_ids: UUID) -> dict[UUID, Customer]:
    """These customers of the workspace, held until this writing transaction ends."""
    query = select(Customer).where(Customer.workspace_id == workspace_id, col(Customer.id).in_(customer_ids))
    rows = (await db.exec(query.order_by(col(Customer.id)).with_for_update(key_share=True))).all()
    return {row.id: row for row in rows}


async def hold_interactions(db: AsyncSession, *customer_ids: UUID) -> None:
    """Nobody writes into these customers' interactions until this writing transaction ends.

    They are held before the customers are: whoever writes into one refers to its customer.
    """
    query = select(Interaction.id).where(col(Interaction.customer_id).in_(customer_ids))
    await db.exec(query.order_by(col(Interaction.id)).with_for_update())


async def all_of(db: AsyncSession, table: type[Any], customer_id: UUID) -> list[UUID]:
    """The ids of a customer's identities, interactions or consents."""
    query = select(table.id).where(table.customer_id == customer_id).order_by(table.id)
    return list((await db.exec(query)).all())


async def move(
    db: AsyncSession, source: UUID, to: UUID, *, identities: Sequence[UUID], interactions: Sequence[UUID],
    consents: Sequence[UUID],
) -> None:  # fmt: skip
    """Give these to another customer, as far as they are still the source's. Messages go with their interaction."""
    for table, ids in ((Identity, identities), (Interaction, interactions), (Consent, consents)):
        for some in _some(ids):
            await _give(db, table, col(table.id).in_(some), source, to)
    for some in _some(interactions):
        await _give(db, Message, col(Message.interaction_id).in_(some), source, to)


async def _give(db: AsyncSession, table: type[Any], which: Any, source: UUID, to: UUID) -> None:
    await db.exec(update(table).where(which, table.customer_id == source).values(customer_id=to))


async def came_by(
    db: AsyncSession, customer_id: UUID, identities: Iterable[Identity], kinds: dict[str, str],
    since: datetime | None = None,
) -> list[UUID]:  # fmt: skip
    """The customer's interactions that came by one of these identities; `kinds` is which kind each channel knows."""
    found: list[UUID] = []
    for one in identities:
        channels = [channel for channel, kind in kinds.items() if kind == one.kind or one.kind == "visitor"]
        query = select(Interaction.id).where(
            Interaction.customer_id == customer_id, Interaction.person == one.value,
            col(Interaction.channel).in_(channels),
        )  # fmt: skip
        if since is not None:
            query = query.where(Interaction.created_at >= since)
        found += (await db.exec(query)).all()
    return sorted(set(found))


async def consents_by(
    db: AsyncSession, customer_id: UUID, identities: Iterable[Identity], since: datetime | None = None
) -> list[UUID]:  # fmt: skip
    """The customer's entries of the ledger that name one of these identities."""
    names = [(one.kind, one.value) for one in identities]
    if not names:
        return []
    which = or_(*((Consent.identity_kind == kind) & (Consent.identity_value == value) for kind, value in names))
    query = select(Consent.id).where(Consent.customer_id == customer_id, which)
    if since is not None:
        query = query.where(Consent.created_at >= since)
    return list((await db.exec(query)).all())


async def some_identities(db: AsyncSession, customer_id: UUID, ids: Iterable[UUID]) -> list[Identity]:
    """Those of a customer's identities."""
    query = select(Identity).where(Identity.customer_id == customer_id, col(Identity.id).in_(list(ids)))
    return list((await db.exec(query.order_by(col(Identity.id)))).all())


async def same_numbers(
    db: AsyncSession, customer_id: UUID, identities: Iterable[Identity], since: datetime
) -> list[Identity]:
    """Identities that the customer came to have since, of the very numbers of these: a phone's is its WhatsApp's."""
    known = list(identities)
    query = select(Identity).where(
        Identity.customer_id == customer_id, Identity.created_at >= since,
        col(Identity.kind).in_(["phone", "whatsapp"]), col(Identity.value).in_([one.value for one in known]),
        col(Identity.id).not_in([one.id for one in known]),
    )  # fmt: skip
    return list((await db.exec(query)).all())


async def change(db: AsyncSession, workspace_id: UUID, change_id: UUID) -> CustomerChange | None:
    found = await db.get(CustomerChange, change_id, with_for_update=True)
    return found if found and found.workspace_id == workspace_id else None


async def changes(db: AsyncSession, workspace_id: UUID, customer_id: UUID, limit: int = 20) -> Sequence[CustomerChange]:
    """Merges and splits that a customer took part in, the newest first."""
    query = select(CustomerChange).where(
        CustomerChange.workspace_id == workspace_id,
        or_(CustomerChange.customer_id == customer_id, CustomerChange.other_id == customer_id),
    )
    return (await db.exec(query.order_by(col(CustomerChange.id).desc()).limit(limit))).all()


async def standing_on(db: AsyncSession, change: CustomerChange) -> CustomerChange | None:
    """A later change of the same customers that was not undone: it has to be undone first."""
    query = select(CustomerChange).where(
        CustomerChange.workspace_id == change.workspace_id,
        CustomerChange.id > change.id,
        col(CustomerChange.undone_at).is_(None),
        or_(
            col(CustomerChange.customer_id).in_([change.customer_id, change.other_id]),
            col(CustomerChange.other_id).in_([change.customer_id, change.other_id]),
        ),
    )
    return (await db.exec(query.limit(1))).first()


def _some(ids: Iterable[UUID]) -> Iterator[list[UUID]]:
    rest = iter(ids)
    while some := list(islice(rest, _AT_ONCE)):
        yield some
