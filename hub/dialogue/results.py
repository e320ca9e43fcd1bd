"""The contract of taking results out of an interaction: what was said and is wanted, what was found and where.

Only what was heard counts. An extractor is one embedded here (`hub.dialogue.taking`) or an engine of thought.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

from hub.dialogue.turn import Usage
from hub.engine import Account
from hub.models.result import ResultField

Sentiment = Literal["positive", "neutral", "negative", ""]
Success = Literal["yes", "no", "unknown"]
UNPROVEN = 20
"""The most confidence in a value that no words were found for."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing said, as it was heard. `role`: customer, agent, operator. Times are ms of the call, if it was spoken.

    `sentences` are [from_ms, to_ms, text] where they are known.
    """

    id: UUID
    role: str
    text: str
    from_ms: int | None = None
    to_ms: int | None = None
    sentences: Sequence[Sequence[Any]] = ()


@dataclass(frozen=True, slots=True)
class Noted:
    """What the agent noted while it talked: the value and the words that say it."""

    value: Any
    words: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """An interaction that is over, as an extractor is told of it.

    `noted` are the fields the agent collected, by name; `now` is when it began, aware, in the customer's time zone;
    `status`, `reason` and `failure` say how it ended, `reached_end` whether the flow came to an end stage,
    `handed_over` whether a person took part or was asked for. `criteria` say when it was a success.
    """

    fields: Sequence[ResultField]
    lines: Sequence[Line]
    now: datetime
    language: str = "en-US"
    channel: str = "webchat"
    direction: str = "inbound"
    noted: Mapping[str, Noted] = field(default_factory=dict)
    status: str = "completed"
    reason: str = ""
    failure: str = ""
    reached_end: bool = False
    handed_over: bool = False
    criteria: str = ""
    summary: bool = True
    agent: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The words that say a value: `text[start:end]` of a line, and where they are to be heard."""

    line_id: UUID
    words: str
    start: int
    end: int
    from_ms: int | None = None
    to_ms: int | None = None

    def public(self) -> dict[str, Any]:
        """As it is stored and shown."""
        return {
            "message_id": str(self.line_id), "words": self.words, "start": self.start, "end": self.end,
            "from_ms": self.from_ms, "to_ms": self.to_ms,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Taken:
    """A value with its evidence and 0 to 100 of confidence; not `proven`: nobody's words were found that say it."""

    value: Any
    evidence: Sequence[Evidence] = ()
    confidence: int = 0
    source: str = "script"

    @property
    def proven(self) -> bool:
        return bool(self.evidence)


@dataclass(frozen=True, slots=True)
class Extraction:
    """All that was taken: values by name of field (none for what was not said), and how it went as a whole."""

    values: Mapping[str, Taken] = field(default_factory=dict)
    summary: str = ""
    sentiment: Sentiment = ""
    success: Success = "unknown"
    success_why: str = ""


class Extractor(Protocol):
    """Takes results out of a story. `vendor` is whose account it needs, empty for the embedded one."""

    vendor: str

    async def extract(self, story: Story, account: Account, spent: list[Usage]) -> Extraction:
        """What it took is put into `spent`, also when it fails. Raises `hub.engine.EngineFailed`."""
        ...
