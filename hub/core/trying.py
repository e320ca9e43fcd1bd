"""A test turn: what a responder would be sent, what it answers, and what that would mean, with nobody on the line."""

import secrets
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any
from uuid import UUID

from hub.core.context import Context
from hub.core.thinking import signing_with
from hub.dialogue.outbound import Answer, Failed, Forbidden
from hub.dialogue.responder import content_of, headers_of
from hub.dialogue.responder_wire import MOST_BYTES, Unusable, answers
from hub.dialogue.responder_wire import Answer as Line
from hub.dialogue.turn import Turn
from hub.engine import EngineFailed
from hub.models import AgentDefinition

MOST_SHOWN = 4_000


@dataclass(slots=True)
class Tried:
    """What went out and came back. `lines` are the answer as it was understood, `fault` why it cannot be used."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    status: int = 0
    kind: str = ""
    answer: str = ""
    took_ms: int = 0
    lines: list[dict[str, Any]] = field(default_factory=list)
    fault: str = ""


async def try_turn(
    hub: Context, workspace_id: UUID, definition: AgentDefinition, text: str, channel: str = "webchat"
) -> Tried:
    """Send one turn, marked as a test. It never raises for what the other side does."""
    settings, agent = definition.responder, definition.model_dump(mode="json")
    turn = Turn(
        agent=agent, cue="message", said=text, history=[], state={}, now=hub.clock.now().astimezone(UTC),
        channel=channel, key=secrets.token_hex(8), live=channel == "call", test=True,
        interaction_id="00000000-0000-0000-0000-000000000000", trace_id=secrets.token_hex(16),
    )  # fmt: skip
    tried = Tried(settings.url)
    try:
        content = content_of(turn, settings)
        tried.headers = headers_of(turn, settings, content, await signing_with(hub, workspace_id, agent))
        tried.body = content.decode()
        began = time.monotonic()
        answer = await hub.outside.request(
            "POST", settings.url, headers={**tried.headers, "accept-encoding": "identity"}, content=content,
            timeout=settings.timeout_ms / 1000, limit=MOST_BYTES,
        )  # fmt: skip
        tried.took_ms = round((time.monotonic() - began) * 1000)
        tried.status, tried.kind = answer.status, answer.headers.get("content-type", "")
        tried.answer = answer.body[: MOST_SHOWN * 4].decode("utf-8", "replace")[:MOST_SHOWN]
        async for line in _understood(answer):
            tried.lines.append(line.model_dump(exclude_defaults=True))
    except (EngineFailed, Forbidden, Failed, Unusable) as error:
        tried.fault = _sentence(str(error))
    return tried


def _understood(answer: Answer) -> AsyncGenerator[Line, None]:
    return answers(_Whole(answer), lambda: 1.0)


class _Whole:
    """An answer that is all there, read as one that comes."""

    def __init__(self, answer: Answer) -> None:
        self.status, self.headers = answer.status, answer.headers
        self._lines, self._body = answer.body.splitlines(), answer.body

    async def line(self, timeout: float) -> bytes | None:  # noqa: ASYNC109 - it never waits
        return self._lines.pop(0) if self._lines else None

    async def rest(self, timeout: float) -> bytes:  # noqa: ASYNC109 - it never waits
        return self._body


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:] + ("" if words.endswith(".") else ".")
