"""What goes to a responder and what comes back: the turn as JSON, the answer as JSON, NDJSON or plain text."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import Any, Literal, Protocol

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from hub.dialogue.outbound import Failed, Slow
from hub.dialogue.turn import Turn
from hub.engine import Fault

LINES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"})
OBJECT = "application/json"
TEXT = "text/plain"
MOST_BYTES, LONGEST_LINE = 1_000_000, 64_000
IDLE_SECONDS = 15.0
"""So long nothing more may come between one line and the next."""
MOST_STATE_BYTES = 32_000


class Unusable(Exception):
    """The answer cannot be used; the text says why. What was said before it counts."""

    def __init__(self, words: str, fault: Fault) -> None:
        super().__init__(words)
        self.fault: Fault = fault


class Reading(Protocol):
    """An answer that is read; see `hub.dialogue.outbound.Stream`."""

    status: int
    headers: Mapping[str, str]

    async def line(self, timeout: float) -> bytes | None: ...  # noqa: ASYNC109

    async def rest(self, timeout: float) -> bytes: ...  # noqa: ASYNC109


class Answer(BaseModel):
    """An answer, or one line of it. Fields that we do not know are left alone."""

    model_config = ConfigDict(extra="ignore", strict=True)
    text: str | None = Field(default=None, max_length=20_000)
    interim: bool = False
    hangup: bool = False
    action: Literal["transfer", "hangup", "human"] | None = None
    number: str = Field(default="", max_length=40)
    digits: str = Field(default="", max_length=100, validation_alias=AliasChoices("digits", "press_digit", "dtmf"))
    choices: list[str] = Field(default=[], max_length=20)
    parameters: dict[str, str | int | float | bool | None] = Field(default={}, max_length=200)
    state: dict[str, Any] = {}


def body_of(turn: Turn, history: int, at: str) -> dict[str, Any]:
    """The turn as it is told. `at` is the time, ISO 8601."""
    recent = list(turn.history)[-history:] if history else []
    made = {
        "event": "agent.message",
        "channel": turn.channel,
        "timestamp": at,
        "cue": turn.cue,
        "interaction_id": turn.interaction_id,
        "trace_id": turn.trace_id,
        "agent": str(turn.agent.get("name", "")),
        "language": str(turn.agent.get("language", "")),
        "transcript": turn.said,
        "recentHistory": [{"role": entry.role, "content": entry.text} for entry in recent],
        "conversationState": turn.state.get(STATE) or None,
        "customer": dict(turn.customer),
        "parameters": {**(turn.agent.get("parameters") or {}), **turn.parameters},
        "metadata": dict(turn.metadata),
    }
    return made | ({"test": True} if turn.test else {})


STATE = "responder"
"""Where a responder's state stands in the brain's memory, beside that of an engine it takes turns with."""


async def answers(stream: Reading, left: Callable[[], float]) -> AsyncGenerator[Answer, None]:
    """The answer, line by line; the last one is not `interim`. `left()` gives the seconds that are left of it all.

    Raises `Unusable`.
    """
    _must_be_well(stream.status)
    kind = stream.headers.get("content-type", "").partition(";")[0].strip().lower()
    if stream.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
        raise Unusable("the answer is compressed; we ask for one that is not", "garbage")
    try:
        if kind in LINES:
            async for answer in _lines(stream, left):
                yield answer
        elif stream.status == 204:
            yield Answer()
        elif kind == OBJECT:
            whole = await stream.rest(left())
            yield _of(whole) if whole.strip() else Answer()
        elif kind == TEXT:
            whole = await stream.rest(left())
            yield Answer(text=_text(whole)[:20_000])
        else:
            words = f"the answer is {kind or 'of no type'}; send {OBJECT}, application/x-ndjson or {TEXT}"
            raise Unusable(words, "garbage")
    except Failed as error:
        raise Unusable(str(error), "slow" if isinstance(error, Slow) else "broken") from error


async def _lines(stream: Reading, left: Callable[[], float]) -> AsyncIterator[Answer]:
    first = True
    while True:
        line = await stream.line(left() if first else min(left(), IDLE_SECONDS))
        if line is None:
            raise Unusable("the answer ended before its last line, the one without `interim`", "broken")
        if not line.strip():
            continue
        first = False
        answer = _of(line)
        yield answer
        if not answer.interim:
            return


def _must_be_well(status: int) -> None:
    if 300 <= status < 400:
        raise Unusable(f"it answered {status}, a redirect; we follow none", "invalid")
    if status in (401, 403):
        raise Unusable(f"it answered {status}: it does not accept our requests; compare the secret", "refused")
    if status == 429 or status == 503:
        raise Unusable(f"it answered {status}: it is overloaded", "busy")
    if status >= 300:
        raise Unusable(f"it answered {status}", "invalid" if status < 500 else "broken")


def _of(raw: bytes) -> Answer:
    try:
        told = json.loads(raw)
    except (ValueError, RecursionError):
        raise Unusable(f"the answer is no JSON: {_shown(raw)}", "garbage") from None
    if not isinstance(told, dict):
        raise Unusable(f"the answer is no JSON object: {_shown(raw)}", "garbage")
    try:
        answer = Answer.model_validate(told)
    except (ValidationError, RecursionError) as error:
        raise Unusable(_complaint(error), "garbage") from None
    if told and not answer.model_fields_set:
        raise Unusable(f"the answer has no field that we know, such as text: {_shown(raw)}", "garbage")
    if len(json.dumps(answer.state)) > MOST_STATE_BYTES:
        raise Unusable(f"its state is larger than {MOST_STATE_BYTES:,} bytes", "garbage")
    return answer


def _complaint(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return "the answer is nested too deeply"
    fault = error.errors()[0]
    return f"the answer's {'.'.join(map(str, fault['loc']))} cannot be used: {fault['msg']}"


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Unusable("the answer is no UTF-8 text", "garbage") from None


def _shown(raw: bytes) -> str:
    """The beginning of what came, for the administrator."""
    text = raw[:400].decode("utf-8", "replace")
    return "".join(char if char.isprintable() else " " for char in text)[:80].strip() or "nothing"


def merged(before: Mapping[str, Any] | None, update: Mapping[str, Any]) -> dict[str, Any]:
    """The state after an answer: what it names is replaced, what it names as null is gone."""
    return {name: value for name, value in {**(before or {}), **update}.items() if value is not None}
