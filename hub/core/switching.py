"""Who thinks in an interaction that is going on: an engine of ours or the workspace's responder."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.core.customers import NotPossible
from hub.models import Interaction
from hub.models.interaction import FINAL
from hub.store import agents, calls, interactions

SWITCHED = ("voice_mode", "responder")
"""What of a frozen definition may change."""


def mode_of(agent: Mapping[str, Any]) -> str:
    """`hosted` or `webhook`."""
    return str(agent.get("voice_mode") or "hosted")


async def switch_in(db: AsyncSession, interaction: Interaction, voice_mode: str, by: str, now: datetime) -> bool:
    """From its next turn on, in the transaction that holds it; whether that changes anything. Raises `NotPossible`.

    Everything else stays as it was frozen. Where no responder was, the agent's present one is taken.
    """
    if interaction.status in FINAL:
        raise NotPossible("This interaction has ended.", "ended")
    if not interaction.agent:
        raise NotPossible("No agent answers here: it waits for a person.", "no_agent")
    if mode_of(interaction.agent) == voice_mode:
        return False
    responder = interaction.agent.get("responder") or {}
    if voice_mode == "webhook" and not _can_be_asked(responder):
        responder = await _present_one(db, interaction)
        if not _can_be_asked(responder):
            raise NotPossible("This agent has no responder: give it a URL and a secret first.", "no_responder")
    interaction.agent = {**interaction.agent, "voice_mode": voice_mode, "responder": responder}
    interactions.log(db, interaction, "interaction.mode_switched", now, voice_mode=voice_mode, by=by)
    calls.call_hint(db, interaction.id)
    return True


async def _present_one(db: AsyncSession, interaction: Interaction) -> dict[str, Any]:
    if interaction.agent_id is None:
        return {}
    stored = await agents.agent(db, interaction.workspace_id, interaction.agent_id)
    return dict((stored.definition.get("responder") if stored is not None else None) or {})


def _can_be_asked(responder: dict[str, object]) -> bool:
    return bool(responder.get("url") and responder.get("secret"))
