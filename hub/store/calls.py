"""What live interactions are asked to do, their recordings, and which of them lost their node."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Command, Interaction, Recording


def customers_call(interaction: Interaction) -> UUID | None:
    """The interaction of the customer whom such a call is about; None of any other call. No API sets this."""
    about = interaction.state.get("transfer_of")
    return UUID(about) if isinstance(about, str) and about else None


def call_hint(db: AsyncSession, interaction_id: UUID) -> None:
    """Tell the node that holds this live interaction, once this transaction is committed, to look again."""
    db.info.setdefault("hints", set()).add((f"call:{interaction_id}", str(interaction_id)))


async def open_commands(db: AsyncSession, interaction_id: UUID) -> Sequence[Command]:
    query = select(Command).where(Command.interaction_id == interaction_id, col(Command.done_at).is_(None))
    return (await db.exec(query.order_by(col(Command.id)))).all()


async def command(db: AsyncSession, workspace_id: UUID, command_id: UUID) -> Command | None:
    found = await db.get(Command, command_id)
    return found if found and found.workspace_id == workspace_id else None


async def done(
    db: AsyncSession, command_id: UUID, fault: str, now: datetime, arguments: Mapping[str, Any]
) -> None:  # fmt: skip
    """It was carried out or refused; `arguments` as they may be kept."""
    query = update(Command).where(col(Command.id) == command_id)
    await db.exec(query.values(done_at=now, fault=fault, arguments=dict(arguments)))


async def recording_paused(db: AsyncSession, interaction_id: UUID) -> bool:
    """Whether the last that was asked of its recording, and done, is to pause."""
    query = select(Command.verb).where(
        Command.interaction_id == interaction_id, Command.fault == "", col(Command.done_at).is_not(None),
        col(Command.verb).in_(("recording_pause", "recording_resume")),
    )  # fmt: skip
    return (await db.exec(query.order_by(col(Command.id).desc()).limit(1))).first() == "recording_pause"


async def refuse_open(
    db: AsyncSession, interaction_id: UUID, fault: str, now: datetime, but: Collection[UUID] = ()
) -> None:
    """Nobody will carry out what is still asked, `but` these, which were and are about to be written down."""
    still_asked = (col(Command.interaction_id) == interaction_id, col(Command.done_at).is_(None))
    await db.exec(update(Command).where(*still_asked, col(Command.id).not_in(but)).values(done_at=now, fault=fault))


async def recordings(db: AsyncSession, workspace_id: UUID, interaction_id: UUID) -> Sequence[Recording]:
    """The parts of an interaction's recording, in their order."""
    query = select(Recording).where(Recording.workspace_id == workspace_id, Recording.interaction_id == interaction_id)
    return (await db.exec(query.order_by(col(Recording.started_at)))).all()


async def left_open(db: AsyncSession, before: datetime, limit: int = 100) -> Sequence[Recording]:
    """Recordings that nobody finished although their call ended before that time."""
    query = (
        select(Recording)
        .join(Interaction, col(Interaction.id) == col(Recording.interaction_id))
        .where(col(Recording.finished_at).is_(None), col(Interaction.ended_at) < before)
    )
    return (await db.exec(query.limit(limit))).all()


async def recording(db: AsyncSession, workspace_id: UUID, recording_id: UUID) -> Recording | None:
    found = await db.get(Recording, recording_id)
    return found if found and found.workspace_id == workspace_id else None


async def of_carrier(db: AsyncSession, channel: str, external_id: str) -> Interaction | None:
    """The interaction that the carrier knows by this id, held until this writing transaction ends."""
    query = select(Interaction).where(Interaction.channel == channel, Interaction.external_id == external_id)
    return (await db.exec(query.order_by(col(Interaction.id).desc()).with_for_update())).first()


async def open_of(
    db: AsyncSession, channels: Sequence[str], nodes: Collection[str], now: datetime, limit: int = 1_000
) -> Sequence[Interaction]:  # fmt: skip
    """Open interactions of these channels that one of these nodes holds, or none although their time is over."""
    query = select(Interaction).where(col(Interaction.channel).in_(channels), col(Interaction.ended_at).is_(None))
    over = query.where(Interaction.node == "", col(Interaction.idle_at) <= now)
    held = query.where(text("interaction.node != ''"), col(Interaction.node).in_(nodes))  # in the words of its index
    return [one for found in (over, held) for one in (await db.exec(found.limit(limit))).all()]
