"""A test chat ready to be drawn: what was said, with tools, steps and answers in their places."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.models import Event, Interaction, Knowledge, Message
from hub.pricing import Cost, money
from hub.store import interactions, usages
from web import spoken

MOST_EVENTS = 2_000
LIGHTS = {
    "idle": "Your turn",
    "thinking": "Thinking",
    "waiting": "Waiting for a person",
    "ended": "Ended",
}


@dataclass(slots=True)
class View:
    """`items` in order, each of a `kind`; `known`: the answers so far; `latency_ms` of the last turn."""

    interaction: Interaction
    light: str
    items: list[dict[str, Any]] = field(default_factory=list)
    known: dict[str, Any] = field(default_factory=dict)
    choices: list[str] = field(default_factory=list)
    latency_ms: int | None = None
    stage: str = ""
    last_said: Message | None = None

    @property
    def light_words(self) -> str:
        return LIGHTS[self.light]

    @property
    def line_light(self) -> str:
        """Of a phone call, as a colour of the light."""
        return "ended" if not self.open else "speaking" if self.interaction.answered_at else "thinking"

    @property
    def line_words(self) -> str:
        """How a phone call stands."""
        status = self.interaction.status
        words = {"queued": "Dialling", "ringing": "Ringing", "in_progress": "Connected", "paused": "Paused"}
        return words.get(status, status.replace("_", " ").capitalize())

    @property
    def open(self) -> bool:
        return self.interaction.ended_at is None


async def view(db: AsyncSession, interaction: Interaction) -> View:
    """The chat as it stands."""
    workspace_id = interaction.workspace_id
    log = await interactions.events(db, workspace_id, interaction.id, limit=MOST_EVENTS)
    said = await interactions.messages(db, workspace_id, interaction.id, limit=MOST_EVENTS)
    costs = await usages.cost_by_turn(db, interaction)
    made = View(interaction, light(interaction))
    messages = {message.seq: message for message in said}
    agent = _began(interaction, log)
    asked: Message | None = None
    for event in log:
        message = messages.get(event.seq)
        if message is not None:
            asked = _add_message(made, message, asked, costs)
        else:
            agent = _member(interaction, event.data["to"]) if event.type == "member.changed" else agent
            _add_event(made, event, _stages(agent))
    if said and said[-1].role == "agent" and made.open:
        made.choices = said[-1].choices
    return made


def _began(interaction: Interaction, log: Sequence[Event]) -> Mapping[str, Any]:
    """The agent who had the customer first."""
    first = next((event for event in log if event.type == "member.changed"), None)
    return _member(interaction, first.data["from"]) if first else interaction.agent


def _member(interaction: Interaction, key: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = interaction.team.get("members", {}).get(key, {}).get("agent", {})
    return found


def _stages(agent: Mapping[str, Any]) -> dict[str, Any]:
    return {stage["id"]: stage for stage in agent.get("flow", {}).get("stages", [])}


def light(interaction: Interaction) -> str:
    """Whose turn it is, as a key of `LIGHTS`."""
    if interaction.ended_at is not None:
        return "ended"
    if interaction.owner != "ai":
        return "waiting"
    opening = interaction.agent.get("opening_message") and not interaction.last_message_role
    return "thinking" if interaction.heard_seq > interaction.answered_seq or opening else "idle"


def _add_message(
    made: View, message: Message, asked: Message | None, costs: Mapping[int, Cost]
) -> Message | None:  # fmt: skip
    latency, cost = None, ""
    if message.role == "agent" and asked is not None and made.last_said is not None:
        cost = _cost(made.last_said, costs)
        latency = made.latency_ms = int((message.created_at - asked.created_at).total_seconds() * 1000)
    made.items.append({"kind": "message", "message": message, "latency_ms": latency, "cost": cost})
    if message.role == "customer":
        made.last_said = message
        return asked or message
    return None


def _cost(asked: Message, costs: Mapping[int, Cost]) -> str:
    """What answering this cost, where anything is priced."""
    cost = costs.get(asked.seq)
    return " ".join(money(micros, currency, cents=False) for currency, micros in cost.totals.items()) if cost else ""


def _add_event(made: View, event: Event, stages: Mapping[str, Any]) -> None:
    data = event.data
    match event.type:
        case "tool.called":
            made.items.append({"kind": "tool", **data, "result_text": pretty(data.get("result"))})
        case "stage.entered":
            stage = stages.get(data["stage"], {})
            for name in stage.get("clear", []):
                made.known.pop(name, None)
            made.stage = stage.get("name") or data["stage"]
            made.items.append({"kind": "stage", "name": made.stage})
        case "field.collected":
            made.known[data["field"]] = data["value"]
            made.items.append({"kind": "field", **data, "value": plain(data["value"])})
        case "interaction.needs_human":
            made.items.append({"kind": "human", "reason": data.get("reason", "")})
        case "interaction.ended":
            made.items.append({"kind": "ended", "reason": data.get("reason", "").replace("_", " ")})
        case "member.changed":
            made.stage = ""
            made.items.append({"kind": "told", "told": spoken.told(event.type, data)})
        case "call.digit" | "call.interrupted" | "call.apologised" | "call.voiceless" | "call.deaf" | "engine.failed":
            made.items.append({"kind": "told", "told": spoken.told(event.type, data)})


def pretty(value: Any, most: int = 4_000) -> str:
    """JSON for people's eyes, cut where it is long."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return text if len(text) <= most else text[:most] + "\n... cut here"


def plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def suggestions(definition: Mapping[str, Any], knowledge: Sequence[Knowledge]) -> list[str]:
    """Things to say that this agent should have an answer to."""
    stages = definition.get("flow", {}).get("stages", [])
    first = next((stage for stage in stages if stage.get("type") == "start"), stages[0] if stages else {})
    ways = [way["phrases"][0] for way in first.get("transitions", []) if way.get("phrases")]
    anywhere = [stage["global_intent"][0] for stage in stages if stage.get("global_intent")]
    titles = [f"{item.title}?" for item in knowledge[:3] if len(item.title) < 60]
    found = [*ways[:3], *titles, *anywhere[:2], "Can I talk to a person?"]
    return list(dict.fromkeys(text[:1].upper() + text[1:] for text in found))[:8]
