"""One turn of an agent: what it is asked, what it may answer with.

Given the interaction, its history (heard text only) and what just happened, a brain yields pieces.
Voice and text use the same contract.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

from hub.engine import NOBODY, Account

Cue = Literal["opened", "message", "handed_back", "handed_over", "silence", "told"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing said so far. `role`: customer, agent, operator, tool, system."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of knowledge with its source; `score` in 0..1, 1 the best match there can be."""

    title: str
    text: str
    source: str = ""
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool gave. `data` is untrusted; `error` is what went wrong, empty when it went well.

    `pieces` is what follows from it for the turn (a field was collected, the exchange is over): the brain yields them,
    `Finish`, `HandToHuman` and `HandOver` last of all.
    """

    data: Any = None
    error: str = ""
    pieces: "tuple[Piece, ...]" = ()


@dataclass(frozen=True, slots=True)
class Function:
    """A tool as a model is told of it; `parameters` is a JSON Schema of type object.

    Before it is called, `waiting_message` is said, if there is one (`Say(waiting=True)`). `silent`: nothing is said
    while it runs, also not what the model said beside the call. `fallback_message` are words for when it fails.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    waiting_message: str = ""
    fallback_message: str = ""
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Colleague:
    """Another member of the team whom this agent may hand the customer to.

    `function` is how that is called where a model decides, `description` when it is right to do so, `phrases` what a
    customer says then. `message` is said by the hub when it happens: the brain need not say so itself.
    """

    member: str
    function: str
    description: str = ""
    name: str = ""
    message: str = ""
    phrases: tuple[str, ...] = ()

    @property
    def when(self) -> str:
        """When to hand over, as a model is told."""
        like = f"The customer says something like: {'; '.join(self.phrases[:5])}" if self.phrases else ""
        told = f"Hand the customer over to {self.name or self.member}."
        return " ".join(part for part in (told, self.description, like) if part)


class Toolbox(Protocol):
    """What a brain may do beside talking. None raises for trouble outside: it is in the result."""

    async def functions(self, stage_tools: Sequence[str] | None = None) -> Sequence[Function]:
        """What a model may call now: those of `stage_tools` where a stage has its own, and what is always at hand.

        A model's call of anything else must not be carried out. Each is called by its `name`.
        """
        ...

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolResult: ...

    async def search(self, query: str, limit: int = 3) -> Sequence[Passage]: ...


@dataclass(slots=True)
class Turn:
    """What the agent is asked.

    `agent` is the frozen agent definition (`hub.models.agent`), `cue` what just happened (`told`: on a call, something
    they wrote came in another way; `handed_over`: a colleague gave this agent the customer in this very turn, the last
    of the history says why, and `said` may be empty), `said`
    what the customer said that is not answered yet (several messages are joined by newlines),
    `history` everything before it. `state` belongs to the brain: a JSON-able dictionary kept with
    the interaction; changes are saved with the reply and thrown away with it. `now` is aware and in
    the customer's (else the workspace's) time zone. `account` is whose key an engine of a vendor thinks with,
    `colleagues` whom the agent may hand over to. `key` names the turn, the same for every try at it; `live`: somebody
    is on the line, and words are spoken as they come. A brain that is stopped before it could yield its `Usage` puts
    what it took into `spent`.
    """

    agent: Mapping[str, Any]
    cue: Cue
    said: str
    history: Sequence[Entry]
    state: dict[str, Any]
    now: datetime
    channel: str = "webchat"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    customer: Mapping[str, Any] = field(default_factory=dict)
    account: Account = NOBODY
    colleagues: Sequence[Colleague] = ()
    spent: "list[Usage]" = field(default_factory=list)
    key: str = ""
    live: bool = False
    test: bool = False
    interaction_id: str = ""
    trace_id: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Say:
    """Words for the customer. `choices` are offered as buttons where the channel has them, `form` to be filled in.

    `waiting` words only bridge a tool's running time; a text channel leaves them out.
    """

    text: str
    choices: tuple[str, ...] = ()
    waiting: bool = False
    form: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class UsedTool:
    """A tool was called; kept in the log and shown as a card."""

    name: str
    arguments: Mapping[str, Any]
    result: ToolResult
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class EnterStage:
    """The flow moved to another stage."""

    stage: str


@dataclass(frozen=True, slots=True)
class Collected:
    """A field was filled or corrected; `value` is JSON-able, `evidence` the words that say it, `type` the field's."""

    field: str
    value: Any
    evidence: str = ""
    type: str = ""


@dataclass(frozen=True, slots=True)
class HandToHuman:
    """A person must go on from here; the agent is silent after this."""

    reason: str


@dataclass(frozen=True, slots=True)
class HandOver:
    """A colleague of the team goes on from here, knowing what was said; the last piece of an answer.

    `answered`: what the customer said has been dealt with, and the colleague begins by themselves.
    """

    member: str
    reason: str = ""
    answered: bool = False


@dataclass(frozen=True, slots=True)
class Transfer:
    """The customer is connected with this number once all is said; empty: with the agent's. Only on a phone call."""

    to: str = ""


@dataclass(frozen=True, slots=True)
class Press:
    """These keys are pressed once all is said: 0-9, * and #, w waits half a second. Only on a phone call."""

    digits: str


@dataclass(frozen=True, slots=True)
class SetParameters:
    """The interaction's parameters have these values from now on."""

    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Failure:
    """Something of an answer failed, and the agent goes on without it; kept in the log."""

    engine: str
    why: str
    vendor: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Finish:
    """The exchange is over. `reason` is an ended_reason, such as `goodbye`."""

    reason: str = "goodbye"


@dataclass(frozen=True, slots=True)
class Usage:
    """What a thought took, in tokens; `cached_tokens` are among `input_tokens`. It is yielded also when thrown away.

    `own`: with an account of the workspace's own, which whoever asks the brain knows.
    """

    vendor: str
    model: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    own: bool = False


Piece = (
    Say | UsedTool | EnterStage | Collected | SetParameters | HandToHuman | HandOver | Transfer | Press | Failure
    | Finish | Usage
)  # fmt: skip


class Brain(Protocol):
    """Decides what to say. Engines of thought implement it; see `hub.engines.ENGINES`.

    `vendor` is whose account it needs, empty for an embedded one. `reply` raises `hub.engine.EngineFailed`.
    """

    vendor: str

    def reply(self, turn: Turn, tools: Toolbox) -> AsyncIterator[Piece]: ...


@runtime_checkable
class Distant(Protocol):
    """A brain that thinks at a vendor's."""

    async def reach(self, account: Account) -> None:
        """Have a connection at hand for the next turn. What fails here the turn itself will tell."""
        ...
