"""After a crash: what was received and not answered is answered; what may have been sent is never sent again."""

import logging
from collections.abc import Awaitable, Sequence
from datetime import datetime, timedelta

from hub import failpoints
from hub.channel import Undeliverable
from hub.core import calling_back, hooks, live, mails, reading
from hub.core.answer import answer
from hub.core.concluding import conclude
from hub.core.context import Context
from hub.core.deliver import deliver, give_up, outbound, settle
from hub.core.fetch import fetch
from hub.core.write import finish
from hub.models import Message, Node, OutboxEntry
from hub.store import interactions, results, transit

log = logging.getLogger("hub.recover")

NODE_DEAD_AFTER = timedelta(seconds=15)
"""A call whose node is gone waits for this, for the next sweep (5 s), then `live.COMES_BACK_WITHIN` (25 s) for the
carrier to connect it anew, and for the sweep after that: 50 s at most, of the 60 that it may stay open."""
OWN_LIFE_DEAD_AFTER = timedelta(seconds=7)
NODE_FORGOTTEN_AFTER = timedelta(days=1)
STUCK_AFTER = timedelta(minutes=2)
ANSWER_OWED_AFTER = timedelta(seconds=15)
ASK_PROVIDER_AFTER = timedelta(seconds=5)
GIVE_UP_AFTER = timedelta(minutes=10)
_GAVE_UP = Undeliverable(
    "We could not confirm that this message went out. Ask the customer, or send it again.", code="unconfirmed"
)


async def sweep(hub: Context, since_start: datetime) -> None:
    """Look after everything that fell down: one pass, safe to run on every node at any time."""
    now = hub.clock.now()
    async with hub.store.glance() as db:
        nodes = await transit.nodes(db)
        dead = dead_nodes(hub.node, nodes, now, since_start)
        owed_before = max(now - ANSWER_OWED_AFTER, since_start)
        unanswered = await transit.unanswered(db, owed_before)
        doubtful = await transit.doubtful(db, now - ASK_PROVIDER_AFTER, now - STUCK_AFTER, dead)
        due = await transit.due(db, now)
        to_fetch = await transit.due_fetches(db, now)
        ended = await results.due(db, now)
    await _try(live.look_after(hub, dead))
    if any(node.seen_at < now - NODE_FORGOTTEN_AFTER for node in nodes):
        await _try(_forget_nodes(hub, now))
    await _try(mails.overlooked(hub, since_start))
    await _try(calling_back.keep_due(hub))
    await _try(reading.read_due(hub))
    await _try(hooks.run_due(hub))
    for entry, message in doubtful:
        await _try(_settle_doubt(hub, entry, message, crashed=entry.state == "sending"))
    for interaction_id in unanswered:
        await _try(answer(hub, interaction_id))
    for message_id in to_fetch:
        await _try(fetch(hub, message_id))
    for interaction_id in ended:
        hub.spawn(conclude(hub, interaction_id))
    for interaction_id in {*unanswered, *due, *(entry.interaction_id for entry, _ in doubtful)}:
        await _try(deliver(hub, interaction_id))


async def _try(step: Awaitable[None]) -> None:
    """One that fails keeps none of the others waiting."""
    try:
        await step
    except Exception:
        log.exception("a step of the sweep failed; the next sweep tries it again")


async def beat(hub: Context) -> None:
    """This node lives."""
    async with hub.store.write() as db:
        await transit.beat(db, hub.node, hub.clock.now())


async def leads(hub: Context) -> bool:
    """Whether this node is the one that does what one has to do. It is the youngest that lives, so that a process that
    was killed and started again need not wait until its earlier life is taken for dead.
    """
    async with hub.store.glance() as db:
        nodes = await transit.nodes(db)
    alive_since = hub.clock.now() - NODE_DEAD_AFTER
    living = [node for node in nodes if node.seen_at >= alive_since]
    return not living or max(living, key=lambda node: (node.started_at, node.id)).id == hub.node


async def _forget_nodes(hub: Context, now: datetime) -> None:
    """Those long dead, whose entries have been seen to."""
    async with hub.store.write() as db:
        await transit.forget_nodes(db, now - NODE_FORGOTTEN_AFTER)


def dead_nodes(own: str, nodes: Sequence[Node], now: datetime, since_start: datetime) -> list[str]:
    """Nodes not seen for long, and sooner those named as this one (`name#life`): its earlier lives.

    One of the same name that beats on is another process on this machine, not an earlier life.
    """
    name = own.partition("#")[0]
    dead = []
    for node in nodes:
        earlier = (
            node.id.partition("#")[0] == name
            and node.id != own
            and node.seen_at < since_start
            and now - since_start > OWN_LIFE_DEAD_AFTER
        )
        if earlier or node.seen_at < now - NODE_DEAD_AFTER:
            dead.append(node.id)
    return dead


async def _settle_doubt(hub: Context, entry: OutboxEntry, message: Message, crashed: bool) -> None:
    """Ask the provider what became of a message. Only one that a crash cut off, and that the provider
    certainly does not have, is queued again.
    """
    now = hub.clock.now()
    try:
        listed = await hub.channels[entry.channel].find(await outbound(hub, entry, message))
    except Undeliverable as error:
        log.info("cannot ask about message %s: %s", message.id, error.words)
        listed = None
    failpoints.reach("recover.asked")
    if listed:
        async with hub.store.read() as db:
            known = await transit.known_externally(db, entry.channel, listed)
        ours = next((external for external in listed if external not in known), None)
        if ours is not None:
            await settle(hub, message.id, ours)
            return
    async with hub.store.write() as db:
        message, owed, interaction = await transit.held(db, message.id)
        if owed is None or _claim(owed) != _claim(entry):
            return
        if crashed and listed is not None:
            owed.state, owed.due_at = "queued", now
        elif owed.claimed_at is not None and owed.claimed_at < now - GIVE_UP_AFTER:
            give_up(db, message, owed, interaction, _GAVE_UP, now)


def _claim(entry: OutboxEntry) -> tuple[str, str, int]:
    """Which try it is. While the provider was asked, somebody else may have settled the doubt and tried again."""
    return entry.state, entry.node, entry.attempts


async def close_idle(hub: Context) -> int:
    """End text interactions that have been quiet for their idle time; how many. Calls are looked after elsewhere."""
    now = hub.clock.now()
    live = [name for name, channel in hub.channels.items() if channel.limits.live]
    async with hub.store.read() as db:
        quiet = [found.id for found in await interactions.idle(db, now, live)]
    closed = 0
    for interaction_id in quiet:
        async with hub.store.write() as db:
            interaction = await interactions.locked(db, interaction_id)
            if interaction and interaction.ended_at is None and interaction.idle_at and interaction.idle_at <= now:
                finish(db, interaction, "completed", "idle", now)
                closed += 1
    return closed
