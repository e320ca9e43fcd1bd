"""What a person thinks of a message: it stands at the message, and nobody answers it."""

from hub.channel import Inbound
from hub.core.context import Context
from hub.core.receive import Receipt, cleaned, place
from hub.models import InboxEntry
from hub.store import interactions, transit

MOST_CHARACTERS = 20


async def reaction(hub: Context, inbound: Inbound) -> Receipt:
    """Take in what somebody thinks of a message, in one transaction; nothing, when it is taken back."""
    inbound = cleaned(inbound)
    now = hub.clock.now()
    async with hub.store.write(urgent=True) as db:
        _, workspace = await place(db, inbound, None, invited=hub.channels[inbound.channel].limits.pulled)
        about = await interactions.known_as(db, workspace.id, inbound.channel, [inbound.about])
        if about is None:
            return Receipt(False)
        entry = InboxEntry(
            workspace_id=workspace.id, interaction_id=about.interaction_id, message_id=about.id,
            channel=inbound.channel, external_id=inbound.external_id, kind=inbound.kind, data=dict(inbound.data),
            received_at=now, done_at=now,
        )  # fmt: skip
        if not await transit.take_in(db, entry):
            return Receipt(False, about.interaction_id, about.id)
        said, _, interaction = await transit.held(db, about.id)
        said.content = {**said.content, "reaction": inbound.text[:MOST_CHARACTERS]}
        interactions.log(db, interaction, "message.reacted", now, message_id=str(said.id), text=inbound.text)
    return Receipt(True, about.interaction_id, about.id)
