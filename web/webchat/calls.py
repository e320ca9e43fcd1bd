"""Calls of web chat visitors: whether a chat takes them, and what was said in them, as frames for the thread."""

from datetime import datetime
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Address, Identity, Interaction, Message
from hub.store import agents
from web import spoken
from web.webchat.frames import Frame

CALL = "web_call"
CALLS_SHOWN = 3


async def line_of(db: AsyncSession, chat: Address) -> Address | None:
    """The address at which visitors of this chat call, if there is one with an agent."""
    found = await agents.address_called(db, CALL, chat.value)
    if found is None or not found[0].answered or found[0].workspace_id != chat.workspace_id:
        return None
    return found[0]


async def newest_calls(db: AsyncSession, workspace_id: UUID, visitor_id: str) -> list[Interaction]:
    """The newest calls of this visitor that were answered, the oldest of them first."""
    known_as = select(Identity.customer_id).where(
        Identity.workspace_id == workspace_id, Identity.kind == "visitor", Identity.value == visitor_id
    )
    query = (
        select(Interaction)
        .where(
            Interaction.workspace_id == workspace_id,
            col(Interaction.customer_id).in_(known_as),
            Interaction.channel == CALL,
            Interaction.person == visitor_id,
            col(Interaction.answered_at).is_not(None),
        )
        .order_by(col(Interaction.created_at).desc())
        .limit(CALLS_SHOWN)
    )
    return list(reversed((await db.exec(query)).all()))


def told(call: Interaction) -> Frame:
    """That there is or was this call; `call` is what the caller's own page knows it by."""
    began, ended = call.answered_at or call.created_at, call.ended_at
    return {
        "type": "call",
        "interaction": str(call.id),
        "call": call.external_id,
        "at": began.isoformat(),
        "over": ended is not None,
        "seconds": _seconds(began, ended) if ended else 0,
    }


def said(message: Message) -> Frame | None:
    """What was spoken, as far as it was heard; None when nothing of it was."""
    text = spoken.heard(message)
    if not text:
        return None
    return {
        "type": "message",
        "message": str(message.id),
        "id": str(message.id),
        "interaction": str(message.interaction_id),
        "seq": message.seq,
        "role": message.role,
        "name": "" if message.role == "customer" else message.author,
        "text": text,
        "at": message.created_at.isoformat(),
        "spoken": True,
        "unread": False,
    }


def _seconds(began: datetime, ended: datetime) -> int:
    return max(0, round((ended - began).total_seconds()))
