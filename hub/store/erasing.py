"""Taking everything of a person out of the database."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import or_, update
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import (
    Command,
    Consent,
    Customer,
    CustomerChange,
    Event,
    Identity,
    InboxEntry,
    Interaction,
    Mention,
    Message,
    OutboxEntry,
    Question,
    Recording,
    Replay,
    StoredFile,
    Tag,
    Verification,
)

_OF_INTERACTIONS = (OutboxEntry, Command, Recording, StoredFile, Mention, Tag, Event)


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
    """Delete all rows about them. Of what came in, the provider's id stays, so that it is not taken in again."""
    for some in _some(interaction_ids):
        await db.exec(
            update(InboxEntry)
            .where(col(InboxEntry.interaction_id).in_(some))
            .values(interaction_id=None, message_id=None, data={}, done_at=InboxEntry.received_at)
        )
        ours = or_(col(Question.interaction_id).in_(some), col(Question.by_interaction_id).in_(some))
        await db.exec(delete(Question).where(ours))
        for table in _OF_INTERACTIONS:
            await _delete(db, table, col(table.interaction_id).in_(some))
        await _delete(db, Message, col(Message.interaction_id).in_(some))
        await _delete(db, Interaction, col(Interaction.id).in_(some))
    values = select(Identity.value).where(col(Identity.customer_id).in_(customer_ids))
    codes = or_(col(Verification.customer_id).in_(customer_ids), col(Verification.value).in_(values))
    await _delete(db, Verification, codes & (col(Verification.workspace_id) == workspace_id))
    await _delete(db, Consent, (col(Consent.workspace_id) == workspace_id) & col(Consent.identity_value).in_(values))
    await _delete(db, Consent, col(Consent.customer_id).in_(customer_ids))
    either = or_(col(CustomerChange.customer_id).in_(customer_ids), col(CustomerChange.other_id).in_(customer_ids))
    await _delete(db, CustomerChange, either)
    await _forget_answers(db, workspace_id, [*customer_ids, *interaction_ids])
    await _delete(db, Identity, col(Identity.customer_id).in_(customer_ids))
    for customer_id in reversed(customer_ids):
        await _delete(db, Customer, col(Customer.id) == customer_id)


async def _forget_answers(db: AsyncSession, workspace_id: UUID, ids: Sequence[UUID]) -> None:
    """What the API answered under idempotency keys, where it speaks of them; the keys stay used."""
    for some in _some(ids, 50):
        speaks = or_(*(col(Replay.body).contains(str(one)) for one in some))
        await db.exec(update(Replay).where(col(Replay.workspace_id) == workspace_id, speaks).values(body="{}"))


async def _delete(db: AsyncSession, table: type[Any], where: Any) -> None:
    await db.exec(delete(table).where(where))


def _some(ids: Sequence[UUID], many: int = 500) -> Iterator[list[UUID]]:
    rest = iter(ids)
    while some := list(islice(rest, many)):
        yield some
