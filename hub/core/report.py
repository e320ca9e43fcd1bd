"""Delivery reports: late and repeated ones change nothing, whatever their order."""

from uuid import UUID

from hub import policy
from hub.channel import Inbound
from hub.core.context import Context
from hub.core.deliver import deliver
from hub.core.receive import Receipt, cleaned
from hub.core.sending import fall_back
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
    if sure and said.external_id and not outranks(said.status, inbound.status):
        return Receipt(False, said.interaction_id, said.id)
    async with hub.store.write(urgent=True) as db:
        said, entry, interaction = await transit.held(db, said.id)
        now = hub.clock.now()
        if entry is not None and entry.state in ("queued", "sending", "unsure", "failed"):
            entry.state = "sent"
        said.external_id = said.external_id or next(iter(inbound.also), "")
        news = outranks(said.status, inbound.status)
        if news:
            said.status, said.error_code, said.error_words = inbound.status, inbound.code, inbound.words
            interactions.log(
                db, interaction, f"message.{inbound.status}", now,
                message_id=str(said.id), code=inbound.code, words=inbound.words,
            )  # fmt: skip
        if inbound.opted_out and news:
            identity = hub.channels[inbound.channel].identity
            await policy.refuse_further(db, interaction, identity, "carrier", inbound.code, now)
        failed = news and inbound.status in ("failed", "undelivered")
        other = await fall_back(db, hub, said, interaction) if failed else None
    if other is not None:
        hub.spawn(deliver(hub, other))
    return Receipt(True, said.interaction_id, said.id)


def _uuid(value: str) -> UUID | None:
    try:
        return UUID(value)
    except ValueError:
        return None
