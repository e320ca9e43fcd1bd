"""What a language model is asked and what it gives, as plain data: each vendor's is one file of `hub/engines`."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from hub.dialogue.turn import Function, Usage
from hub.engine import Account

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class Call:
    """The model calls a function. `arguments` is JSON as the model wrote it, which may be none."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Line:
    """One message to the model. `calls` are what an assistant's called, `answers` the id of the call that a tool's
    line is the result of.
    """

    role: Role
    text: str
    calls: tuple[Call, ...] = ()
    answers: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """The next piece of what the model says, cut anywhere."""

    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The answer is whole, or as whole as it gets.

    length: cut by a limit; filtered: withheld by the vendor's filter; refused: the model declined, in its words.
    """

    why: Literal["done", "length", "filtered", "refused"] = "done"


Part = Words | Call | Ended


@dataclass(slots=True)
class Asked:
    """One request to a model. `models` are tried in their order; none: the engine's own choice for the `tier`. With a
    `schema` the answer is to be JSON that fits it.

    The engine puts what the request took into `spent` before it ends, also when it is stopped.
    """

    lines: Sequence[Line]
    functions: Sequence[Function] = ()
    models: Sequence[str] = ()
    tier: str = ""
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    schema: Mapping[str, Any] | None = None
    spent: list[Usage] = field(default_factory=list)


class Model(Protocol):
    """`stream` gives the parts of one answer as they come, `Ended` last. Raises `hub.engine.EngineFailed`.

    `reach` has a connection at hand for the next one, if that is possible.
    """

    vendor: str

    async def reach(self, account: Account) -> None: ...

    def stream(self, asked: Asked, account: Account) -> AsyncGenerator[Part, None]: ...
