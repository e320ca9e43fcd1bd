"""What may go out: asked once, in the transaction that decides to send. Here alone consent is read and written."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.channel import Limits, Media
from hub.models import Consent, Interaction, Message, OutboxEntry, Workspace
from hub.models.interaction import FINAL
from hub.store import digest, interactions, people, transit

NEVER = datetime.min.replace(tzinfo=UTC)
"""When the window of somebody ended who has never written."""
Keyword = Literal["stop", "start", "help"]

_STOP = {"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"}
_START = {"start", "unstop", "optin", "subscribe"}
_HELP = {"help", "info"}
_LIFTED_BY_KEYWORD = frozenset({"keyword", "carrier"})
"""START takes back what STOP said, to us or to the carrier, and no other refusal."""


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


# what the ledger says


def purposes(limits: Limits, content: Mapping[str, Any] | None = None) -> frozenset[str]:
    """What something that goes out needs no refusal of: a call, an advertisement, any other message."""
    if limits.live:
        return frozenset({"messages", "calls"})
    return frozenset({"messages", "marketing"} if (content or {}).get("purpose") == "marketing" else {"messages"})


def standing(entries: Iterable[Consent], channel: str, needed: frozenset[str]) -> Consent | None:
    """The refusal that stands against these purposes on this channel, out of the ledger's entries, oldest first.

    A consent takes back the refusals of its purpose that came before it; the keyword START only those that STOP set.
    """
    refusals: list[Consent] = []
    for entry in entries:
        if entry.channel not in ("", channel) or entry.purpose not in needed:
            continue
        if entry.state == "revoked":
            refusals.append(entry)
            continue
        refusals = [one for one in refusals if one.purpose != entry.purpose or not _lifts(entry, one)]
    return refusals[-1] if refusals else None


def _lifts(consent: Consent, refusal: Consent) -> bool:
    return consent.source != "keyword" or refusal.source in _LIFTED_BY_KEYWORD


async def refusal(
    db: AsyncSession, workspace_id: UUID, customer_id: UUID | None, kind: str, value: str, channel: str,
    needed: frozenset[str],
) -> Consent | None:  # fmt: skip
    """The refusal that stands against reaching this person by this identity on this channel, if any."""
    entries = await people.consents_about(db, workspace_id, customer_id, kind, value)
    return standing(entries, channel, needed)


async def refuses(
    db: AsyncSession, interaction: Interaction, kind: str, limits: Limits, content: Mapping[str, Any] | None = None
) -> bool:
    """Whether the person of this interaction refuses what would go out in it."""
    return await _refusal_in(db, interaction, kind, limits, content) is not None


async def _refusal_in(
    db: AsyncSession, interaction: Interaction, kind: str, limits: Limits, content: Mapping[str, Any] | None
) -> Consent | None:
    return await refusal(
        db, interaction.workspace_id, interaction.customer_id, kind, interaction.person, interaction.channel,
        purposes(limits, content),
    )  # fmt: skip


async def refuses_owed(db: AsyncSession, entry: OutboxEntry, message: Message, kind: str, limits: Limits) -> bool:
    """The same of something that is owed, right before it goes out."""
    found = await refusal(
        db, message.workspace_id, message.customer_id, kind, entry.recipient, entry.channel,
        purposes(limits, message.content),
    )  # fmt: skip
    return found is not None


async def may_record(db: AsyncSession, interaction: Interaction, kind: str) -> bool:
    """Whether the sound of this interaction may be kept."""
    found = await refusal(
        db, interaction.workspace_id, interaction.customer_id, kind, interaction.person, interaction.channel,
        frozenset({"recording"}),
    )  # fmt: skip
    return found is None


async def free_until(
    db: AsyncSession, workspace_id: UUID, channel: str, thread: str, limits: Limits
) -> datetime | None:  # fmt: skip
    """Until when free text may go to the person of this thread, that moment not included; None: always.

    Somebody who has never written there has no window (`NEVER`). It ended when they last wrote, if the provider has
    said since then that it is closed: its clock counts.
    """
    if limits.window is None:
        return None
    heard = await interactions.last_heard(db, workspace_id, channel, thread)
    if heard is None:
        return NEVER
    parked = await interactions.parked_since(db, heard, thread)
    return heard.created_at if parked else heard.created_at + limits.window


async def check_window(db: AsyncSession, interaction: Interaction, limits: Limits, now: datetime) -> None:
    """Whether free text may go to this person now. Raises `NotAllowed`."""
    until = await free_until(db, interaction.workspace_id, interaction.channel, interaction.thread, limits)
    if until is None or now < until or limits.window is None:
        return
    hours = round(limits.window.total_seconds() / 3600)
    if until == NEVER:
        raise NotAllowed("This customer has not written yet, so only an approved template may be sent.", "window")
    raise NotAllowed(
        f"The customer last wrote more than {hours} hours ago, so only an approved template may be sent. "
        "Choose one, or wait until they write.",
        "window",
    )


async def check(
    db: AsyncSession, interaction: Interaction, kind: str, limits: Limits, text: str, now: datetime, *,
    media: Sequence[Media] = (), content: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Whether this may be said in the interaction now. Raises `NotAllowed`."""
    if interaction.status in FINAL:
        raise NotAllowed("This interaction has ended. Start a new one to write again.", "ended")
    if not text.strip() and not media:
        raise NotAllowed("There is nothing to send: write a text or attach a file.", "empty")
    if len(text) > limits.length:
        raise NotAllowed(
            f"The text has {len(text)} characters; this channel carries {limits.length}. Shorten or split it.",
            "too_long",
        )
    if content and content.get("rich") and not limits.rich:
        raise NotAllowed("This channel carries no cards and forms. Write it as text.", "rich")
    if len(media) > limits.media_count:
        raise NotAllowed(f"This channel carries {limits.media_count} attachments, not {len(media)}.", "media")
    if limits.media_bytes and sum(one.size_bytes or 0 for one in media) > limits.media_bytes:
        most = limits.media_bytes // 1_000_000
        raise NotAllowed(f"The attachments of one message may have {most} MB together. Send fewer.", "media")
    refused = await _refusal_in(db, interaction, kind, limits, content)
    if refused is not None:
        if limits.live:
            raise NotAllowed("This customer has opted out of calls; see Consent on their page.", "opted_out")
        otherwise = "This customer has opted out of messages. They can write START to opt in."
        raise NotAllowed(_OPTED_OUT.get(refused.source, otherwise), "opted_out")
    if not (limits.templates and "template" in (content or {})):
        await check_window(db, interaction, limits, now)


_OPTED_OUT = {
    "bounce": "Mail to this address comes back. Record a consent once it works again.",
    "spam": "This customer reported our mail as spam. Nothing more is sent to this address.",
    "unsubscribe": "This customer unsubscribed from mail. Record a consent when they ask for it again.",
}


def quiet(workspace: Workspace, zones: Sequence[ZoneInfo], now: datetime) -> str:
    """Why nobody is to be disturbed now, on any of the clocks that may be theirs; empty when they may be."""
    for zone in zones:
        here = now.astimezone(zone)
        if not workspace.contact_from <= here.strftime("%H:%M") < workspace.contact_to:
            hours = f"{workspace.contact_from} to {workspace.contact_to}"
            return f"it is {here:%H:%M} where they are ({zone.key}), outside {hours}"
    return ""


# what is written into it


async def refuse(
    db: AsyncSession, workspace_id: UUID, kind: str, value: str, *, source: str, now: datetime, evidence: str = "",
    by: str = "", channel: str = "", purpose: str = "messages", customer_id: UUID | None = None,
    only_here: bool = False,
) -> int:  # fmt: skip
    """Whoever is known by this identity refuses this purpose on this channel (empty: on all); how much was canceled.

    The one door for refusals, wherever they come from. What waits to be sent against it is canceled at once.
    `only_here`: it is about this identity alone and not about the person (a mailbox that bounces). Of somebody who was
    erased, only the tombstone remembers it.
    """
    if customer_id is None:
        known = await people.identity(db, workspace_id, kind, value)
        customer_id = known.customer_id if known else None
    if customer_id is None and (stone := await people.tombstone(db, workspace_id, digest(db, kind, value))):
        stone.refusals = [*(one for one in stone.refusals if one != [purpose, channel]), [purpose, channel]]
        return 0
    db.add(
        Consent(
            workspace_id=workspace_id, customer_id=None if only_here else customer_id, identity_kind=kind,
            identity_value=value, channel=channel, purpose=purpose, state="revoked", source=source,
            evidence=evidence[:500], by=by[:200], created_at=now,
        )
    )  # fmt: skip
    await db.flush()
    if customer_id is None:
        return 0
    return await cancel_waiting(
        db, workspace_id, customer_id, now, channel, purpose=purpose, recipient=value if only_here else ""
    )


async def refuse_further(
    db: AsyncSession, interaction: Interaction, kind: str, source: str, evidence: str, now: datetime, **more: Any
) -> int:
    """The person of this interaction refuses messages, on all channels unless `more` says otherwise (see `refuse`)."""
    return await refuse(
        db, interaction.workspace_id, kind, interaction.person, customer_id=interaction.customer_id, source=source,
        evidence=evidence, now=now, **more,
    )  # fmt: skip


def grant(
    db: AsyncSession, interaction: Interaction, kind: str, source: str, evidence: str, now: datetime
) -> Consent:  # fmt: skip
    """The person of this interaction wants messages, on all channels."""
    entry = Consent(
        workspace_id=interaction.workspace_id, customer_id=interaction.customer_id, identity_kind=kind,
        identity_value=interaction.person, state="granted", source=source, evidence=evidence[:500], created_at=now,
    )  # fmt: skip
    db.add(entry)
    return entry


async def cancel_waiting(
    db: AsyncSession, workspace_id: UUID, customer_id: UUID, now: datetime, channel: str = "", *,
    purpose: str = "messages", recipient: str = "",
) -> int:  # fmt: skip
    """Cancel what waits to be sent to a customer who refuses it, on this or all channels; how many that was."""
    queued = await transit.queued_for_customer(db, workspace_id, customer_id)
    waiting = [
        found
        for found in queued
        if channel in ("", found[0].channel)
        and recipient in ("", found[0].recipient)
        and _is_for(purpose, found[1], found[2])
    ]
    for entry, message, interaction in waiting:
        entry.state = "canceled"
        cancel(message)
        interactions.log(db, interaction, "message.canceled", now, message_id=str(message.id), reason="opted_out")
        if interaction.status == "queued":  # a call that was not placed yet
            interaction.status, interaction.ended_at, interaction.idle_at = "canceled", now, None
            interaction.failure_reason = message.error_words
            interactions.log(db, interaction, "interaction.ended", now, status="canceled", reason="")
    return len(waiting)


def _is_for(purpose: str, message: Message, interaction: Interaction) -> bool:
    if purpose == "calls":
        return interaction.status == "queued"
    if purpose == "marketing":
        return message.content.get("purpose") == "marketing"
    return purpose == "messages"


def cancel(message: Message) -> None:
    """Say why it never went out."""
    message.status, message.error_code = "failed", "opted_out"
    message.error_words = "Not sent: the customer has opted out."
