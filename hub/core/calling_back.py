"""Keeping the promises of `hub.core.callbacks` when their time has come, also after a restart."""

import logging
from datetime import timedelta
from uuid import UUID

from hub import identity, policy
from hub.channel import Refused
from hub.core.context import Context
from hub.core.customers import NotPossible
from hub.core.hub import Hub, NotFound
from hub.models import Callback, Interaction
from hub.store import agents, interactions, tool_calls

log = logging.getLogger("hub.callbacks")

MOST_ATTEMPTS = 5
CLAIMED_FOR = timedelta(minutes=2)
AGAIN_AFTER = timedelta(minutes=5)


async def keep_due(hub: Context) -> None:
    """Keep the promises whose time has come; safe to run on every node at any time."""
    async with hub.store.glance() as db:
        due = await tool_calls.due_callbacks(db, hub.clock.now())
    for callback_id in due:
        await _keep(hub, callback_id)


async def _keep(hub: Context, callback_id: UUID) -> None:
    now = hub.clock.now()
    async with hub.store.write() as db:
        owed = await tool_calls.claim_callback(db, callback_id, now, now + CLAIMED_FOR)
        made_in = await db.get(Interaction, owed.interaction_id) if owed else None
        agent = await agents.agent(db, owed.workspace_id, owed.agent_id) if owed and owed.agent_id else None
    if owed is None or made_in is None:
        return
    started, fault, final = None, "", True
    try:
        started = await Hub(hub).start(
            owed.workspace_id, owed.channel, owed.person, agent=agent,
            agent_definition=None if agent else made_in.agent,
            parameters={**made_in.parameters, "callback_about": owed.about},
            meta={"callback_id": str(owed.id)},
        )  # fmt: skip
    except (Refused, policy.NotAllowed, identity.NotAnIdentity, NotFound, NotPossible) as error:
        fault = str(error) or "It was refused."
    except Exception as error:
        log.exception("callback %s failed", callback_id)
        fault, final = f"It failed: {error}", owed.attempts >= MOST_ATTEMPTS
    await _settle(hub, owed, started, fault, final)


async def _settle(hub: Context, owed: Callback, started: Interaction | None, fault: str, final: bool) -> None:
    now = hub.clock.now()
    async with hub.store.write() as db:
        held = await interactions.locked(db, owed.interaction_id)
        kept = await db.get(Callback, owed.id)
        if held is None or kept is None:
            return
        kept.started_id, kept.fault = (started.id if started else None), fault[:500]
        if final:
            kept.done_at = now
            told = {"callback_id": str(owed.id), "channel": owed.channel}
            if started:
                interactions.log(db, held, "callback.started", now, interaction_id=str(started.id), **told)
            else:
                interactions.log(db, held, "callback.failed", now, fault=fault[:500], **told)
        else:
            kept.claimed_until = now + AGAIN_AFTER
