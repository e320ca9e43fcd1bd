"""Hooks: instructions that we carry out ourselves when something happens in an interaction."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

On = Literal[
    "started", "customer.said", "agent.said", "silence", "duration", "messages", "tool.result", "stage.entered",
    "field.collected", "digits", "voicemail", "ended",
]  # fmt: skip
Verb = Literal[
    "say", "note", "hang_up", "transfer", "pause", "resume", "set_parameter", "send_text", "tool", "hand_to_human",
    "webhook",
]  # fmt: skip
_NEEDED: dict[str, str] = {
    "say": "text", "note": "text", "set_parameter": "name", "send_text": "text", "tool": "name", "webhook": "url",
}  # fmt: skip


class Instruction(BaseModel):
    """One thing to do. `{{name}}` in its texts is filled from parameters, collected fields and the customer.

    say and send_text take `text` (send_text `to`, else whence they come); note tells the agent a `text` in its next
    `turns`; transfer of a call takes `to`, `warm` and `text` for the briefing; set_parameter takes `name` and `value`;
    tool takes `name` and `arguments`; webhook posts what happened to `url`, signed; hang_up and hand_to_human take
    `text` as their reason.
    """

    model_config = ConfigDict(extra="forbid")
    action: Verb
    text: str = Field(default="", max_length=4_000)
    to: str = Field(default="", max_length=320)
    turns: int = Field(default=1, ge=1, le=20)
    warm: bool = False
    name: str = Field(default="", max_length=130)
    value: str | int | float | bool | None = None
    arguments: dict[str, Any] = {}
    url: str = Field(default="", max_length=2_000)

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> "Instruction":
        needed = _NEEDED.get(self.action)
        if needed and not str(getattr(self, needed)).strip():
            raise ValueError(f"{self.action} needs a {needed}")
        return self


class Hook(BaseModel):
    """When this happens, do that, at most so many `times` in one interaction; on some `channels` only, or on all.

    customer.said and agent.said: one of `phrases` is in it (none: whatever was said); silence: nothing was said for
    `seconds`; duration: it has lasted so many `seconds`; messages: the agent has said so many (`count`);
    tool.result, stage.entered, field.collected: of that one (`of`; empty: any), with that `outcome` or one of `values`;
    digits: one of `values` was pressed (none: any key); started, voicemail, ended: as they say.
    """

    model_config = ConfigDict(extra="forbid")
    name: str = Field(default="", max_length=120)
    on: On
    phrases: list[str] = Field(default=[], max_length=50)
    seconds: int = Field(default=0, ge=0, le=86_400)
    count: int = Field(default=0, ge=0, le=1_000)
    of: str = Field(default="", max_length=130)
    outcome: Literal["", "ok", "error"] = ""
    values: list[str] = Field(default=[], max_length=50)
    channels: list[str] = Field(default=[], max_length=10)
    times: int = Field(default=1, ge=1, le=20)
    do: list[Instruction] = Field(min_length=1, max_length=10)

    @model_validator(mode="after")
    def _is_complete(self) -> "Hook":
        if self.on in ("silence", "duration") and not self.seconds:
            raise ValueError(f"{self.on} needs a number of seconds")
        if self.on == "messages" and not self.count:
            raise ValueError("messages needs a count")
        return self
