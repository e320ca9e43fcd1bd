"""Filling fields from a message: which are looked for, which may be corrected, what a correction leads to."""

# ruff: noqa: E501 - patterns read better in one piece

import re
from dataclasses import dataclass, field

from hub.dialogue import intents
from hub.dialogue.exchange import Exchange
from hub.dialogue.fields import ORDER
from hub.dialogue.flow import owner
from hub.dialogue.text import Found, Problem, blank, fold
from hub.models.flow import FieldSpec

_CHANGE = re.compile(r"\b(?:change|update|correct|fix|edit|wrong|different|not my|another|modify|amend|misspelled)\b")
_TO = re.compile(r"\b(?:to|into|is|it's|should be|=)\s+(.+)$", re.DOTALL)
_POINTS = re.compile(r"\b(?:first|second|third|fourth|last|latest|earliest|one|any|1st|2nd|3rd)\b", re.IGNORECASE)
_ALWAYS_CORRECTABLE = ("date", "time", "datetime", "phone", "email")


@dataclass(slots=True)
class Understood:
    """What came of a message."""

    filled: list[FieldSpec] = field(default_factory=list)
    corrected: list[FieldSpec] = field(default_factory=list)
    problem: Problem | None = None
    problem_of: FieldSpec | None = None
    answers: list[str] = field(default_factory=list)
    small_talk: str = ""
    unknown: bool = False
    skipped: bool = False
    settled: bool = False

    @property
    def anything(self) -> bool:
        return bool(self.filled or self.corrected or self.answers or self.small_talk or self.skipped or self.settled)


class Filling:
    """Takes values out of a message; `text` is what nothing has been taken from yet."""

    def __init__(self, talk: Exchange) -> None:
        self.talk, self.memory, self.plan = talk, talk.memory, talk.plan
        self.text = talk.raw
        self.got = Understood()

    def asked(self) -> FieldSpec | None:
        return self.talk.spec(self.memory.asked)

    def revisit(self, spec: FieldSpec) -> None:
        """Asks for a field again, in the stage that it belongs to."""
        stage = owner(self.plan.flow, spec.name, self.memory.visited)
        self.memory.forget(spec.name)
        self.memory.changing = False
        self.got.settled = True
        if stage:
            self.talk.enter(stage.id)

    def gather(self) -> None:
        """Fills and corrects fields, the hardest to mistake first; what one takes the next does not see."""
        asked = self.asked()
        for spec in self._candidates():
            if spec.type in ("email", "phone") and spec is not asked:
                self._try(spec, asked=False)
        if asked and asked.type not in ("name", "text") and not (asked.type == "yes_no" and self.talk.meant):
            self._try(asked, asked=True)
        for spec in self._candidates():
            if spec is not asked and spec.type not in ("email", "phone"):
                self._try(spec, asked=False)
        blocked = self.talk.meant or (asked and asked.type == "text" and self._interrupts())
        if (asked and asked.type in ("name", "text") and not blocked) or (
            asked and asked.type == "text" and asked.pattern
        ):
            self._try(asked, asked=True)

    def _interrupts(self) -> bool:
        """Words that are no answer to an open question, but talk of their own."""
        low = fold(self.text).strip()
        if not low or intents.asks_to_repeat(low) or intents.small_talk(low) or intents.is_upset(low):
            return True
        return intents.is_question(low) or intents.says_goodbye(low) or (intents.skips(low) and not self._required())

    def _required(self) -> bool:
        asked = self.asked()
        return asked is None or asked.required

    def _candidates(self) -> list[FieldSpec]:
        """The fields worth looking for: those of this stage, of where it goes now, then all others."""
        here = [*self.talk.stage.fields, *self._next_fields()]
        names = {spec.name for spec in here}
        rest = [spec for spec in self.plan.specs.values() if spec.name not in names]
        return sorted([*here, *rest], key=lambda spec: (ORDER.index(spec.type), spec.name not in names))

    def _try(self, spec: FieldSpec, *, asked: bool) -> None:
        known = spec.name in self.memory.fields
        if known and not self._correctable(spec):
            return
        found = self.find(spec, self.text, asked=asked)
        if isinstance(found, Problem):
            if asked or (not known and self._is_here(spec)):
                self.got.problem, self.got.problem_of = found, spec
            return
        if found is None:
            return
        self.text = blank(self.text, found.start, found.end)
        if known and self.memory.fields[spec.name] == found.value:
            self.got.settled = True
            return
        self.keep(spec, found.value, self.talk.raw[found.start : found.end])

    def _is_here(self, spec: FieldSpec) -> bool:
        return any(own.name == spec.name for own in self.talk.stage.fields)

    def _correctable(self, spec: FieldSpec) -> bool:
        if spec.type == "yes_no":
            return False
        if spec.type in _ALWAYS_CORRECTABLE or self.memory.reviewing:
            return True
        return intents.corrects(self.talk.low) or "my name is" in self.talk.low

    def find(self, spec: FieldSpec, text: str, *, asked: bool) -> Found | Problem | None:
        if not text.strip():
            return None
        here = self._is_here(spec) or self._of_target(spec)
        offers = self.talk.offers(spec)
        if asked and _POINTS.search(text):
            shown = tuple(option for option in offers if option.label in self.memory.shown)
            offers = shown or offers
        return self.talk.reader.find(spec, text, asked=asked, options=offers, here=here)

    def _of_target(self, spec: FieldSpec) -> bool:
        return any(own.name == spec.name for own in self._next_fields())

    def _next_fields(self) -> list[FieldSpec]:
        """The fields of the stage that was meant; where nothing is asked, of those that may come next."""
        if self.talk.meant:
            ahead = [self.talk.meant.to]
        elif self.talk.stage.fields or self.talk.stage.confirm:
            ahead = []
        else:
            ahead = [intent.to for intent in self.plan.intents if intent.source == self.talk.stage.id]
        stages = [stage for name in ahead if (stage := self.plan.flow.stage(name))]
        return [spec for stage in stages for spec in stage.fields]

    def infer_intent(self) -> None:
        """Who gives the answers of a stage that may come next means to go there."""
        names = {spec.name for spec in self.got.filled if spec.type not in ("name", "email", "phone")}
        if self.talk.meant or not names or self.talk.stage.fields or self.memory.reviewing:
            return
        for intent in self.plan.intents:
            stage = self.plan.flow.stage(intent.to)
            if intent.source == self.talk.stage.id and stage and names & {spec.name for spec in stage.fields}:
                self.talk.meant = intent
                return

    def keep(self, spec: FieldSpec, value: object, evidence: str) -> None:
        """Takes a value: a half of a date and time waits for the other, some are read back first."""
        if spec.type == "datetime" and isinstance(value, dict):
            halves = {**self._halves(spec), **value}
            if len(halves) < 2:
                self.memory.partial[spec.name] = halves
                self.got.filled.append(spec)
                return
            value = self.talk.reader.moment(halves)
            problem = self.talk.reader.problem(spec, value)
            if problem:
                self.memory.partial.pop(spec.name, None)
                self.got.problem, self.got.problem_of = problem, spec
                return
        if spec.confirm and self.memory.confirming == "" and self.memory.proposed != value:
            self.memory.forget(spec.name)
            self.memory.confirming, self.memory.proposed = spec.name, value
            self.got.settled = True
            return
        changed = spec.name in self.memory.fields
        self.talk.keep(spec, value, evidence)
        self.memory.proposed = None
        (self.got.corrected if changed else self.got.filled).append(spec)

    def _halves(self, spec: FieldSpec) -> dict[str, str]:
        known = self.memory.fields.get(spec.name)
        if isinstance(known, str) and "T" in known:
            return {"date": known[:10], "time": known[11:16]}
        partial = self.memory.partial.get(spec.name)
        return {k: v for k, v in partial.items() if isinstance(v, str)} if isinstance(partial, dict) else {}

    def change_by_name(self) -> None:
        """ "Change my phone number", "the time" when asked what to change, "change the name to Bob"."""
        low = fold(self.text)
        if self.got.corrected or not (self.memory.changing or _CHANGE.search(low)):
            return
        for name in sorted(self.memory.fields, key=len, reverse=True):
            spec = self.plan.specs.get(name)
            words = re.escape(name.replace("_", " ")) + (
                r"|day"
                if spec and spec.type == "date"
                else r"|hour"
                if spec and spec.type == "time"
                else r"|number"
                if spec and spec.type == "phone"
                else ""
            )
            if spec is None or not (mention := re.search(rf"\b(?:{words})\b", low)):
                continue
            to = _TO.search(self.text, mention.end())
            found = self.find(spec, to[1], asked=True) if to else None
            if isinstance(found, Found) and not spec.choices_from:
                self.keep(spec, found.value, to[1] if to else "")
            else:
                self.revisit(spec)
            return

    def correct_last(self) -> None:
        """ "Sorry, I meant Ann": a short answer that replaces the last one."""
        spec = self.plan.specs.get(self.memory.last)
        asked = self.asked()
        if (
            self.got.anything
            or self.got.problem
            or spec is None
            or spec.name not in self.memory.fields
            or self.talk.meant
        ):
            return
        lead = re.match(
            r"^\W*(?:(?:no|sorry|wait|oops|actually|i meant?|i mean|correction|make (?:it|that)|it's|it should be|rather)[,.: ]+)+",
            self.talk.low,
        )
        if not lead or (asked and asked.type == "yes_no") or not self.talk.raw[lead.end() :].strip():
            return
        found = self.find(spec, self.talk.raw[lead.end() :], asked=True)
        if isinstance(found, Found) and found.value != self.memory.fields[spec.name]:
            self.text = ""
            self.keep(spec, found.value, self.talk.raw)
