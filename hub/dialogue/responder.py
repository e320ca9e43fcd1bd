"""The brain of an agent in `voice_mode: webhook`: each turn is a signed request to a server of the workspace."""

import asyncio
import contextlib
import hashlib
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC

from hub.dialogue.outbound import Failed, Forbidden, NotConnected, Outside, Slow, Stream
from hub.dialogue.responder_wire import (
    LINES,
    LONGEST_LINE,
    MOST_BYTES,
    OBJECT,
    STATE,
    TEXT,
    Answer,
    Unusable,
    answers,
    body_of,
    merged,
)
from hub.dialogue.template import fill
from hub.dialogue.turn import Failure, Finish, HandToHuman, Piece, Press, Say, SetParameters, Toolbox, Transfer, Turn
from hub.models.responder import Responder as Settings
from hub.signing import signed

NAME = "responder"
CONNECT_AGAIN_SECONDS = 0.25
MOST_FAILURES = 3
"""After so many turns in a row without an answer a person takes over."""
MOST_SILENCES = 2
STILL_THERE = "Are you still there?"
ENDED_SECONDS = 0.2
"""How long we wait for the end of an answer after its last line, to use the connection again."""

_FAILURES, _SILENCES = "responder_failures", "responder_silences"
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_KEYS = re.compile(r"[0-9*#w]+")


class Responder:
    """A `Brain` for one turn. Trouble of the responder's is words for the customer and a `Failure` for the admin."""

    vendor = ""

    def __init__(self, outside: Outside, secrets: Sequence[str]) -> None:
        self._outside, self._secrets = outside, secrets

    async def reply(self, turn: Turn, tools: Toolbox) -> AsyncIterator[Piece]:
        """Pieces of the answer as its lines come. What hangs on a line is closed with it: leaving early cancels."""
        if (ours := _ours(turn)) is not None:
            for piece in ours:
                yield piece
            return
        turn.state.pop(_SILENCES, None)
        settings = Settings.model_validate(turn.agent.get("responder") or {})
        spoken = _Spoken(turn)
        try:
            async with contextlib.aclosing(self._asked(turn, settings)) as pieces:
                async for answer in pieces:
                    for piece in spoken.take(answer):
                        yield piece
        except Unusable as error:
            for piece in spoken.broke_off(str(error), settings):
                yield piece

    async def _asked(self, turn: Turn, settings: Settings) -> AsyncGenerator[Answer, None]:
        """Ask, and give the answer line by line. Raises `Unusable`."""
        deadline = asyncio.get_running_loop().time() + settings.timeout_ms / 1000

        def left() -> float:
            return max(deadline - asyncio.get_running_loop().time(), 0.0)

        content = content_of(turn, settings)
        headers = headers_of(turn, settings, content, self._secrets)
        try:
            async with self._sent(settings.url, headers, content, left()) as stream:
                async with contextlib.aclosing(answers(stream, left)) as lines:
                    async for answer in lines:
                        yield answer
                with contextlib.suppress(Failed):
                    await stream.rest(ENDED_SECONDS)
        except Forbidden as error:
            raise Unusable(str(error), "invalid") from error
        except Failed as error:
            raise Unusable(str(error), "slow" if isinstance(error, Slow) else "broken") from error

    @contextlib.asynccontextmanager
    async def _sent(self, url: str, headers: Mapping[str, str], content: bytes, left: float) -> AsyncIterator[Stream]:
        """Ask once; once more only where nobody was there to take it, so that nothing is asked twice."""
        limits = {"limit": MOST_BYTES, "longest_line": LONGEST_LINE}
        async with contextlib.AsyncExitStack() as stack:
            try:
                opened = self._outside.stream("POST", url, headers=headers, content=content, timeout=left, **limits)
                stream = await stack.enter_async_context(opened)
            except NotConnected:
                await asyncio.sleep(CONNECT_AGAIN_SECONDS)
                opened = self._outside.stream("POST", url, headers=headers, content=content, timeout=left, **limits)
                stream = await stack.enter_async_context(opened)
            yield stream


def content_of(turn: Turn, settings: Settings) -> bytes:
    """The body of the request."""
    body = body_of(turn, settings.history, turn.now.astimezone(UTC).isoformat(timespec="milliseconds"))
    return json.dumps(body, ensure_ascii=False, default=str).encode("utf-8", "replace")


def headers_of(turn: Turn, settings: Settings, content: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """Its headers. The id is the same for every try at this turn."""
    told = json.dumps([turn.key, turn.cue, turn.said])
    message_id = "msg_" + hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:32]
    return {
        **settings.headers,
        "content-type": "application/json",
        "accept": ", ".join([*sorted(LINES)[-1:], OBJECT, TEXT]),
        "idempotency-key": message_id,
        **signed(message_id, int(turn.now.timestamp()), content, secrets),
    }


def _ours(turn: Turn) -> list[Piece] | None:
    """What is said without asking: the opening, whether somebody is there, being back; None when it is to be asked."""
    said = turn.said.strip()
    if turn.cue == "opened" and not said:
        opening = _filled(turn, str(turn.agent.get("opening_message") or ""))
        return [Say(opening)] if opening else []
    if turn.cue == "silence" and not said:
        silences = turn.state[_SILENCES] = int(turn.state.get(_SILENCES) or 0) + 1
        if silences <= MOST_SILENCES:
            return [Say(STILL_THERE)]
        goodbye = _filled(turn, str(turn.agent.get("goodbye_message") or ""))
        return [Say(goodbye or "Goodbye!"), Finish("silence")]
    if turn.cue == "handed_back" and not said:
        back = (turn.agent.get("call") or {}).get("transfer_over_message") if turn.live else ""
        return [Say(str(back))] if back else []
    return None


def _filled(turn: Turn, text: str) -> str:
    values = {**(turn.agent.get("parameters") or {}), **turn.parameters, "customer": turn.customer, "agent": turn.agent}
    return fill(text, values).strip()


@dataclass(slots=True)
class _Spoken:
    """The lines of one answer made into pieces. A text channel gets them as one message, a line as they come."""

    turn: Turn
    texts: list[str] = field(default_factory=list)
    choices: list[str] = field(default_factory=list)

    def take(self, answer: Answer) -> list[Piece]:
        pieces: list[Piece] = []
        if answer.state:
            self.turn.state[STATE] = merged(self.turn.state.get(STATE), answer.state)
        if answer.parameters:
            pieces.append(SetParameters(dict(answer.parameters)))
        text = (answer.text or "").strip()
        if self.turn.live and text:
            pieces.append(Say(text, tuple(answer.choices)))
        elif text:
            self.texts.append(text)
            self.choices = answer.choices or self.choices
        if answer.digits:
            pieces.append(self._press(answer.digits))
        if not answer.interim:
            self.turn.state.pop(_FAILURES, None)
            pieces += [*self._collected(), *self._ends(answer)]
            if not any(isinstance(piece, Say) for piece in pieces):
                pieces.append(Say(""))  # it chose to say nothing
        return pieces

    def _collected(self) -> list[Piece]:
        texts, self.texts = self.texts, []
        return [Say("\n".join(texts), tuple(self.choices))] if texts else []

    def _ends(self, answer: Answer) -> list[Piece]:
        if answer.action == "transfer":
            return [self._transfer(answer.number.strip())]
        if answer.action == "human":
            return [HandToHuman("The responder asked for a person.")]
        if answer.hangup or answer.action == "hangup":
            return [Finish("agent_hangup")]
        return []

    def _press(self, digits: str) -> Piece:
        if not self.turn.live:
            return self._refused("`digits`")
        if not _KEYS.fullmatch(digits):
            return Failure(NAME, f"`digits` must be keys of a phone, not {digits[:40]!r}")
        return Press(digits)

    def _transfer(self, number: str) -> Piece:
        if not self.turn.live:
            return self._refused("`action: transfer`")
        if number and not _E164.fullmatch(number):
            return Failure(NAME, f"`number` must be written like +12025550177, not {number!r}")
        return Transfer(number)

    def _refused(self, what: str) -> Failure:
        words = f"{what} is for calls; this is {self.turn.channel}. `action: human` passes on to a person everywhere"
        return Failure(NAME, words)

    def broke_off(self, why: str, settings: Settings) -> list[Piece]:
        """No usable answer, or none to its end: say so, and after some of them in a row let a person go on."""
        failures = self.turn.state[_FAILURES] = int(self.turn.state.get(_FAILURES) or 0) + 1
        words = _filled(self.turn, settings.fallback_message)
        pieces: list[Piece] = [*self._collected(), Failure(NAME, why), Say(words)]
        if failures >= MOST_FAILURES:
            pieces.append(HandToHuman(f"The responder gave no usable answer {failures} times in a row."))
        return pieces


__all__ = ["NAME", "Responder", "content_of", "headers_of"]
