"""An interaction as people read it: its messages, and between them what happened."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Event, Interaction, Message
from hub.store import interactions

SHOWN_EVENTS = (
    "tool.called", "stage.entered", "member.changed", "field.collected", "interaction.started", "interaction.ended",
    "interaction.needs_human", "interaction.taken_over", "interaction.handed_back", "interaction.assigned",
    "interaction.snoozed", "interaction.tagged", "interaction.rated", "interaction.call_requested",
    "interaction.left_email", "consent.revoked", "consent.granted", "message.unsure", "message.parked",
    "call.connected", "call.interrupted", "call.digit", "call.machine", "call.transferring", "call.transferred",
    "call.transfer_failed", "call.commanded", "call.apologised", "call.voiceless", "call.deaf", "call.lost",
    "call.joined", "call.left", "engine.failed", "recording.started", "recording.finished", "recording.deleted",
)  # fmt: skip
_PAGE = 50
_MOST_EVENTS = 400
_MOST_CHANGES = 300
_LATELY = 30
_FIELD_EVENTS_BACK = 3_000


@dataclass(frozen=True, slots=True)
class Item:
    """One thing in the thread: a message, or an event that is shown between messages."""

    seq: int
    at: datetime
    message: Message | None = None
    event: Event | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Items in order. `older`: there are messages before them; `last_seq`: all is told up to here."""

    items: list[Item]
    older: bool = False
    last_seq: int = 0


async def stretch(
    db: AsyncSession, interaction: Interaction, *, before: int | None = None, limit: int = _PAGE
) -> Stretch:
    """The newest items, or the newest before the message at `before`."""
    said = await interactions.messages(db, interaction.workspace_id, interaction.id, before=before, limit=limit + 1)
    older, said = len(said) > limit, said[-limit:]
    first = said[0].seq if older else 0
    query = select(Event).where(
        Event.workspace_id == interaction.workspace_id,
        Event.interaction_id == interaction.id,
        Event.seq >= first,
        col(Event.type).in_(SHOWN_EVENTS),
    )
    if before is not None:
        query = query.where(Event.seq < before)
    newest = (await db.exec(query.order_by(col(Event.seq).desc()).limit(_MOST_EVENTS))).all()
    return Stretch(_mixed(said, newest), older, interaction.last_seq)


async def changes(db: AsyncSession, interaction: Interaction, after: int) -> Stretch:
    """What is new or looks different since the event `after`; ask again from `last_seq`."""
    log = await interactions.events(db, interaction.workspace_id, interaction.id, after=after, limit=_MOST_CHANGES)
    if not log:
        return Stretch([], last_seq=after)
    ids = {UUID(event.data["message_id"]) for event in log if event.data.get("message_id")}
    said: list[Message] = []
    if any(event.type == "message.canceled" for event in log):
        said = await interactions.messages(db, interaction.workspace_id, interaction.id, limit=_LATELY)
    if missing := ids - {message.id for message in said}:
        query = select(Message).where(Message.workspace_id == interaction.workspace_id, col(Message.id).in_(missing))
        said += (await db.exec(query)).all()
    return Stretch(_mixed(said, [e for e in log if e.type in SHOWN_EVENTS]), last_seq=log[-1].seq)


def _mixed(said: Sequence[Message], events: Sequence[Event]) -> list[Item]:
    items = [Item(message.seq, message.created_at, message=message) for message in said]
    items += [Item(event.seq, event.at, event=event) for event in events]
    return sorted(items, key=lambda item: item.seq)


async def known_so_far(db: AsyncSession, interaction: Interaction) -> dict[str, Event]:
    """The newest value of each field that the agent found out, with its evidence."""
    query = (
        select(Event)
        .where(
            Event.workspace_id == interaction.workspace_id,
            Event.interaction_id == interaction.id,
            Event.seq > interaction.last_seq - _FIELD_EVENTS_BACK,
            Event.type == "field.collected",
        )
        .order_by(col(Event.seq))
    )
    return {str(event.data.get("field", "")): event for event in (await db.exec(query)).all()}


async def others_of_customer(
    db: AsyncSession, interaction: Interaction, limit: int = 20
) -> Sequence[tuple[UUID, str, str, str, datetime, datetime | None]]:
    """Other interactions of the same customer, newest first: id, channel, status, preview, start, end."""
    query = (
        select(
            Interaction.id, Interaction.channel, Interaction.status, Interaction.preview,
            Interaction.created_at, Interaction.ended_at,
        )  # type: ignore[call-overload]
        .where(
            Interaction.workspace_id == interaction.workspace_id,
            Interaction.customer_id == interaction.customer_id,
            Interaction.id != interaction.id,
        )
        .order_by(col(Interaction.created_at).desc())
        .limit(limit)
    )  # fmt: skip
    rows: Sequence[tuple[UUID, str, str, str, datetime, datetime | None]] = (await db.exec(query)).all()
    return rows


async def message_count(db: AsyncSession, interaction: Interaction, most: int = 1_000) -> int:
    """How many messages people see in it, counted up to `most`."""
    inner = (
        select(Message.id)
        .where(Message.interaction_id == interaction.id, col(Message.note).is_(False))
        .limit(most)
        .subquery()
    )
    return int((await db.exec(select(func.count()).select_from(inner))).one())
