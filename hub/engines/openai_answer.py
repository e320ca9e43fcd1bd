"""One streamed answer, taken apart: words, calls, why it ended, what it took."""

from collections.abc import Iterator
from dataclasses import dataclass

from hub.dialogue.model import Asked, Call, Ended, Part, Words
from hub.dialogue.turn import Usage
from hub.engine import EngineFailed
from hub.engines.openai_stream import Calling, Chunk, Delta, Tokens

MOST_CHARACTERS, MOST_CALLS, MOST_ARGUMENTS = 16_000, 16, 64_000
"""An answer is as long as that at most; what comes after is not read."""
_CHARACTERS_A_TOKEN = 4
_NOTHING = Delta()


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: str = ""


class Answer:
    """Takes chunks as they come. `begun`: something of it has come."""

    def __init__(self, asked: Asked, model: str) -> None:
        self._asked, self._model = asked, model
        self.begun = False
        self._length = 0
        self._why = ""
        self._calls: dict[int, _Call] = {}
        self._usage: Usage | None = None
        self._refused = False

    def take(self, chunk: Chunk) -> Iterator[Part]:
        """What a chunk says. Raises `EngineFailed` when the answer has no end."""
        self.begun = True
        if chunk.usage is not None:
            self._usage = self._told(chunk.usage)
        for choice in (chunk.choices or ())[:1]:
            delta = choice.delta or _NOTHING
            self._refused = self._refused or bool(delta.refusal)
            if text := delta.content or delta.refusal:
                yield from self._words(text)
            for piece in delta.tool_calls or ():
                self._call(piece)
            self._why = choice.finish_reason or self._why

    def _words(self, text: str) -> Iterator[Part]:
        left = MOST_CHARACTERS - self._length
        self._length += len(text)
        if left > 0:
            yield Words(text[:left])
        if self._length > MOST_CHARACTERS:
            raise EngineFailed(f"{self._model} does not come to an end", "garbage")

    def _call(self, piece: Calling) -> None:
        if piece.index not in self._calls and len(self._calls) >= MOST_CALLS:
            return
        call = self._calls.setdefault(piece.index, _Call())
        call.id = piece.id or call.id
        if piece.function is not None:
            call.name += piece.function.name or ""
            call.arguments += piece.function.arguments or ""
        if len(call.arguments) > MOST_ARGUMENTS:
            raise EngineFailed(f"{self._model} calls a function with more than can be taken", "garbage")

    def close(self) -> Iterator[Part]:
        """The stream has ended. Raises `EngineFailed` when the answer has not."""
        if not self.begun:
            raise EngineFailed(f"{self._model} gave no answer that could be read", "garbage")
        if not self._why:
            raise EngineFailed(f"{self._model} broke off in the middle of its answer", "broken")
        for index, call in sorted(self._calls.items()):
            yield Call(call.id or f"call_{index}", call.name, call.arguments)
        ends = {"length": "length", "content_filter": "filtered"}
        yield Ended("refused" if self._refused else ends.get(self._why, "done"))  # type: ignore[arg-type]

    def _told(self, usage: Tokens) -> Usage:
        details = usage.prompt_tokens_details
        cached = (details.cached_tokens if details is not None else 0) or 0
        return Usage("openai", self._model, usage.prompt_tokens or 0, usage.completion_tokens or 0, cached)

    def count(self) -> None:
        """Put what it took into the request's `spent`: as told, else, of what had begun, estimated."""
        if self._usage is None and self.begun:
            read = sum(len(line.text) for line in self._asked.lines) // _CHARACTERS_A_TOKEN
            written = self._length + sum(len(call.arguments) for call in self._calls.values())
            self._usage = Usage("openai", self._model, read, written // _CHARACTERS_A_TOKEN)
        if self._usage is not None:
            self._asked.spent.append(self._usage)
