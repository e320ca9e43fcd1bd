"""Which hooks an event of an interaction sets off."""

from collections.abc import Mapping
from typing import Any

from hub.dialogue.text import fold
from hub.models.hook import Hook

_STARTED = {True: "call.connected", False: "interaction.started"}
_AGENT_SAID = {True: "message.heard", False: "message.created"}
_TYPES = {
    "tool.result": "tool.called", "stage.entered": "stage.entered", "field.collected": "field.collected",
    "digits": "call.digit", "voicemail": "call.machine", "ended": "interaction.ended",
}  # fmt: skip
_OF = {"tool.result": "name", "stage.entered": "stage", "field.collected": "field"}


def matches(hook: Hook, type: str, data: Mapping[str, Any], live: bool, agent_said: int) -> bool:
    """Whether this event is what the hook waits for. `live`: on a call; `agent_said`: so many messages of the agent's,
    with this one."""
    match hook.on:
        case "started":
            return type == _STARTED[live]
        case "customer.said":
            return type == "message.created" and data.get("role") == "customer" and _said(hook, data)
        case "agent.said" | "messages":
            if not says(type, data, live):
                return False
            return _said(hook, data) if hook.on == "agent.said" else agent_said == hook.count
        case "silence" | "duration":
            return False
    if type != _TYPES[hook.on] or (hook.of and str(data.get(_OF.get(hook.on, ""))) != hook.of):
        return False
    if hook.on == "tool.result":
        return not hook.outcome or hook.outcome == ("error" if data.get("error") else "ok")
    given = {"digits": data.get("digit"), "field.collected": data.get("value")}.get(hook.on)
    return not hook.values or given is None or str(given).lower() in {value.lower() for value in hook.values}


def says(type: str, data: Mapping[str, Any], live: bool) -> bool:
    """Whether this event is a message of the agent's; on a call, one that was spoken to its end."""
    return type == _AGENT_SAID[live] and (live or (data.get("role") == "agent" and not data.get("note")))


def _said(hook: Hook, data: Mapping[str, Any]) -> bool:
    words = f" {_plain(str(data.get('text') or ''))} "
    return not hook.phrases or any(f" {_plain(phrase)} " in words for phrase in hook.phrases if phrase.strip())


def _plain(text: str) -> str:
    return " ".join("".join(char if char.isalnum() or char == "'" else " " for char in fold(text)).split())
