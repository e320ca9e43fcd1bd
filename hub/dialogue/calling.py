"""The functions that a model may call in a turn, and carrying out what it calls; nothing else is carried out."""

import json
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from hub.dialogue.builtins import SEARCH
from hub.dialogue.exchange import Exchange
from hub.dialogue.knowledge import KNOWN
from hub.dialogue.model import Call, Line
from hub.dialogue.saying import Saying
from hub.dialogue.staging import Refused, Staging
from hub.dialogue.turn import (
    Finish,
    Function,
    HandOver,
    HandToHuman,
    Passage,
    Piece,
    Say,
    Toolbox,
    ToolResult,
    UsedTool,
)  # fmt: skip
from hub.dialogue.walking import bounded

Pieces = AsyncGenerator[Piece, None]
HANG_UP, HUMAN = "hang_up", "hand_to_human"
MOST_RESULT, MOST_PASSAGE, MOST_REASON = 8_000, 2_000, 500
_REASON = {
    "type": "object",
    "properties": {"reason": {"type": "string", "description": "What the colleague should know, in a sentence."}},
}


class Calling:
    """The calls of one turn. `result` is what the model is told of the last one; `acted`: one had an effect."""

    def __init__(self, talk: Exchange, tools: Toolbox, staging: Staging, saying: Saying) -> None:
        self._talk, self._tools, self._staging, self._saying = talk, tools, staging, saying
        self._offered: dict[str, Function] = {}
        self._own: set[str] = set()
        self._colleagues = {one.function: one for one in talk.turn.colleagues}
        self.result = ""
        self.acted = False

    async def offer(self) -> list[Function]:
        """What may be called now. The flow's own functions go before tools of the same name."""
        theirs = await self._tools.functions(self._talk.stage.tools)
        colleagues = [Function(one.function, one.when, _REASON) for one in self._colleagues.values()]
        own = self._staging.functions()
        self._own = {one.name for one in own}
        self._offered = {one.name: one for one in [*theirs, *colleagues, *own]}
        return list(self._offered.values())

    async def known(self) -> list[Line]:
        """What is surely known about the question, as if the model had looked it up: that saves a round."""
        if SEARCH not in self._offered or not self._talk.raw:
            return []
        passages = [one for one in await self._tools.search(self._talk.raw[:500], 2) if one.score >= KNOWN]
        if not passages:
            return []
        call = Call("known", SEARCH, json.dumps({"query": self._talk.raw[:500]}, ensure_ascii=False))
        return [Line("assistant", "", (call,)), Line("tool", _told({"result": _shown(passages)}), answers=call.id)]

    async def carry_out(self, call: Call, allowed: bool) -> Pieces:
        """Do what the model calls; pieces of it go out as they come, `result` is set at the end."""
        function = self._offered.get(call.name)
        if self._talk.over or not allowed:
            self.result = _told({"error": "Not carried out: it is over, or these are too many at once."})
            return
        if function is None:
            self.result = _told(
                {"error": f"There is no function {call.name!r}. There are: {', '.join(self._offered)}."}
            )
            return
        try:
            arguments = _arguments(call.arguments)
            if call.name in self._own:
                self.result = _told(self._staging.take(call.name, arguments))
                self.acted = True
        except Refused as refused:
            self.result = _told({"error": str(refused)})
            return
        if call.name in self._own:
            for piece in self._talk.take():
                yield piece
            return
        async for piece in self._use(function, arguments):
            yield piece

    async def _use(self, function: Function, arguments: Mapping[str, Any]) -> Pieces:
        reason = str(arguments.get("reason") or "")[:MOST_REASON]
        if (colleague := self._colleagues.get(function.name)) is not None:
            self._ends(HandOver(colleague.member, reason))
        elif function.name == HANG_UP:
            self._ends(Finish("goodbye"), "goodbye_message")
        elif function.name == HUMAN:
            self._ends(HandToHuman(reason or "The agent passes on to a person."), "human_message")
        elif function.name == SEARCH:
            found = await self._tools.search(str(arguments.get("query") or "")[:500], 3)
            titles = [{"title": one.title, "score": one.score} for one in found]
            yield UsedTool(SEARCH, dict(arguments), ToolResult(titles))
            self.result = _told({"result": _shown(found) if found else "Nothing is known about that."})
        else:
            async for piece in self._call_tool(function, arguments):
                yield piece

    async def _call_tool(self, function: Function, arguments: Mapping[str, Any]) -> Pieces:
        talk = self._talk
        given = declared(arguments, function.parameters)
        if function.waiting_message:
            yield Say(talk.write(function.waiting_message), waiting=True)
        began = time.perf_counter()
        result = await self._tools.call(function.name, given)
        self.acted = True
        yield UsedTool(function.name, given, result, int((time.perf_counter() - began) * 1000))
        talk.memory.results[function.name] = bounded(result.data)
        told: dict[str, Any] = {"error": result.error[:500]} if result.error else {"result": result.data}
        if result.error and function.fallback_message:
            told["say"] = talk.write(function.fallback_message)
        self.result = _told(told)
        for piece in result.pieces:
            if isinstance(piece, Finish | HandToHuman | HandOver):
                self._ends(piece)
            else:
                yield piece

    def _ends(self, piece: Piece, words: str = "") -> None:
        """It is over for this agent; `words` are said where the model has said nothing."""
        talk = self._talk
        if words and not self._saying.anything:
            talk.say(talk.plan.text(words))
        talk.flush()
        talk.pieces.append(piece)
        talk.over = self.acted = True
        self.result = _told({"done": True})


def declared(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Those that the tool has: a model cannot slip in others, such as a parameter that the URL is made of."""
    properties = schema.get("properties") or {}
    return {name: value for name, value in arguments.items() if name in properties}


def _arguments(written: str) -> dict[str, Any]:
    try:
        arguments = json.loads(written or "{}")
    except (ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict):
        raise Refused("The arguments are no JSON object. Call it again with proper ones.")
    return arguments


def _shown(passages: Sequence[Passage]) -> list[dict[str, str]]:
    return [{"title": one.title, "text": one.text[:MOST_PASSAGE], "source": one.source} for one in passages]


def _told(result: Mapping[str, Any]) -> str:
    """A result as the model reads it: JSON, within bounds."""
    text = json.dumps(result, ensure_ascii=False, default=str)
    return text if len(text) <= MOST_RESULT else text[:MOST_RESULT] + " … (cut)"
