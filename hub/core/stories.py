"""An interaction as an extractor is told of it: only what was heard, without notes and tools."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from sqlmodel.ext.asyncio.session import AsyncSession

from hub.core.known import known
from hub.dialogue.results import Line, Noted, Story
from hub.models import Event, Interaction, Message, ResultField
from hub.store import interactions

MOST_LINES = 1_000
MOST_NOTED = 1_000
_SPEAKERS = ("customer", "agent", "operator")
_NOT_ARRIVED = ("failed", "undelivered")


def fields_of(agent: Mapping[str, Any]) -> list[ResultField]:
    """The schema that the interaction began with."""
    made = []
    for field in agent.get("results") or []:
        try:
            made.append(ResultField.model_validate(field))
        except ValidationError:  # of another release
            continue
    return made


async def story_of(db: AsyncSession, interaction: Interaction) -> Story:
    """Everything that counts in it until now."""
    agent = interaction.agent
    said = await interactions.messages(db, interaction.workspace_id, interaction.id, limit=MOST_LINES)
    noted = await interactions.events_of(db, interaction.id, "field.collected", limit=MOST_NOTED)
    stage = await interactions.last_event(db, interaction.id, "stage.entered")
    about = await known(db, interaction)
    lines = lines_of(said)
    return Story(
        fields=fields_of(agent),
        lines=lines,
        now=interaction.created_at.astimezone(about.zone),
        language=str(agent.get("language") or "en-US"),
        channel=interaction.channel,
        direction=interaction.direction,
        noted=_noted(noted),
        status=interaction.status,
        reason=interaction.ended_reason,
        failure=interaction.failure_reason,
        reached_end=stage is not None and _ends(agent, str(stage.data.get("stage", ""))),
        handed_over=interaction.owner != "ai" or any(line.role == "operator" for line in lines),
        criteria=str(agent.get("success_criteria") or ""),
        summary=bool(agent.get("summarize", True)),
        agent=agent,
    )


def lines_of(said: Sequence[Message]) -> list[Line]:
    """What was said and heard: of what we said, no word that did not reach the customer."""
    lines = []
    for message in said:
        text = message.text if message.heard is None else message.heard
        if message.note or message.role not in _SPEAKERS or not text.strip() or message.status in _NOT_ARRIVED:
            continue
        sentences = message.timing.get("sentences") or ()
        lines.append(Line(message.id, message.role, text, message.from_ms, message.to_ms, sentences))
    return lines


def _noted(events: Sequence[Event]) -> dict[str, Noted]:
    """The newest of each field; a field of a flow and a result of the same name are the same."""
    found = {}
    for event in events:
        evidence = str(event.data.get("evidence") or "")
        found[str(event.data.get("field", ""))] = Noted(event.data.get("value"), evidence)
    return found


def _ends(agent: Mapping[str, Any], stage_id: str) -> bool:
    stages = (agent.get("flow") or {}).get("stages") or []
    return any(stage.get("id") == stage_id and stage.get("type") == "end" for stage in stages)
