"""Callbacks: a customer is promised to be called or written to later; `hub.core.calling_back` keeps the promise."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from hub import identity
from hub.core.context import Context
from hub.core.customers import NotPossible
from hub.core.known import known
from hub.dialogue.turn import ToolResult
from hub.models import Callback, Interaction
from hub.models.columns import new_id
from hub.store import interactions, people, tool_calls

LONGEST = timedelta(days=90)
MOST_OPEN = 3
_OWN_WAY = ("call", "sms", "whatsapp", "email")


async def promise(hub: Context, interaction: Interaction, arguments: Mapping[str, Any], person: str) -> ToolResult:
    """Keep a promise made in this interaction. Raises `NotPossible`, `NotAnIdentity`."""
    channel = way(interaction, str(arguments.get("by") or ""))
    if channel not in hub.channels:
        raise NotPossible(f"Nobody can be reached by {channel} here: the channel is not set up.", "no_channel")
    now = hub.clock.now()
    async with hub.store.write() as db:
        held = await interactions.locked(db, interaction.id)
        if held is None:
            raise NotPossible("This conversation is not there any more.", "gone")
        _, workspace = await people.customer_at_home(db, held.customer_id)
        at = _moment(str(arguments["at"]), now.astimezone((await known(db, held)).zone))
        value = identity.normal(hub.channels[channel].identity, person, workspace.default_region)
        promised = await tool_calls.open_callbacks(db, held.id)
        same = next((one for one in promised if (one.due_at, one.channel, one.person) == (at, channel, value)), None)
        if same is None and len(promised) >= MOST_OPEN:
            raise NotPossible("Enough callbacks are arranged in this conversation.", "too_many")
        if same is None:
            made = Callback(
                id=new_id(), workspace_id=held.workspace_id, interaction_id=held.id, agent_id=held.agent_id,
                channel=channel, person=value, about=str(arguments.get("about") or ""), due_at=at, created_at=now,
            )  # fmt: skip
            db.add(made)
            interactions.log(
                db, held, "callback.promised", now,
                callback_id=str(made.id), due_at=at.isoformat(), channel=channel, about=made.about,
            )  # fmt: skip
    return ToolResult({"promised": True, "at": at.isoformat(), "by": channel})


def way(interaction: Interaction, by: str = "") -> str:
    """By which channel they are called back: as asked, else as now where we can begin there, else by phone."""
    return by or (interaction.channel if interaction.channel in _OWN_WAY else "call")


def _moment(text: str, now: datetime) -> datetime:
    """A time to come, on the customer's clock unless it says otherwise. Raises `NotPossible`."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise NotPossible("Give the time like 2026-03-01T15:30.", "no_time") from None
    at = at if at.tzinfo else at.replace(tzinfo=now.tzinfo)
    if at <= now:
        raise NotPossible(f"That time is over: it is {now:%Y-%m-%dT%H:%M} now.", "past")
    if at > now + LONGEST:
        raise NotPossible(f"That is too far away: at most {LONGEST.days} days.", "too_far")
    return at
