"""A brain that calls the tool it is told to ("use send_text {...}") and says what came of it: a model that obeys."""

import contextlib
import json
from collections.abc import AsyncIterator, Iterator

from hub.dialogue.turn import Finish, HandToHuman, Piece, Say, Toolbox, Turn, UsedTool
from hub.engines import ENGINES


class Obedient:
    vendor = ""

    async def reply(self, turn: Turn, tools: Toolbox) -> AsyncIterator[Piece]:
        if turn.cue == "opened" or not turn.said.startswith("use "):
            yield Say(f"Hello. {turn.parameters.get('callback_about', '')}".strip())
            return
        name, _, given = turn.said.removeprefix("use ").partition(" ")
        arguments = json.loads(given or "{}")
        result = await tools.call(name, arguments)
        yield UsedTool(name, arguments, result)
        ends = [piece for piece in result.pieces if isinstance(piece, Finish | HandToHuman)]
        for piece in result.pieces:
            if piece not in ends:
                yield piece
        yield Say(result.error or json.dumps(result.data))
        for piece in ends:
            yield piece


@contextlib.contextmanager
def obedient() -> Iterator[None]:
    """It is in the roster as `obedient`."""
    ENGINES["obedient"] = "tests.obedient:Obedient"
    try:
        yield
    finally:
        ENGINES.pop("obedient", None)
