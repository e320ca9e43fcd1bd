"""What is known about how a customer can be reached: when they last wrote where, and what was sent to be answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import col, func, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Interaction, Message, Question, Verification


@dataclass(frozen=True, slots=True)
class LastHeard:
    """When somebody last wrote, and to which of our addresses (its value)."""

    at: datetime
    ours: str


async def last_heard(db: AsyncSession, workspace_id: UUID, customer_id: UUID) -> dict[tuple[str, str], LastHeard]:
    """When and where the customer last said something, by channel and what they are known by there."""
    newest = func.max(Message.created_at)
    query = (
        select(Message.channel, Interaction.person, Interaction.ours, newest)
        .join(Interaction, col(Interaction.id) == col(Message.interaction_id))
        .where(
            Message.workspace_id == workspace_id, Message.customer_id == customer_id, Message.role == "customer",
            col(Interaction.test).is_(False),
        )
        .group_by(col(Message.channel), col(Interaction.person), col(Interaction.ours))
        .order_by(newest)
    )  # fmt: skip
    return {(channel, person): LastHeard(at, ours) for channel, person, ours, at in (await db.exec(query)).all()}


# codes


async def open_code(
    db: AsyncSession, workspace_id: UUID, customer_id: UUID, interaction_id: UUID | None, now: datetime
) -> Verification | None:
    """The newest code that may still be entered for this customer, or in this interaction; held."""
    mine = Verification.customer_id == customer_id
    where = or_(mine, Verification.interaction_id == interaction_id) if interaction_id else mine
    query = select(Verification).where(
        Verification.workspace_id == workspace_id, where, col(Verification.passed_at).is_(None),
        Verification.expires_at > now,
    )  # fmt: skip
    return (await db.exec(query.order_by(col(Verification.id).desc()).limit(1).with_for_update())).first()


async def codes_since(
    db: AsyncSession, workspace_id: UUID, since: datetime, *, customer_id: UUID | None = None, value: str = ""
) -> int:
    """How many codes were sent to this customer, or to this identity."""
    query = select(func.count()).where(Verification.workspace_id == workspace_id, Verification.created_at >= since)
    query = query.where(Verification.value == value if value else Verification.customer_id == customer_id)
    return int((await db.exec(query)).one())


async def passed_in(db: AsyncSession, interaction_id: UUID) -> Verification | None:
    """A code that was entered rightly in this interaction."""
    query = select(Verification).where(
        Verification.interaction_id == interaction_id, col(Verification.passed_at).is_not(None)
    )
    return (await db.exec(query.limit(1))).first()


async def distrusted(db: AsyncSession, interaction_id: UUID) -> bool:
    """Whether the newest thing they said came in a mail whose sender nobody vouches for."""
    query = select(Message.content).where(Message.interaction_id == interaction_id, Message.role == "customer")
    newest = (await db.exec(query.order_by(col(Message.seq).desc()).limit(1))).first()
    mail = (newest or {}).get("mail")
    return isinstance(mail, dict) and not mail.get("trusted")


# questions


async def question(db: AsyncSession, question_id: UUID) -> Question | None:
    return await db.get(Question, question_id, with_for_update=True)


async def sent_out_of(db: AsyncSession, interaction_id: UUID) -> Sequence[Question]:
    """What was sent out of this call, the newest first."""
    query = select(Question).where(Question.interaction_id == interaction_id)
    return (await db.exec(query.order_by(col(Question.id).desc()).limit(20))).all()


async def sent_to_out_of(db: AsyncSession, interaction_id: UUID) -> Sequence[str]:
    """To whom things were sent out of this conversation."""
    query = select(Interaction.person).join(Question, col(Question.by_interaction_id) == col(Interaction.id))
    return (await db.exec(query.where(Question.interaction_id == interaction_id).distinct().limit(20))).all()


async def waiting_calls(db: AsyncSession, by_interaction_id: UUID, now: datetime) -> Sequence[Interaction]:
    """Live calls out of which something was sent in this exchange: what is answered in it is news for them."""
    waiting = select(Question.interaction_id).where(
        Question.by_interaction_id == by_interaction_id, Question.expires_at > now
    )
    query = select(Interaction).where(
        col(Interaction.id).in_(waiting), col(Interaction.ended_at).is_(None), Interaction.node != ""
    )
    return (await db.exec(query.limit(5))).all()
