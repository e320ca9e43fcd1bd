"""A flow under a model: what the stage wants of it, its functions, and what comes of their being called."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hub.dialogue.choices import Option
from hub.dialogue.exchange import Exchange
from hub.dialogue.flow import open_fields
from hub.dialogue.languages import code_of
from hub.dialogue.prompt import filled
from hub.dialogue.text import Found, Problem, fold
from hub.dialogue.turn import Function
from hub.dialogue.walking import look_up_again
from hub.models.flow import FieldSpec, Stage, Transition

GO, COLLECT, SKIP, CONFIRM, CONFIRM_ALL, LANGUAGE = (
    "go_to_", "collect_field", "skip_field", "confirm_field", "confirm_details", "set_language",
)  # fmt: skip
_MOST_PHRASES, _MOST_CHOICES = 8, 20
_KINDS = {
    "name": "a name", "phone": "a phone number", "email": "an email address", "number": "a number",
    "amount": "an amount of money", "date": "a day", "time": "a time of day", "datetime": "a day and a time",
    "yes_no": "yes or no", "choice": "one of the choices", "text": "words",
}  # fmt: skip


_BY_WHICH_PEOPLE_ARE_KNOWN = ("email", "phone")


class Refused(Exception):
    """A call that cannot be taken; the text tells the model why."""


class Staging:
    """The flow's part in one turn. `moved`: the model has chosen a way since the flow was last walked."""

    def __init__(self, talk: Exchange) -> None:
        self.talk = talk
        self.moved = False
        self._asked_before = talk.memory.confirming
        self._read_before = talk.memory.reviewing
        self._said: set[str] = {talk.memory.stage} if talk.memory.entered else set()

    def spoken(self) -> None:
        """The model has said what belongs to this stage."""
        self._said.add(self.talk.memory.stage)

    # what the model is told

    @property
    def has_words(self) -> bool:
        """Whether the stage wants something said or asked."""
        talk, stage = self.talk, self.talk.stage
        text = stage.text or stage.instructions
        fresh = bool(text) and talk.memory.stage not in self._said and stage.type in ("start", "dialogue")
        return fresh or bool(talk.memory.asked or talk.memory.confirming or talk.memory.reviewing)

    def part(self) -> str:
        """What is to be done now, for the prompt."""
        talk, stage, memory = self.talk, self.talk.stage, self.talk.memory
        lines = [f"Step: {stage.name or stage.id}"] if len(talk.plan.flow.stages) > 1 else []
        if stage.instructions:
            lines.append(filled(talk, stage.instructions))
        if stage.type == "internal":
            lines.append("Decide which way to go by calling one of the functions, before you say anything.")
        elif stage.text and not stage.confirm and memory.stage not in self._said and stage.type != "verbatim":
            lines.append(f"Say first, in your own words: {json.dumps(talk.write(stage.text), ensure_ascii=False)}")
        if missing := open_fields(stage, talk.facts()):
            lines.append(f"Find out with {COLLECT}, in whatever order they say it:")
            lines += [f"- {spec.name}: {self._about(spec)}" for spec in missing]
        if memory.fields:
            known = {name: value for name, value in memory.fields.items() if not name.startswith("_")}
            lines.append(f"Known so far (data): {_data(known)}")
        lines += self._next()
        return "\n".join(lines)

    def _about(self, spec: FieldSpec) -> str:
        choices = self.talk.offers(spec)
        named = f"; choices: {', '.join(one.label for one in choices[:_MOST_CHOICES])}" if choices else ""
        return f"{_KINDS[spec.type]}{named}{'' if spec.required else ' (they may leave it out)'}"

    def _next(self) -> Iterator[str]:
        talk, memory = self.talk, self.talk.memory
        if memory.confirming and (spec := talk.plan.specs.get(memory.confirming)):
            value = talk.spoken(spec, memory.proposed)
            yield f"Ask now: I have {value}. Is that right? ({CONFIRM} when they have answered)"
        elif memory.reviewing:
            text = talk.write(talk.stage.text) or "Is everything right?"
            yield f"Ask now: {text} ({CONFIRM_ALL} when they have answered; {COLLECT} for what they correct)"
        elif spec := talk.spec(memory.asked):
            yield f"Ask now: {talk.question(spec)[0]}"

    # its functions

    def functions(self) -> list[Function]:
        talk, memory = self.talk, self.talk.memory
        made = [Function(f"{GO}{to}", words, _object()) for to, words in self._ways().items()]
        if talk.plan.specs:
            made.append(self._collect())
        if any(not spec.required for spec in open_fields(talk.stage, talk.facts())):
            made.append(Function(SKIP, "They do not want to give a value that may be left out.", _field(talk)))
        if memory.confirming:
            made.append(Function(CONFIRM, "Whether the value that you read back is right.", _object(right="boolean")))
        if memory.reviewing:
            words = "Whether all that you read back is right."
            made.append(Function(CONFIRM_ALL, words, _object(right="boolean")))
        if any(one.on == "language" for stage in talk.plan.flow.stages for one in stage.transitions):
            words = "The customer wants to go on in another language."
            made.append(Function(LANGUAGE, words, _object(language="string")))
        return made

    def _collect(self) -> Function:
        properties = {
            **_field(self.talk)["properties"],
            "value": {"type": "string", "description": "The value, as they said it."},
        }
        schema = {"type": "object", "properties": properties, "required": ["field", "value"]}
        return Function(COLLECT, "Write down a value as soon as the customer gives or corrects it.", schema)

    def _ways(self) -> dict[str, str]:
        """Where the model may lead, by stage, and when."""
        plan, stage, ways = self.talk.plan, self.talk.stage, dict[str, str]()
        for other in plan.flow.stages:
            if other.global_intent and other.id != stage.id:
                ways[other.id] = _when(other, other.global_intent)
        for transition in stage.transitions:
            to = plan.flow.stage(transition.to)
            if transition.on == "intent" and to is not None:
                ways.setdefault(to.id, _when(to, transition.phrases))
        if (rest := self._otherwise(stage)) is not None and (to := plan.flow.stage(rest.to)) is not None:
            ways.setdefault(to.id, f"{to.name or to.id}: whatever else the customer wants.")
        return ways

    @staticmethod
    def _otherwise(stage: Stage) -> Transition | None:
        waits = any(one.on == "intent" for one in stage.transitions)
        return next((one for one in stage.transitions if waits and one.on == "always"), None)

    # what comes of them

    def take(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Do it; what the model is told of it. Raises `Refused`."""
        if name.startswith(GO):
            return self._go(name.removeprefix(GO))
        acts: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            COLLECT: self._keep, SKIP: self._skip, CONFIRM: self._confirm, CONFIRM_ALL: self._confirm_all,
            LANGUAGE: self._language,
        }  # fmt: skip
        return acts[name](arguments)

    def _go(self, to: str) -> dict[str, Any]:
        if self.moved:
            raise Refused("A way was chosen already; see what the next step is.")
        self.moved = True
        self.talk.memory.stage, self.talk.memory.entered = to, False
        return {"done": True}

    def _spec(self, arguments: Mapping[str, Any]) -> FieldSpec:
        name = str(arguments.get("field") or "")
        spec = self.talk.spec(name)
        if spec is None:
            raise Refused(f"There is no field {name!r}. There are: {', '.join(self.talk.plan.specs)}.")
        return spec

    def _keep(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        talk, spec, given = self.talk, self._spec(arguments), _text(arguments.get("value"))
        found = self._read(spec, given)
        if isinstance(found, Problem):
            words = spec.invalid_message or found.message or talk.question(spec)[0]
            return {"error": "This cannot be taken. Say so, and ask again.", "say": words}
        if talk.memory.fields.get(spec.name) == found.value:
            return {"kept": _shown(found.value)}
        evidence = self._evidence(spec, found.value)
        if not evidence and spec.type in _BY_WHICH_PEOPLE_ARE_KNOWN and found.value not in self._known_of_them():
            raise Refused("The customer has not said this. Take it from their own words only.")
        if spec.confirm:
            if talk.memory.confirming == spec.name and talk.memory.proposed == found.value:
                raise Refused(f"It is being read back. Call {CONFIRM} when they have answered.")
            talk.memory.forget(spec.name)
            talk.memory.confirming, talk.memory.proposed = spec.name, found.value
            self._asked_before = ""
            return {"kept": False, "why": "It is read back first: ask whether it is right."}
        changed = spec.name in talk.memory.fields
        talk.keep(spec, found.value, evidence or given)
        if changed:
            look_up_again(talk, {spec.name})
            # what was read back as a whole is read back again
            talk.memory.reviewing = talk.memory.reviewed = talk.memory.changing = self._read_before = False
        return {"kept": _shown(found.value)}

    def _read(self, spec: FieldSpec, given: str) -> Found | Problem:
        """The value in what the model gave, by the rules that the script reads by."""
        talk = self.talk
        options: tuple[Option, ...] = talk.offers(spec)
        for option in options:
            if fold(given.strip()) in (fold(option.value), fold(option.label)):
                return Found(option.value, 0, len(given))
        found = talk.reader.find(spec, given[:500], asked=True, options=options)
        if isinstance(found, Found) and isinstance(found.value, dict):
            return self._half(spec, found)
        return found or Problem("")

    def _half(self, spec: FieldSpec, found: Found) -> Found | Problem:
        """A day or a time alone waits for the other."""
        memory = self.talk.memory
        halves = {**(memory.partial.get(spec.name) or {}), **found.value}
        if len(halves) < 2:
            memory.partial[spec.name] = halves
            return Problem("What time would suit you?" if "date" in halves else "And on which day?")
        value = self.talk.reader.moment(halves)
        return self.talk.reader.problem(spec, value) or Found(value, found.start, found.end)

    def _known_of_them(self) -> set[str]:
        """What we know of the customer, or were given to work with."""
        known = [*self.talk.turn.customer.values(), *self.talk.turn.parameters.values()]
        return {str(value).removeprefix("whatsapp:") for value in known}

    def _evidence(self, spec: FieldSpec, value: Any) -> str:
        """The customer's words that say it: those just said, else those before; empty where there are none."""
        talk, history = self.talk, self.talk.turn.history
        earlier = [entry.text for entry in reversed(history) if entry.role == "customer"]
        for words in [talk.raw, *earlier[:20]]:
            found = talk.reader.find(spec, words[:1_500], asked=True, options=talk.offers(spec))
            if isinstance(found, Found) and found.value == value:
                return words[found.start : found.end].strip()
        return ""

    def _skip(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        spec = self._spec(arguments)
        if spec.required:
            raise Refused(f"{spec.name} is needed to go on. Ask for it.")
        if spec.name not in self.talk.memory.skipped:
            self.talk.memory.skipped.append(spec.name)
        return {"skipped": spec.name}

    def _confirm(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        talk, memory = self.talk, self.talk.memory
        spec = talk.plan.specs.get(memory.confirming)
        if spec is None or memory.confirming != self._asked_before or not talk.raw:
            raise Refused("Read it back to the customer first, and wait for their answer.")
        value, memory.confirming = memory.proposed, ""
        memory.proposed = None
        if arguments.get("right") is not True:
            memory.asked = spec.name
            return {"kept": False, "say": talk.question(spec)[0]}
        talk.keep(spec, value, talk.raw)
        return {"kept": _shown(value)}

    def _confirm_all(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        memory = self.talk.memory
        if not memory.reviewing or not self._read_before or not self.talk.raw:
            raise Refused("Read everything back to the customer first, and wait for their answer.")
        if arguments.get("right") is not True:
            memory.changing = True
            return {"right": False, "say": "What would you like to change?"}
        memory.reviewed, memory.reviewing = True, False
        return {"right": True}

    def _language(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        code = code_of(str(arguments.get("language") or ""))
        if not code:
            raise Refused("Give the language as a code, such as es or pt-BR.")
        self.talk.memory.language = code
        return {"language": code}


def _when(stage: Stage, phrases: list[str]) -> str:
    examples = "; ".join(phrases[:_MOST_PHRASES])
    return f"{stage.name or stage.id}: when the customer says something like: {examples}"


def _field(talk: Exchange) -> dict[str, Any]:
    names = {"type": "string", "enum": list(talk.plan.specs)}
    return {"type": "object", "properties": {"field": names}, "required": ["field"]}


def _object(**properties: str) -> dict[str, Any]:
    made = {name: {"type": kind} for name, kind in properties.items()}
    return {"type": "object", "properties": made, "required": list(made)}


def _text(value: Any) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value if value is not None else "")


def _shown(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool) else str(value)


def _data(values: Mapping[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, default=str)[:4_000]
