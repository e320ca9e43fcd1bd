"""The built-in tools that steer the conversation itself: its end, who goes on with it, what is written down in it."""

from collections.abc import Mapping
from typing import Any

from hub.core.context import Context
from hub.core.known import known
from hub.core.live.commands import ask_in
from hub.dialogue.choices import options
from hub.dialogue.fields import Reader
from hub.dialogue.text import Problem
from hub.dialogue.turn import Collected, Finish, HandToHuman, ToolResult
from hub.models import Interaction
from hub.models.flow import FieldSpec, Flow
from hub.models.interaction import FINAL
from hub.store import interactions

MOST_PARAMETERS = 100
MOST_VALUE = 4_000


def hang_up(arguments: Mapping[str, Any]) -> ToolResult:
    return ToolResult({"ended": True}, pieces=(Finish(str(arguments.get("reason") or "goodbye")),))


def hand_to_human(arguments: Mapping[str, Any]) -> ToolResult:
    """Of a call with a number to transfer to, that is a transfer."""
    reason = str(arguments.get("reason") or "The agent passes on to a person.")
    return ToolResult({"passed_on": True}, pieces=(HandToHuman(reason),))


async def collect_field(hub: Context, interaction: Interaction, arguments: Mapping[str, Any]) -> ToolResult:
    """Of the fields that the flow asks for, by its rules; of an agent that asks for none, whatever it is called."""
    name, words = str(arguments["field"]).strip(), str(arguments.get("words") or "")
    fields = {field.name: field for stage in _flow(interaction).stages for field in stage.fields}
    if not fields:
        value = arguments["value"]
        return ToolResult({"field": name, "value": value}, pieces=(Collected(name, value, words),))
    field = fields.get(name)
    if field is None:
        return ToolResult(error=f"There is no field {name!r}. There are: {', '.join(fields)}.")
    async with hub.store.glance() as db:
        about = await known(db, interaction)
    reader = Reader(hub.clock.now().astimezone(about.zone), str(interaction.agent.get("language") or "en-US"))
    value = _read(reader, field, arguments["value"])
    if isinstance(value, Problem):
        return ToolResult(error=value.message or field.invalid_message or f"That is no {field.type}. Ask again.")
    return ToolResult({"field": name, "value": value}, pieces=(Collected(name, value, words, field.type),))


def _flow(interaction: Interaction) -> Flow:
    return Flow.model_validate(interaction.agent.get("flow") or {})


def _read(reader: Reader, field: FieldSpec, given: Any) -> Any:
    """The value as the field keeps it, or what is wrong with it."""
    if isinstance(given, bool) and field.type == "yes_no":
        return given
    choices = options([(choice.value, choice.label, choice.synonyms) for choice in field.choices])
    text = ("yes" if given else "no") if isinstance(given, bool) else str(given)
    found = reader.find(field, text, asked=True, options=choices)
    if found is None:
        return Problem("")
    return found if isinstance(found, Problem) else found.value


async def set_parameter(hub: Context, interaction: Interaction, arguments: Mapping[str, Any]) -> ToolResult:
    """It counts from now on, wherever `{{name}}` stands."""
    name, value = str(arguments["name"]).strip(), arguments["value"]
    if not name or name.lower().partition(".")[0] == "secret":
        return ToolResult(error=f"{name!r} cannot be set. Choose another name.")
    if len(str(value)) > MOST_VALUE:
        return ToolResult(error=f"The value is too long: more than {MOST_VALUE:,} characters.")
    async with hub.store.write() as db:
        held = await interactions.locked(db, interaction.id)
        if held is None:
            return ToolResult(error="This conversation is not there any more.")
        if len(held.parameters) >= MOST_PARAMETERS and name not in held.parameters:
            return ToolResult(error="Too many values are set already.")
        held.parameters = {**held.parameters, name: value}
        interactions.log(db, held, "parameter.set", hub.clock.now(), name=name, value=value)
    return ToolResult({"set": name})


async def send_digits(hub: Context, interaction: Interaction, arguments: Mapping[str, Any]) -> ToolResult:
    async with hub.store.write() as db:
        held = await interactions.locked(db, interaction.id)
        if held is None or held.status in FINAL or not held.node:
            return ToolResult(error="There is no telephone line here on which keys could be pressed.")
        by = str(held.agent.get("name") or "agent")
        ask_in(db, held, "digits", hub.clock.now(), by=by, digits=str(arguments["digits"]).lower())
    return ToolResult({"pressed": True})
