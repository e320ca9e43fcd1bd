"""What hooks can do: within the interaction, in the transaction that holds it; and outside, after it."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub import ownership
from hub.core import functions, reach
from hub.core.context import Context
from hub.core.known import known
from hub.core.live.commands import ask_in
from hub.core.toolbox import Tools
from hub.core.write import decided_in, finish
from hub.dialogue.notes import note
from hub.dialogue.outbound import Failed, Forbidden
from hub.dialogue.template import fill, fill_tree
from hub.dialogue.turn import UsedTool
from hub.models import Interaction
from hub.models.hook import Instruction
from hub.models.interaction import FINAL
from hub.policy import NotAllowed
from hub.signing import signed
from hub.store import calls, interactions

_OUTWARD = ("send_text", "tool", "webhook")
_LIVE_ONLY = ("pause", "resume")
ENDED = "The interaction has ended."


def outward(instruction: Instruction) -> bool:
    """Whether it goes outside, so that a transaction must not wait for it."""
    return instruction.action in _OUTWARD


async def _values(db: AsyncSession, interaction: Interaction) -> dict[str, Any]:
    """All that texts of hooks may name."""
    about = await known(db, interaction)
    fields = interaction.state.get("fields")
    named = {str(name): value for name, value in about.customer.items() if value not in (None, "")}
    collected = fields if isinstance(fields, dict) else {}
    return {**named, **about.parameters, **collected, "customer": dict(about.customer)}


async def do_within(
    hub: Context, db: AsyncSession, interaction: Interaction, instruction: Instruction, hook: str
) -> str:  # fmt: skip
    """Why it could not be done; empty when it was."""
    live = hub.channels[interaction.channel].limits.live
    if interaction.status in FINAL:
        return ENDED
    if interaction.owner == "operator" and instruction.action != "set_parameter":
        return "An operator has this conversation."
    if live and not interaction.node and instruction.action != "set_parameter":
        return "There is no open line."
    if not live and instruction.action in _LIVE_ONLY:
        return "Only a call can be paused."
    text = fill(instruction.text, await _values(db, interaction))
    act = _on_a_call if live else _in_writing
    return await act(hub, db, interaction, instruction, text, hook)


async def _on_a_call(
    hub: Context, db: AsyncSession, interaction: Interaction, instruction: Instruction, text: str, hook: str
) -> str:  # fmt: skip
    now, by = hub.clock.now(), f"hook {hook}"[:200]
    match instruction.action:
        case "say":
            ask_in(db, interaction, "say", now, by=by, text=text)
        case "note":
            ask_in(db, interaction, "note", now, by=by, text=text, turns=instruction.turns)
        case "hang_up":
            ask_in(db, interaction, "hang_up", now, by=by, reason="agent_hangup", after_words=True)
        case "transfer":
            to = instruction.to or str(interaction.agent.get("call", {}).get("transfer_to") or "")
            if not to:
                return "There is no number to transfer to."
            ask_in(db, interaction, "transfer", now, by=by, to=to, warm=instruction.warm, briefing=text)
        case "pause" | "resume":
            ask_in(db, interaction, instruction.action, now, by=by)
        case "hand_to_human":
            ownership.queue(db, interaction, text or f"The hook {hook} says so.", now)
            calls.call_hint(db, interaction.id)
        case _:
            return _set(hub, db, interaction, instruction, text)
    return ""


async def _in_writing(
    hub: Context, db: AsyncSession, interaction: Interaction, instruction: Instruction, text: str, hook: str
) -> str:  # fmt: skip
    now = hub.clock.now()
    match instruction.action:
        case "say":
            answered = interaction.answered_seq
            try:
                await reach.say_by(
                    db, hub, interaction, text, role="agent", author=str(interaction.agent.get("name", ""))
                )  # fmt: skip
            except NotAllowed as refused:
                return refused.reason
            interaction.answered_seq = answered  # the agent still answers what it was asked
        case "note":
            interaction.state = note(interaction.state, text, instruction.turns)
        case "hang_up":
            finish(db, interaction, "completed", "agent_hangup", now)
        case "transfer" | "hand_to_human":
            ownership.queue(db, interaction, text or f"The hook {hook} says so.", now)
        case _:
            return _set(hub, db, interaction, instruction, text)
    return ""


def _set(hub: Context, db: AsyncSession, interaction: Interaction, instruction: Instruction, text: str) -> str:
    value = text if instruction.text else instruction.value
    interaction.parameters = {**interaction.parameters, instruction.name: value}
    interactions.log(db, interaction, "parameter.set", hub.clock.now(), name=instruction.name, value=value)
    call = hub.calls.get(interaction.id)
    if call is not None and isinstance(call.mind.memory.parameters, dict):
        call.mind.memory.parameters[instruction.name] = value
    return ""


async def do_outside(
    hub: Context, interaction_id: UUID, instruction: Instruction, errand: Mapping[str, Any]
) -> tuple[str, bool]:
    """Why it could not be done, empty when it was; and whether it may be tried again."""
    async with hub.store.glance() as db:
        interaction = await db.get(Interaction, interaction_id)
        values = await _values(db, interaction) if interaction is not None else {}
    if interaction is None:
        return ENDED, False
    if instruction.action == "webhook":
        return await _posted(hub, interaction, fill(instruction.url, values), errand)
    if instruction.action == "send_text":
        name, given = "send_text", {"text": fill(instruction.text, values), "to": fill(instruction.to, values)}
        given = {key: value for key, value in given.items() if value}
    else:
        name, given = instruction.name, fill_tree(instruction.arguments, values)
    tools = Tools(
        hub, interaction.workspace_id, interaction.id, interaction.agent_id, interaction.agent,
        {**interaction.parameters}, f"{interaction.id} hook {errand['key']}",
    )  # fmt: skip
    began = hub.clock.now()
    result = await tools.call(name, given)
    took = round((hub.clock.now() - began).total_seconds() * 1000)
    async with hub.store.write() as db:
        held = await interactions.locked(db, interaction_id)
        if held is not None:
            await decided_in(db, held, UsedTool(name, given, result, took), hub.clock.now())
    return result.error, False


async def _posted(hub: Context, interaction: Interaction, url: str, errand: Mapping[str, Any]) -> tuple[str, bool]:
    """Tell a server of what happened, signed; the id is the same each time it is tried."""
    now, told_id = hub.clock.now(), f"{interaction.id}.{errand['key']}"
    told = {
        "type": "hook",
        "timestamp": now.isoformat(),
        "data": {
            "hook": errand["hook"], "on": errand["type"], "event": errand["data"],
            "interaction_id": str(interaction.id), "channel": interaction.channel,
            "customer_id": str(interaction.customer_id), "parameters": interaction.parameters,
            "metadata": interaction.meta, "trace_id": interaction.trace_id,
        },
    }  # fmt: skip
    body = json.dumps(told, ensure_ascii=False, default=str).encode("utf-8", "replace")
    secret = await functions.signing_secret(hub, interaction.workspace_id)
    headers = {**signed(told_id, int(now.timestamp()), body, [secret]), "content-type": "application/json"}
    try:
        said = await hub.outside.request("POST", url, headers=headers, content=body, timeout=15, limit=64_000)
    except Forbidden as error:
        return str(error), False
    except Failed as error:
        return str(error), True
    if said.status < 300:
        return "", False
    return f"The server answered {said.status}.", said.status >= 500 or said.status == 429
