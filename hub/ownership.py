"""Who may speak in an interaction: the ai, a person from the queue, one operator. Changed in one transaction."""

from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Interaction, User
from hub.models.interaction import FINAL
from hub.store import access, interactions


class Taken(Exception):
    """Somebody else is answering; `who` is their name."""

    def __init__(self, who: str) -> None:
        super().__init__(f"{who} is already answering this customer.")
        self.who = who


class NotYours(Exception):
    """Only the operator who took over may do this; the text says what to do first."""


async def take_over(db: AsyncSession, interaction: Interaction, operator: User, now: datetime) -> None:
    """The operator answers from this commit on; the agent is silent. Raises `Taken`."""
    if interaction.owner == "operator" and interaction.operator_id == operator.id:
        return
    if interaction.status in FINAL:
        raise NotYours("This interaction has ended; write to the customer in a new one.")
    if interaction.owner == "operator" and interaction.operator_id is not None:
        raise Taken(await name_of(db, interaction))
    interaction.owner, interaction.operator_id = "operator", operator.id
    interactions.log(
        db, interaction, "interaction.taken_over", now, operator_id=str(operator.id), operator=operator.name
    )


async def hand_back(db: AsyncSession, interaction: Interaction, operator: User, now: datetime) -> None:
    """The agent answers again, with all that was said meanwhile. Raises `NotYours`."""
    if interaction.owner == "ai":
        return
    others = interaction.owner == "operator" and interaction.operator_id not in (None, operator.id)
    if others and operator.role != "admin":
        raise NotYours(f"{await name_of(db, interaction)} is answering; only they or an admin can hand back.")
    interaction.owner, interaction.operator_id = "ai", None
    interactions.log(
        db, interaction, "interaction.handed_back", now, operator_id=str(operator.id), operator=operator.name
    )


async def assign(db: AsyncSession, interaction: Interaction, operator: User | None, by: User, now: datetime) -> None:
    """Give it to this operator, or into the queue when None. Raises `NotYours`."""
    if interaction.status in FINAL:
        raise NotYours("This interaction has ended; there is nothing left to assign.")
    interaction.owner = "operator" if operator else "queue"
    interaction.operator_id = operator.id if operator else None
    if operator is None and interaction.waiting_since is None:
        interaction.waiting_since = now
    interactions.log(
        db, interaction, "interaction.assigned", now,
        operator_id=str(operator.id) if operator else None, operator=operator.name if operator else "", by=by.name,
    )  # fmt: skip


def queue(db: AsyncSession, interaction: Interaction, reason: str, now: datetime) -> None:
    """A person must go on from here; nobody has it yet."""
    interaction.owner, interaction.operator_id = "queue", None
    interaction.waiting_since = interaction.waiting_since or now
    interactions.log(db, interaction, "interaction.needs_human", now, reason=reason)


def give_to(db: AsyncSession, interaction: Interaction, number: str, now: datetime) -> None:
    """Somebody who is no user was called at this number and has the customer now; the agent is silent."""
    interaction.owner, interaction.operator_id, interaction.waiting_since = "operator", None, None
    interactions.log(db, interaction, "interaction.taken_over", now, operator_id=None, operator=number)


def take_back(db: AsyncSession, interaction: Interaction, number: str, now: datetime) -> None:
    """The agent has the customer again, whom it had given away to this number."""
    interaction.owner, interaction.operator_id, interaction.waiting_since = "ai", None, None
    interactions.log(db, interaction, "interaction.handed_back", now, operator_id=None, operator=number)


async def name_of(db: AsyncSession, interaction: Interaction) -> str:
    """The name of the operator who has it; the number of one who is no user and was called to take it."""
    if interaction.operator_id is None:
        given = await interactions.last_event(db, interaction.id, "interaction.taken_over")
        return str(given.data.get("operator", "")) if given is not None else ""
    operator = await access.user(db, interaction.workspace_id, interaction.operator_id)
    return operator.name if operator else "A former colleague"
