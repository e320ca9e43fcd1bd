"""The step machine of an agent: stages, the fields they fill, the transitions between them."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

FieldType = Literal[
    "text", "name", "phone", "email", "number", "amount", "date", "time", "datetime", "yes_no", "choice"
]
StageType = Literal["start", "dialogue", "verbatim", "tool", "internal", "end"]


class Choice(BaseModel):
    """One of the values a choice field may take, and the other ways people say it."""

    model_config = ConfigDict(extra="forbid")
    value: str
    label: str = ""
    synonyms: list[str] = []


class FieldSpec(BaseModel):
    """One value to be found out from the customer.

    `question` asks for it; `pattern` is a regular expression a text must match in full; `minimum`
    and `maximum` bound numbers and amounts; `confirm` reads the value back and waits for a yes.
    `choices_from` names a list in a tool's result, such as `free_slots.slots`, whose entries are the
    only values that can be taken.
    """

    model_config = ConfigDict(extra="forbid")
    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_ ]{0,63}$")
    type: FieldType = "text"
    question: str
    choices: list[Choice] = []
    pattern: str = ""
    minimum: float | None = None
    maximum: float | None = None
    future: bool = False
    required: bool = True
    confirm: bool = False
    invalid_message: str = ""
    choices_from: str = ""


class Transition(BaseModel):
    """Where to go next. The first transition whose condition holds is taken.

    on=always; on=field: `field` is filled, equals one of `values`, or lies between `minimum` and
    `maximum`; on=intent: what was said is close to one of `phrases` (closer than to those of any other
    intent); on=tool: the stage's tool ended `ok` or `error`, with `values` an HTTP status among them
    ("404"), or the value at `path` in its result is there and not empty, equals one of `values` or
    lies between the bounds; on=language: the customer's language is in `values`.
    In a stage with intents, always means "whatever else was said".
    """

    model_config = ConfigDict(extra="forbid")
    to: str
    on: Literal["always", "field", "intent", "tool", "language"] = "always"
    field: str = ""
    values: list[str] = []
    phrases: list[str] = []
    outcome: Literal["", "ok", "error"] = ""
    path: str = ""
    minimum: float | None = None
    maximum: float | None = None


class Stage(BaseModel):
    """One step. `text` is what is said on entering it (`{{name}}` is filled in).

    start and dialogue: say `text`, fill `fields`, then follow `transitions`; verbatim: say `text`
    word for word and go on; tool: call `tool` with `arguments` (templates) and go on by its result;
    internal: decide without words; end: say `text` and finish.
    `global_intent` makes the stage reachable from anywhere by these phrases. `confirm` makes `text` a
    read-back: the flow goes on after a yes, corrections are taken and read back again. `clear` names
    the fields that are forgotten on entering.
    `tools` are those that a model may call here; null: all of the agent's.
    """

    model_config = ConfigDict(extra="forbid")
    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    type: StageType = "dialogue"
    name: str = ""
    text: str = ""
    instructions: str = ""
    fields: list[FieldSpec] = []
    tool: str = ""
    arguments: dict[str, Any] = {}
    global_intent: list[str] = []
    transitions: list[Transition] = []
    confirm: bool = False
    clear: list[str] = []
    tools: list[str] | None = None


class Flow(BaseModel):
    """Stages by id; the first stage of type start (else the first) is where it begins."""

    model_config = ConfigDict(extra="forbid")
    stages: list[Stage] = []

    @model_validator(mode="after")
    def _hangs_together(self) -> "Flow":
        ids = [stage.id for stage in self.stages]
        repeated = sorted({i for i in ids if ids.count(i) > 1})
        if repeated:
            raise ValueError(f"stage ids must be unique; repeated: {', '.join(repeated)}")
        for stage in self.stages:
            for transition in stage.transitions:
                if transition.to not in ids:
                    raise ValueError(f"stage {stage.id!r} leads to {transition.to!r}, which does not exist")
        return self

    def stage(self, stage_id: str) -> Stage | None:
        return next((stage for stage in self.stages if stage.id == stage_id), None)

    @property
    def start(self) -> Stage | None:
        first = self.stages[0] if self.stages else None
        return next((stage for stage in self.stages if stage.type == "start"), first)
