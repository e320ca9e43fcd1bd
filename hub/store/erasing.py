"""Taking everything of a person out of the database."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import or_, update
from sqlmodel import SQLModel, col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import (
    Consent,
    Customer,
    CustomerChange,
    Identity,
    InboxEntry,
    Interaction,
    Message,
    Recording,
    Replay,
    StoredFile,
    Verification,
)


async def leave_no_trace_on_disk(db: AsyncSession) -> None:
    """SQLite writes zeros over what this connection deletes from now on; of PostgreSQL the vacuum sees to it."""
    if db.get_bind().dialect.name == "sqlite":
        await db.run_sync(lambda session: session.connection().exec_driver_sql("PRAGMA secure_delete=ON").close())


async def merged_into(db: AsyncSession, customer_id: UUID) -> list[UUID]:
    """The records that were merged into this one, directly or through others; those next to it last."""
    found: list[UUID] = []
    last = [customer_id]
    while last:
        query = select(Customer.id).where(col(Customer.merged_into).in_(last))
        last = list((await db.exec(query)).all())
        found = [*last, *found]
    return found


async def interactions_of(db: AsyncSession, customer_ids: Sequence[UUID]) -> list[UUID]:
    query = select(Interaction.id).where(col(Interaction.customer_id).in_(customer_ids)).with_for_update()
    return list((await db.exec(query)).all())


async def in_a_call(db: AsyncSession, interaction_ids: Sequence[UUID]) -> bool:
    for some in _some(interaction_ids):
        query = select(Interaction.id).where(
            col(Interaction.id).in_(some), Interaction.node != "", col(Interaction.ended_at).is_(None)
        )
        if (await db.exec(query.limit(1))).first() is not None:
            return True
    return False


async def files_of(db: AsyncSession, interaction_ids: Sequence[UUID]) -> list[str]:
    """Where below the data folder the recordings and attachments of these interactions are."""
    found: list[str] = []
    for some in _some(interaction_ids):
        found += (await db.exec(select(Recording.path).where(col(Recording.interaction_id).in_(some)))).all()
        found += (await db.exec(select(StoredFile.path).where(col(StoredFile.interaction_id).in_(some)))).all()
    return found


async def forget(
    db: AsyncSession, workspace_id: UUID, customer_ids: Sequence[UUID], interaction_ids: Sequence[UUID]
) -> None:
    """Delete all rows about them, in whichever tables refer to them or to what was said with them.

    Of what came in, the provider's id stays, so that it is not taken in again.
    """
    values = select(Identity.value).where(col(Identity.customer_id).in_(customer_ids))
    codes = or_(col(Verification.customer_id).in_(customer_ids), col(Verification.value).in_(values))
    await db.exec(delete(Verification).where(codes, col(Verification.workspace_id) == workspace_id))
    alone = col(Consent.identity_value).in_(values)
    await db.exec(delete(Consent).where(alone, col(Consent.workspace_id) == workspace_id))
    either = or_(col(CustomerChange.customer_id).in_(customer_ids), col(CustomerChange.other_id).in_(customer_ids))
    await db.exec(delete(CustomerChange).where(either))
    for some in _some(interaction_ids):
        await db.exec(
            update(InboxEntry)
            .where(col(InboxEntry.interaction_id).in_(some))
            .values(interaction_id=None, message_id=None, data={}, done_at=InboxEntry.received_at)
        )
        said = select(Message.id).where(col(Message.interaction_id).in_(some))
        await _forget_referring(db, {"interaction": some, "message": said})
        await db.exec(delete(Interaction).where(col(Interaction.id).in_(some)))
    await _forget_answers(db, workspace_id, [*customer_ids, *interaction_ids])
    await _forget_referring(db, {"customer": customer_ids})
    for customer_id in reversed(customer_ids):
        await db.exec(delete(Customer).where(col(Customer.id) == customer_id))


async def _forget_referring(db: AsyncSession, going: Mapping[str, Any]) -> None:
    """Delete what refers to rows of these tables that are going, those first that others refer to last."""
    for table in reversed(SQLModel.metadata.sorted_tables):
        if table.name in ("inbox_entry", "customer", "interaction"):
            continue
        for key in table.foreign_keys:
            if (ids := going.get(key.column.table.name)) is not None:
                await db.exec(delete(table).where(key.parent.in_(ids)))


async def _forget_answers(db: AsyncSession, workspace_id: UUID, ids: Sequence[UUID]) -> None:
    """What the API answered under idempotency keys, where it speaks of them; the keys stay used."""
    for some in _some(ids, 50):
        speaks = or_(*(col(Replay.body).contains(str(one)) for one in some))
        await db.exec(update(Replay).where(col(Replay.workspace_id) == workspace_id, speaks).values(body="{}"))


def _some(ids: Sequence[UUID], many: int = 500) -> Iterator[list[UUID]]:
    rest = iter(ids)
    while some := list(islice(rest, many)):
        yield some
