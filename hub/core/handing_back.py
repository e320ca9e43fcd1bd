"""What an operator leaves behind when they hand back: a note of who spoke, how long, and what was said last."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Event, Interaction, Message, User
from hub.store import interactions

LAST_LINES = 6
LINE_CHARACTERS = 200
MOST_READ = 1_000


async def summary(db: AsyncSession, interaction: Interaction, operator: User, note: str, now: datetime) -> str:
    """What was said while people had it, after the operator's own `note`; empty when there is nothing to tell."""
    began = await _began(db, interaction)
    parts = [note.strip()]
    if began is not None:
        said = await interactions.messages(
            db, interaction.workspace_id, interaction.id, after=began.seq, limit=MOST_READ
        )  # fmt: skip
        spoken = [one for one in said if not one.note and one.role in ("customer", "operator") and one.text.strip()]
        parts.append(_told(spoken, operator.name, now - began.at))
        if noted := await _noted(db, interaction, began.seq):
            parts.append(f"Noted meanwhile: {noted}.")
        if spoken:
            parts.append("\n".join(["Said last:", *map(_line, spoken[-LAST_LINES:])]))
    return "\n\n".join(part for part in parts if part)


async def _began(db: AsyncSession, interaction: Interaction) -> Event | None:
    """Since when people have had it, and not the agent: of several after each other, the first."""
    before = await interactions.last_event(db, interaction.id, "interaction.handed_back")
    given = await interactions.events_of(
        db, interaction.id, "interaction.taken_over", "interaction.assigned", after=before.seq if before else 0
    )
    return next((event for event in given if event.data.get("operator_id")), None)


def _told(spoken: Sequence[Message], operator: str, lasted: timedelta) -> str:
    counts: dict[str, int] = {}
    for one in spoken:
        who = "the customer" if one.role == "customer" else one.author or operator
        counts[who] = counts.get(who, 0) + 1
    by = ", ".join(f"{count} from {who}" for who, count in counts.items())
    return f"{operator} handed back after {_length(lasted)}. " + (f"Messages: {by}." if by else "Nothing was said.")


def _length(lasted: timedelta) -> str:
    seconds = max(round(lasted.total_seconds()), 0)
    if seconds < 100:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{round(minutes / 60)} h"


def _line(said: Message) -> str:
    text = " ".join(said.text.split())
    short = text if len(text) <= LINE_CHARACTERS else text[: LINE_CHARACTERS - 1].rstrip() + "…"
    return f"{'Customer' if said.role == 'customer' else said.author or 'Operator'}: {short}"


async def _noted(db: AsyncSession, interaction: Interaction, after: int) -> str:
    newest: dict[str, str] = {}
    for event in await interactions.events_of(db, interaction.id, "field.collected", after=after):
        newest[str(event.data.get("field", "")).replace("_", " ")] = str(event.data.get("value", ""))[:LINE_CHARACTERS]
    return ", ".join(f"{field} {value}" for field, value in newest.items())
