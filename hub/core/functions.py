"""Functions: the customer's own system is told of a call and gives the result, at once or by posting it back."""

import base64
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from hub.core.context import Context
from hub.dialogue.http_tool import LARGEST
from hub.dialogue.outbound import Answer, Failed, Forbidden
from hub.dialogue.turn import ToolResult
from hub.models import Interaction, ToolCall
from hub.models.columns import new_id
from hub.models.tool import Tool
from hub.signing import PREFIX, signed
from hub.store import digest, interactions, tool_calls

LOOK_AGAIN_SECONDS = 1.0
REQUESTED = "tool.requested"
NOT_THERE = "This conversation is not there any more."


class NoCall(LookupError):
    """There is no such call in this interaction."""


class TooLate(Exception):
    """It has its result, or nobody waits for one any more; the text says which."""


async def signing_secret(hub: Context, workspace_id: UUID) -> str:
    """What a workspace's functions are signed with. It follows from the hub's key and stands nowhere."""
    async with hub.store.glance() as db:
        return PREFIX + base64.b64encode(bytes.fromhex(digest(db, "functions", workspace_id))).decode()


async def ask(hub: Context, interaction_id: UUID, tool: Tool, arguments: Mapping[str, Any], key: str) -> ToolResult:
    """The result of a function, within the tool's timeout. The same call again gets the same result."""
    wait = tool.timeout_ms / 1000
    asked, interaction = await _asked(hub, interaction_id, tool, arguments, key, wait)
    if asked is None or interaction is None:
        return ToolResult(error=NOT_THERE)
    async with hub.store.bus.subscribe(f"tool:{asked.id}") as hints:
        if tool.url and asked.done_at is None:
            told = await _tell(hub, tool, asked, interaction, wait)
            if told is not None:
                await _settle(hub, asked, told)
        while True:
            async with hub.store.glance() as db:
                found = await tool_calls.call(db, asked.workspace_id, interaction_id, asked.id)
            if found is None:
                return ToolResult(error=NOT_THERE)
            if found.done_at is not None:
                return ToolResult(found.answer.get("result"), str(found.answer.get("error") or ""))
            left = (asked.due_at - hub.clock.now()).total_seconds()
            if left <= 0:
                await _settle(hub, asked, {"error": f"No result came within {wait:g} seconds."})
                continue
            await hints.wait(min(left, LOOK_AGAIN_SECONDS))


async def _asked(
    hub: Context, interaction_id: UUID, tool: Tool, arguments: Mapping[str, Any], key: str, wait: float
) -> tuple[ToolCall | None, Interaction | None]:
    now = hub.clock.now()
    async with hub.store.write() as db:
        held = await interactions.locked(db, interaction_id)
        if held is None:
            return None, None
        asked = await tool_calls.call_by_key(db, interaction_id, key)
        if asked is None:
            asked = ToolCall(
                id=new_id(), workspace_id=held.workspace_id, interaction_id=held.id, key=key, name=tool.name,
                arguments=dict(arguments), asked_at=now, due_at=now + timedelta(seconds=wait),
            )  # fmt: skip
            db.add(asked)
            interactions.log(
                db, held, REQUESTED, now, call_id=str(asked.id), name=tool.name, arguments=dict(arguments),
                due_at=asked.due_at.isoformat(),
            )  # fmt: skip
    return asked, held


async def _tell(
    hub: Context, tool: Tool, asked: ToolCall, interaction: Interaction, wait: float
) -> dict[str, Any] | None:
    """Post the call to the tool's URL; its result where the answer has it already."""
    body = json.dumps(_told(hub, asked, interaction), ensure_ascii=False).encode("utf-8", "replace")
    secret = await signing_secret(hub, asked.workspace_id)
    headers = signed(str(asked.id), int(hub.clock.now().timestamp()), body, [secret])
    try:
        said = await hub.outside.request(
            "POST", tool.url, headers={**headers, "content-type": "application/json"}, content=body, timeout=wait,
            limit=LARGEST,
        )  # fmt: skip
    except (Failed, Forbidden) as error:
        return {"error": str(error)}
    return at_once(said)


def _told(hub: Context, asked: ToolCall, interaction: Interaction) -> dict[str, Any]:
    return {
        "type": REQUESTED,
        "timestamp": asked.asked_at.isoformat(),
        "data": {
            "call_id": str(asked.id),
            "name": asked.name,
            "arguments": asked.arguments,
            "due_at": asked.due_at.isoformat(),
            "result_url": hub.result_url(interaction.id, asked.id),
            "interaction_id": str(interaction.id),
            "channel": interaction.channel,
            "customer_id": str(interaction.customer_id),
            "metadata": interaction.meta,
            "trace_id": interaction.trace_id,
        },
    }


def at_once(said: Answer) -> dict[str, Any] | None:
    """What the answer to a call says: its result or error, or None when that is posted later."""
    if said.status >= 300:
        return {"error": f"{said.status} Your system did not take the call."}
    try:
        given = said.json() if said.body.strip() else None
    except (ValueError, RecursionError):
        given = None
    if isinstance(given, dict) and given.get("error"):
        return {"error": str(given["error"])[:2_000]}
    if isinstance(given, dict) and "result" in given:
        return {"result": given["result"]}
    return None


async def answer(hub: Context, workspace_id: UUID, interaction_id: UUID, call_id: UUID, given: dict[str, Any]) -> None:
    """The result of a call (`result` or `error`), once and in time. Raises `NoCall`, `TooLate`."""
    now = hub.clock.now()
    async with hub.store.write(urgent=True) as db:
        asked = await tool_calls.call(db, workspace_id, interaction_id, call_id)
        if asked is None:
            raise NoCall("There is no such call in this interaction.")
        if asked.done_at is None and asked.due_at < now:
            raise TooLate("The time for this call is over; the conversation has gone on without it.")
        if not await tool_calls.finish_call(db, call_id, given, now):
            raise TooLate("This call has its result already.")
        _hint(db, call_id)


async def _settle(hub: Context, asked: ToolCall, given: dict[str, Any]) -> None:
    """What is known by now, unless a result was posted meanwhile."""
    async with hub.store.write() as db:
        await tool_calls.finish_call(db, asked.id, given, hub.clock.now())


def _hint(db: Any, call_id: UUID) -> None:
    """Tell whoever waits, wherever, once this transaction is committed."""
    db.info.setdefault("hints", set()).add((f"tool:{call_id}", str(call_id)))
