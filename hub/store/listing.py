"""Long lists, a page at a time: by time-ordered id, or by place in an interaction's log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, String, Uuid, bindparam, or_, text, update
from sqlmodel import SQLModel, col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Customer, Event, Identity, Interaction, Message, Tag


class _Owned(Protocol):
    id: UUID
    workspace_id: UUID


Row = TypeVar("Row", bound=SQLModel)
Logged = TypeVar("Logged", Message, Event)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which interactions to list; empty means any. `text` looks in messages, names and identities."""

    status: str = ""
    channel: str = ""
    direction: str = ""
    owner: str = ""
    agent_id: UUID | None = None
    customer_id: UUID | None = None
    tag: str = ""
    created_after: datetime | None = None
    created_before: datetime | None = None
    text: str = ""


async def newest(
    db: AsyncSession,
    table: type[Row],
    workspace_id: UUID,
    *where: ColumnElement[bool] | bool,
    before: UUID | None = None,
    limit: int = 50,
) -> Sequence[Row]:
    """Rows of this workspace, the newest first; `before` continues a list."""
    owned: type[_Owned] = table  # type: ignore[assignment]
    query = select(table).where(owned.workspace_id == workspace_id, *where)
    if before is not None:
        query = query.where(owned.id < before)
    return (await db.exec(query.order_by(col(owned.id).desc()).limit(limit))).all()


async def logged(
    db: AsyncSession,
    table: type[Logged],
    workspace_id: UUID,
    interaction_id: UUID,
    *,
    after: int = 0,
    limit: int,
) -> Sequence[Logged]:
    """An interaction's messages or events in their order, those after place `after`."""
    query = select(table).where(
        table.workspace_id == workspace_id, table.interaction_id == interaction_id, table.seq > after
    )
    return (await db.exec(query.order_by(col(table.seq)).limit(limit))).all()


async def trace_ids(db: AsyncSession, workspace_id: UUID, interaction_ids: set[UUID]) -> dict[UUID, str]:
    """The trace id of each of these interactions."""
    query = select(Interaction.id, Interaction.trace_id).where(
        Interaction.workspace_id == workspace_id, col(Interaction.id).in_(interaction_ids)
    )
    return dict((await db.exec(query)).all())


async def let_go_of_address(db: AsyncSession, workspace_id: UUID, address_id: UUID) -> None:
    """Interactions keep what it was called (`ours`), so that it can be deleted."""
    await db.exec(
        update(Interaction)
        .where(col(Interaction.workspace_id) == workspace_id, col(Interaction.address_id) == address_id)
        .values(address_id=None)
    )


async def interactions(
    db: AsyncSession, workspace_id: UUID, wanted: Wanted, *, before: UUID | None = None, limit: int = 50
) -> Sequence[Interaction]:
    """The interactions that are wanted, the newest first."""
    sqlite = db.get_bind().dialect.name == "sqlite"
    conditions = _exactly(wanted)
    if wanted.tag:
        conditions.append(_tagged(workspace_id, wanted.tag))
    if wanted.text:
        conditions.append(_mentions(workspace_id, wanted.text, sqlite))
    return await newest(db, Interaction, workspace_id, *conditions, before=before, limit=limit)


def _exactly(wanted: Wanted) -> list[ColumnElement[bool]]:
    same = ("status", "channel", "direction", "owner", "agent_id", "customer_id")
    conditions: list[ColumnElement[bool]] = [
        col(getattr(Interaction, name)) == getattr(wanted, name) for name in same if getattr(wanted, name)
    ]
    if wanted.created_after is not None:
        conditions.append(col(Interaction.created_at) >= wanted.created_after)
    if wanted.created_before is not None:
        conditions.append(col(Interaction.created_at) < wanted.created_before)
    return conditions


def _tagged(workspace_id: UUID, tag: str) -> ColumnElement[bool]:
    tagged = select(Tag.interaction_id).where(Tag.workspace_id == workspace_id, Tag.name == tag)
    return col(Interaction.id).in_(tagged)


def _mentions(workspace_id: UUID, words: str, sqlite: bool) -> ColumnElement[bool]:
    """Interactions in which all the words were said in one message, or whose customer is called so."""
    like = "%" + words.strip().lower().replace("\\", "").replace("%", "\\%").replace("_", "\\_") + "%"
    named = select(Customer.id).where(
        Customer.workspace_id == workspace_id, func.lower(Customer.name).like(like, escape="\\")
    )
    known = select(Identity.customer_id).where(
        Identity.workspace_id == workspace_id, col(Identity.value).like(like, escape="\\")
    )
    customers = or_(col(Interaction.customer_id).in_(named), col(Interaction.customer_id).in_(known))
    if not sqlite:
        said = select(Message.interaction_id).where(
            Message.workspace_id == workspace_id,
            func.to_tsvector(text("'simple'"), Message.text).op("@@")(func.websearch_to_tsquery("simple", words)),
        )
        return or_(customers, col(Interaction.id).in_(said))
    terms = ["".join(c for c in word if c.isalnum() or c in "'@+.-_") for word in words.split()]
    match = " ".join(f'"{term}"' for term in terms if any(c.isalnum() for c in term))
    if not match:
        return customers
    found = (
        text(
            "SELECT m.interaction_id FROM message_search s JOIN message m ON m.rowid = s.rowid "
            "WHERE message_search MATCH :match AND m.workspace_id = :workspace"
        )
        .bindparams(bindparam("match", match, String), bindparam("workspace", workspace_id, Uuid))
        .columns(interaction_id=Uuid)
        .subquery()
    )
    return or_(customers, col(Interaction.id).in_(select(found.c.interaction_id)))
