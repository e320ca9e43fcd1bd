"""Delivery reports: late and repeated ones change nothing, whatever their order."""

from datetime import datetime
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub import policy
from hub.channel import Inbound
from hub.core.context import Context
from hub.core.deliver import deliver
from hub.core.metering import message_used
from hub.core.receive import Receipt, cleaned
from hub.core.sending import fall_back
from hub.core.write import park
from hub.models import InboxEntry, Interaction, Message
from hub.models.interaction import outranks
from hub.store import interactions, transit


async def report(hub: Context, inbound: Inbound) -> Receipt:
    """Take in a delivery report about one of our messages; one that says nothing new writes nothing."""
    inbound = cleaned(inbound)
    async with hub.store.glance(urgent=True) as db:
        message_id = _uuid(inbound.about) or await interactions.sent_as(db, inbound.channel, inbound.about)
        known = await transit.message_and_entry(db, message_id) if message_id else None
    if known is None:
        return Receipt(False)
    said, entry = known
    sure = entry is None or entry.state in ("sent", "canceled")
    if sure and said.external_id and not outranks(said.status, inbound.status) and not inbound.opted_out:
        return Receipt(False, said.interaction_id, said.id)
    async with hub.store.write(urgent=True) as db:
        said, entry, interaction = await transit.held(db, said.id)
        now = hub.clock.now()
        if inbound.status and entry is not None and entry.state in ("queued", "sending", "unsure", "failed"):
            entry.state = "sent"
            await message_used(db, hub.channels[inbound.channel].limits, interaction, said, now)
        said.external_id = said.external_id or next(iter(inbound.also), "")
        news = outranks(said.status, inbound.status)
        if news:
            said.status, said.error_code, said.error_words = inbound.status, inbound.code, inbound.words
            interactions.log(
                db, interaction, f"message.{inbound.status}", now,
                message_id=str(said.id), code=inbound.code, words=inbound.words,
            )  # fmt: skip
        if inbound.opted_out and await _told_first(db, inbound, said, now):
            await _refused(db, hub, inbound, interaction, now)
        failed = news and inbound.status in ("failed", "undelivered")
        other = await fall_back(db, hub, said, interaction) if failed else None
        if inbound.outside_window and news:
            park(db, interaction, said, inbound.words, now, ask=other is None)
    if other is not None:
        hub.spawn(deliver(hub, other))
    return Receipt(True, said.interaction_id, said.id)


async def _refused(
    db: AsyncSession, hub: Context, inbound: Inbound, interaction: Interaction, now: datetime
) -> None:  # fmt: skip
    """They refuse messages, or this channel where it is of letters; a mailbox that bounces is no wish of theirs."""
    channel = hub.channels[inbound.channel]
    if not channel.limits.letters:
        await policy.refuse_further(db, interaction, channel.identity, inbound.source, inbound.code, now)
        return
    await policy.refuse_further(
        db, interaction, channel.identity, inbound.source, inbound.words, now,
        channel=inbound.channel, only_here=inbound.source == "bounce",
    )  # fmt: skip
    interactions.log(db, interaction, "consent.revoked", now, source=inbound.source, text=inbound.words)


async def _told_first(db: AsyncSession, inbound: Inbound, said: Message, now: datetime) -> bool:
    """Whether this very report comes for the first time: a repeated one takes back no consent given since."""
    entry = InboxEntry(
        workspace_id=said.workspace_id, interaction_id=said.interaction_id, message_id=said.id, channel=inbound.channel,
        external_id=inbound.external_id, kind=inbound.kind, data=dict(inbound.data), received_at=now, done_at=now,
    )  # fmt: skip
    return await transit.take_in(db, entry)


def _uuid(value: str) -> UUID | None:
    try:
        return UUID(value)
    except ValueError:
        return None
