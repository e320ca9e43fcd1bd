"""One turn under way: the plan, what is remembered, and the pieces and words gathered so far."""

from collections.abc import Mapping, Sequence
from typing import Any

from hub.dialogue.choices import Option
from hub.dialogue.contacts import e164, find_name
from hub.dialogue.fields import Reader, part_of
from hub.dialogue.flow import Facts
from hub.dialogue.memory import Memory
from hub.dialogue.phrasing import glue, humane, offered, pick, region, spoken
from hub.dialogue.plan import Intent, Plan
from hub.dialogue.template import fill, lookup
from hub.dialogue.text import clean, fold
from hub.dialogue.times import part_of_day
from hub.dialogue.turn import Collected, EnterStage, Piece, Say, Turn
from hub.models.flow import FieldSpec, Stage, Transition

LONGEST = 4_000


class Exchange:
    """What the parts of a brain share while they work on one turn.

    `asks`: questions and read-backs are put into words here; else a model does that.
    """

    def __init__(self, turn: Turn, plan: Plan, *, asks: bool = True) -> None:
        self.turn, self.plan, self.asks = turn, plan, asks
        self.memory = Memory.load(turn.state)
        self.reader = Reader(turn.now, plan.language)
        self.raw = clean(turn.said)
        self.low = fold(self.raw)
        self.pieces: list[Piece] = []
        self.parts: list[str] = []
        self.choices: tuple[str, ...] = ()
        self.form: dict[str, Any] | None = None
        self.meant: Intent | None = None
        self.heard = False
        self.over = self.polite = False
        self.just_asked = ""
        self.left_open: set[str] = set()  # internal stages that the model did not decide
        self.echo, self.echo_at, self.ack_at = "", 0, -1
        if plan.flow.stage(self.memory.stage) is None:
            self.memory.stage, self.memory.entered = "", False
        if not self.memory.stage and plan.flow.start:
            self.memory.stage = plan.flow.start.id

    @property
    def stage(self) -> Stage:
        stage = self.plan.flow.stage(self.memory.stage)
        assert stage is not None  # noqa: S101 - set in __init__, and only to existing stages
        return stage

    @property
    def opening(self) -> str:
        """What is said first: of a further attempt its own words, else the agent's."""
        return self.memory.opening or self.plan.text("opening_message")

    def spec(self, name: str) -> FieldSpec | None:
        """A field by name, as this stage asks for it if it does."""
        own = next((spec for spec in self.stage.fields if spec.name == name), None)
        return own or self.plan.specs.get(name)

    def facts(self) -> Facts:
        language = self.memory.language or str(self.turn.customer.get("language") or self.plan.language)
        return Facts(self.memory.fields, self.memory.skipped, language, self._meant if self.heard else None)

    def _meant(self, transition: Transition) -> bool:
        return self.meant is not None and self.meant.transition is transition

    def say(self, text: str, choices: Sequence[str] = (), **extra: Any) -> None:
        """Adds words to the answer; the last choices stay."""
        text = self.write(text, **extra)
        if text.strip():
            self.parts.append(text)
        if choices:
            self.choices = tuple(choices)[:60]
            self.memory.shown = list(self.choices)

    def vary(self, variants: Sequence[str]) -> str:
        return pick(variants, self.memory.turns)

    def flush(self) -> None:
        """Turns the words so far into a piece."""
        if self.echo and any(self.echo in part for part in self.parts[self.echo_at + 1 :]):
            self.parts[self.echo_at] = ""
        self.echo, self.ack_at = "", -1
        text = glue(self.parts, self.turn.channel)[:LONGEST]
        if text:
            self.pieces.append(Say(text, self.choices, form=self.form))
        self.parts, self.choices, self.form = [], (), None

    def take(self) -> list[Piece]:
        taken, self.pieces = self.pieces, []
        return taken

    def enter(self, stage: str) -> None:
        self.memory.enter(stage)
        self.pieces.append(EnterStage(stage))
        for name in self.stage.clear:
            self.memory.forget(name)

    def keep(self, spec: FieldSpec, value: Any, evidence: str) -> None:
        """A field is known now."""
        self.memory.fields[spec.name] = value
        self.memory.partial.pop(spec.name, None)
        self.memory.skipped = [name for name in self.memory.skipped if name != spec.name]
        self.memory.last, self.memory.misses = spec.name, 0
        self.pieces.append(Collected(spec.name, value, evidence[:300], spec.type))

    def values(self) -> dict[str, Any]:
        """All that texts and requests may name, the customer's own answers first."""
        values: dict[str, Any] = {
            "customer": dict(self.turn.customer),
            "agent": {"name": self.plan.text("name")},
        }
        values.update({str(name): value for name, value in self.turn.customer.items() if value not in (None, "")})
        values.update(self.memory.results)
        values.update(self.plan.agent.get("parameters") or {})
        values.update(self.turn.parameters)
        values.update(self.memory.fields)
        return values

    def write(self, text: str, **extra: Any) -> str:
        """A text with its names filled in as people say the values."""
        return fill(text, {**self.values(), **extra}, self._spoken) if "{{" in text else text

    def _spoken(self, name: str, value: Any) -> str:
        spec = self.plan.specs.get(name)
        if spec is not None:
            return self.spoken(spec, value)
        return humane(value, self.turn.now, self.plan.language)

    def spoken(self, spec: FieldSpec, value: Any) -> str:
        return spoken(value, spec.type, self.turn.now, self.plan.language, self.plan.options.get(spec.name, ()))

    def offers(self, spec: FieldSpec) -> tuple[Option, ...]:
        """What a field may be: its own choices, or those a tool gave."""
        if not spec.choices_from:
            return self.plan.options.get(spec.name, ())
        found = lookup(spec.choices_from, self.memory.results)
        offers = self.reader.offers(spec, found) if isinstance(found, list) else ()
        today, clock = self.turn.now.date().isoformat(), f"{self.turn.now:%H:%M}"
        if spec.type == "time" and any(self.memory.fields.get(name) == today for name in self.plan.days):
            return tuple(option for option in offers if option.value > clock)
        return offers

    def question(self, spec: FieldSpec) -> tuple[str, tuple[str, ...]]:
        """The question for a field and its choices, which are in the text where there are no buttons."""
        offers = self.offers(spec)
        part = part_of_day(self.low) if spec.choices_from and spec.type == "time" else ""
        some = [option for option in offers if part_of(option.value) == part] if part else []
        labels = tuple(option.label for option in some or offers)
        text = self.write(spec.question)
        more = offered(labels, text, self.turn.channel)
        return (f"{text} {more}" if more else text), labels

    def known_already(self, spec: FieldSpec) -> Any:
        """A value of that very name which we have of this customer, if it can be one."""
        customer: Mapping[str, Any] = self.turn.customer
        if spec.type == "name" and spec.name == "name":
            found = find_name(str(customer.get("name") or ""), asked=True)
            return found.value if found else None
        if spec.type == "phone" and spec.name == "phone":
            own = customer.get("known_as") if self.turn.channel in ("sms", "whatsapp", "call") else ""
            written = str(customer.get("phone") or own or "").removeprefix("whatsapp:")
            return e164(written, region(self.plan.language)) or None
        if spec.type == "email" and spec.name == "email":
            address = str(
                customer.get("email") or (customer.get("known_as") if self.turn.channel == "email" else "") or ""
            )
            return address if "@" in address else None
        return None
