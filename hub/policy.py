"""What may go out: asked once, in the transaction that decides to send."""

import unicodedata
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.channel import Limits
from hub.models import Consent, Interaction, Message
from hub.models.interaction import FINAL
from hub.store import interactions, people, transit

Keyword = Literal["stop", "start", "help"]

_STOP = {"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"}
_START = {"start", "unstop", "optin", "subscribe"}
_HELP = {"help", "info"}


class NotAllowed(Exception):
    """It must not go out; the text says why and what to do. `code` is a word for programs."""

    def __init__(self, reason: str, code: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


def keyword(text: str) -> Keyword | None:
    """The opt-out keyword that a whole message is, however it is spelled, else None.

    Case, width, white space and punctuation do not count: " Stop. ", "ＳＴＯＰ", "opt-out".
    """
    if len(text) > 64:
        return None
    folded = unicodedata.normalize("NFKC", text).casefold()
    word = "".join(character for character in folded if character.isalnum())
    if word in _STOP:
        return "stop"
    if word in _HELP:
        return "help"
    return "start" if word in _START else None


async def opted_out(db: AsyncSession, interaction: Interaction, kind: str) -> bool:
    """Whether the person of this interaction refuses messages."""
    entry = await people.newest_consent(
        db, interaction.workspace_id, interaction.customer_id, kind, interaction.person, interaction.channel
    )
    return entry is not None and entry.state == "revoked"


async def check(
    db: AsyncSession, interaction: Interaction, kind: str, limits: Limits, text: str, media_count: int = 0
) -> None:
    """Whether this may be said in the interaction now. Raises `NotAllowed`."""
    if interaction.status in FINAL:
        raise NotAllowed("This interaction has ended. Start a new one to write again.", "ended")
    if not text.strip() and not media_count:
        raise NotAllowed("There is nothing to send: write a text or attach a file.", "empty")
    if len(text) > limits.length:
        raise NotAllowed(
            f"The text has {len(text)} characters; this channel carries {limits.length}. Shorten or split it.",
            "too_long",
        )
    if media_count > limits.media_count:
        raise NotAllowed(f"This channel carries {limits.media_count} attachments, not {media_count}.", "media")
    if await opted_out(db, interaction, kind):
        raise NotAllowed("This customer has opted out of messages. They can write START to opt in.", "opted_out")


async def refuse_further(
    db: AsyncSession, interaction: Interaction, kind: str, source: str, evidence: str, now: datetime
) -> int:
    """Record that the person refuses messages and cancel all that waits for them; how many that was."""
    record(db, interaction, kind, "revoked", source, evidence, now)
    await db.flush()
    return await cancel_waiting(db, interaction.workspace_id, interaction.customer_id, now)


async def cancel_waiting(
    db: AsyncSession, workspace_id: UUID, customer_id: UUID, now: datetime, channel: str = ""
) -> int:
    """Cancel what waits to be sent to a customer who refuses it, on this or all channels; how many that was."""
    queued = await transit.queued_for_customer(db, workspace_id, customer_id)
    waiting = [found for found in queued if channel in ("", found[0].channel)]
    for entry, message, interaction in waiting:
        entry.state = "canceled"
        cancel(message)
        interactions.log(db, interaction, "message.canceled", now, message_id=str(message.id), reason="opted_out")
        if interaction.status == "queued":  # a call that was not placed yet
            interaction.status, interaction.ended_at, interaction.idle_at = "canceled", now, None
            interaction.failure_reason = message.error_words
            interactions.log(db, interaction, "interaction.ended", now, status="canceled", reason="")
    return len(waiting)


def cancel(message: Message) -> None:
    """Say why it never went out."""
    message.status, message.error_code = "failed", "opted_out"
    message.error_words = "Not sent: the customer has opted out."


def record(
    db: AsyncSession, interaction: Interaction, kind: str, state: str, source: str, evidence: str, now: datetime
) -> None:
    """Append to the consent ledger, for all channels of this workspace."""
    db.add(
        Consent(
            workspace_id=interaction.workspace_id,
            customer_id=interaction.customer_id,
            identity_kind=kind,
            identity_value=interaction.person,
            state=state,
            source=source,
            evidence=evidence[:500],
            created_at=now,
        )
    )
