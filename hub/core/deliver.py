"""What is owed goes out: claimed, handed to the channel, settled. Nothing that may have gone out goes again."""

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub import failpoints, policy
from hub.channel import File, Media, Outbound, Quoted, Undeliverable
from hub.core import files, letters
from hub.core.context import Context, alone
from hub.core.metering import message_used
from hub.core.sending import fall_back
from hub.core.verifying import HIDDEN, code_of
from hub.core.write import finish, park
from hub.models import Interaction, Message, OutboxEntry
from hub.models.interaction import outranks
from hub.store import calls, interactions, transit
from hub.store import files as stored

log = logging.getLogger("hub.deliver")
MOST_ATTEMPTS = 8


async def deliver(hub: Context, interaction_id: UUID) -> None:
    """Send what is owed in this interaction, in the order it was said."""

    async def once() -> None:
        async with hub.store.glance() as db:
            owed = await transit.open_outbox(db, interaction_id)
        for entry, message in owed:
            if entry.state != "queued" or entry.due_at > hub.clock.now():
                return
            if not await _send(hub, entry, message):
                return

    await alone(hub.delivering, interaction_id, once)


async def _send(hub: Context, entry: OutboxEntry, message: Message) -> bool:
    """Send one; whether the next may follow."""
    async with hub.store.write() as db:
        channel = hub.channels[entry.channel]
        if channel.limits.live and await _no_line(hub, db, entry):
            return False
        refused = await policy.refuses_owed(db, entry, message, channel.identity, channel.limits)
        claimed = await transit.claim(db, message, hub.node, hub.clock.now(), refused=refused)
        if claimed == "canceled":
            await _cancel(hub, db, entry)
        if claimed != "sending":
            return True
        if hub.channels[entry.channel].limits.letters:
            message = await letters.address(db, entry, message)
    failpoints.reach("deliver.claimed")
    try:
        external_id = await hub.channels[entry.channel].send(await outbound(hub, entry, message))
    except Undeliverable as error:
        return await _failed(hub, entry, error)
    failpoints.reach("deliver.sent")
    await settle(hub, entry.message_id, external_id)
    failpoints.reach("deliver.settled")
    return True


async def _no_line(hub: Context, db: AsyncSession, entry: OutboxEntry) -> bool:
    """Nobody is called while all lines are busy, but for a colleague who is asked to take over one of them."""
    if not hub.all_busy:
        return False
    interaction = await interactions.interaction(db, entry.workspace_id, entry.interaction_id)
    return interaction is None or calls.customers_call(interaction) is None


async def _cancel(hub: Context, db: AsyncSession, entry: OutboxEntry) -> None:
    """The person opted out while this waited, for a retry or on another channel."""
    message, _, interaction = await transit.held(db, entry.message_id)
    policy.cancel(message)
    interactions.log(db, interaction, "message.canceled", hub.clock.now(), reason="opted_out")
    if interaction.status == "queued":
        finish(db, interaction, "canceled", "", hub.clock.now())


async def outbound(hub: Context, entry: OutboxEntry, message: Message) -> Outbound:
    """The entry as the channel wants it. Raises `Undeliverable` when an attachment of ours is gone."""
    media, attached = await _attachments(hub, entry, message)
    text = message.text
    if message.content.get("code"):
        async with hub.store.read() as db:
            text = text.replace(HIDDEN, code_of(db, message.content["code"]))
    return Outbound(
        id=str(message.id),
        interaction_id=str(entry.interaction_id),
        thread="",
        sender=entry.sender,
        recipient=entry.recipient,
        text=text,
        media=media,
        subject=str(message.content.get("subject", "")),
        choices=tuple(message.choices),
        content=message.content,
        files=attached,
        quoted=await _quoted(hub, entry, message),
        created_at=message.created_at,
    )


async def _quoted(hub: Context, entry: OutboxEntry, message: Message) -> Quoted | None:
    if not hub.channels[entry.channel].limits.letters:
        return None
    async with hub.store.read() as db:
        return await letters.quoted(db, message)


async def _attachments(
    hub: Context, entry: OutboxEntry, message: Message
) -> tuple[tuple[Media, ...], tuple[File, ...]]:  # fmt: skip
    """By reference, or as bytes where the channel wants our own files so."""
    inline = hub.channels[entry.channel].limits.inline_files
    media, attached = [], []
    for one in (Media(**item) for item in message.media):
        if not one.file_id:
            media.append(one)
            continue
        async with hub.store.read() as db:
            row = await stored.file(db, entry.workspace_id, UUID(one.file_id))
        try:
            if row is None:
                raise FileNotFoundError(one.file_id)
            if inline:
                attached.append(File(row.name, row.content_type, await files.read(hub, row)))
            else:
                media.append(replace(one, url=hub.file_url(row)))
        except OSError:
            raise Undeliverable(f"The attached file {one.name!r} is not there any more.") from None
    return tuple(media), tuple(attached)


async def settle(hub: Context, message_id: UUID, external_id: str) -> None:
    """The provider has it, under this id."""
    async with hub.store.write() as db:
        message, entry, interaction = await transit.held(db, message_id)
        if entry is not None:
            entry.state = "sent"
        message.external_id = message.external_id or external_id
        await message_used(db, hub.channels[message.channel].limits, interaction, message, hub.clock.now())
        if interaction.status == "queued":  # a call that was placed
            interaction.external_id = interaction.external_id or external_id
        if outranks(message.status, "sent"):
            message.status, message.error_code, message.error_words = "sent", "", ""
            interactions.log(db, interaction, "message.sent", hub.clock.now(), message_id=str(message_id))


async def _failed(hub: Context, entry: OutboxEntry, error: Undeliverable) -> bool:
    now = hub.clock.now()
    async with hub.store.write() as db:
        message, owed, interaction = await transit.held(db, entry.message_id)
        if owed is None or owed.state != "sending":
            return True
        if error.ambiguous:
            owed.state = "unsure"
            interactions.log(db, interaction, "message.unsure", now, message_id=str(message.id), words=error.words)
            return True
        if error.retry and owed.attempts < MOST_ATTEMPTS:
            owed.state, owed.due_at = "queued", now + _pause(error, owed.attempts)
            hub.later(owed.interaction_id, owed.due_at)
            return False
        give_up(db, message, owed, interaction, error, now)
        if error.opted_out:
            identity = hub.channels[entry.channel].identity
            await policy.refuse_further(db, interaction, identity, "carrier", error.code, now)
        other = await fall_back(db, hub, message, interaction)
        if error.outside_window:
            park(db, interaction, message, error.words, now, ask=other is None)
    if other is not None:
        hub.spawn(deliver(hub, other))
    return True


def give_up(
    db: AsyncSession,
    message: Message,
    owed: OutboxEntry,
    interaction: Interaction,
    error: Undeliverable,
    now: datetime,
) -> None:
    """It certainly did not arrive; the person who reads the thread is told why."""
    owed.state = "failed"
    if interaction.status == "queued":  # a call that could not be placed
        interaction.failure_reason = error.words
        finish(db, interaction, "failed", "error", now)
    if outranks(message.status, "failed"):
        message.status, message.error_code, message.error_words = "failed", error.code, error.words
        interactions.log(
            db,
            interaction,
            "message.failed",
            now,
            message_id=str(message.id),
            code=error.code,
            words=error.words,
        )


def _pause(error: Undeliverable, attempts: int) -> timedelta:
    return error.retry_after or timedelta(seconds=min(2**attempts, 300))
