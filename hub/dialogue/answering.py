"""The part of an answer that belongs to the message itself: thanks, corrections, what was not understood."""

import re

from hub.dialogue import intents
from hub.dialogue.exchange import Exchange
from hub.dialogue.fields import default_hint
from hub.dialogue.filling import Understood
from hub.dialogue.flow import open_fields
from hub.dialogue.phrasing import ACKNOWLEDGED, CORRECTED, MISSED, listed
from hub.dialogue.text import Problem
from hub.dialogue.walking import ask_pending, look_up_again
from hub.models.flow import FieldSpec


class Answering:
    """Speaks to what was understood, and decides whether the flow goes on."""

    def __init__(self, talk: Exchange, got: Understood) -> None:
        self.talk, self.memory, self.plan, self.got = talk, talk.memory, talk.plan, got

    def respond(self) -> bool:
        """Speaks what belongs to this message; whether the walk goes on."""
        talk, got = self.talk, self.got
        talk.heard = bool(talk.raw) and not got.answers
        for text in got.answers:
            talk.say(text)
        if got.small_talk:
            talk.say(got.small_talk)
        talk.polite = not got.answers
        self._acknowledge()
        if got.unknown or (got.problem and not got.anything):
            return self._missed()
        if got.anything or talk.meant:
            self.memory.misses = 0
        look_up_again(talk, {spec.name for spec in got.corrected})
        if talk.meant and not self.memory.confirming:
            self._take_intent()
            return True
        if got.problem and got.problem_of:
            self.memory.asked = got.problem_of.name
            talk.say(self._says(got.problem, got.problem_of), got.problem.choices)
            return False
        if self.memory.confirming:
            if not talk.choices:
                ask_pending(talk)
            return False
        return self._resume()

    def _resume(self) -> bool:
        """Back to the open question after an answer or some talk; else the flow goes on."""
        got = self.got
        if self.memory.changing and (got.settled or got.answers or got.small_talk) and not got.corrected:
            if not self.talk.choices:
                ask_pending(self.talk)
            return False
        if self.memory.changing:
            self.memory.changing = False
        aside = bool(got.answers or got.small_talk) and not (got.filled or got.corrected or got.settled or got.skipped)
        if aside and (self.memory.asked or self.memory.reviewing):
            ask_pending(self.talk)
            return False
        if aside:
            self.talk.heard = False
        return True

    def _take_intent(self) -> None:
        """A stage's own intent is followed by its rules; one from anywhere leads there at once."""
        intent = self.talk.meant
        if (intent and intent.source == "") or (intent and self.memory.entered):
            self.memory.stage, self.memory.entered = intent.to, False

    def _acknowledge(self) -> None:
        talk, got = self.talk, self.got
        if got.corrected:
            talk.say(talk.vary(CORRECTED).format(self._summary(got.corrected)))
        elif len(got.filled) > 1:
            name = next((self._value(spec) for spec in got.filled if spec.type == "name"), "")
            others = [spec for spec in got.filled if spec.type != "name"]
            ack = talk.vary(ACKNOWLEDGED).rstrip(".")
            talk.say(
                f"{ack}, {name.split(' ')[0]}: {self._summary(others)}." if name else f"{ack}: {self._summary(others)}."
            )
        elif got.filled and not got.answers:
            value = self._value(got.filled[0])
            if got.filled[0].type in ("date", "time", "datetime"):
                talk.echo, talk.echo_at = value, len(talk.parts)
            if got.filled[0].type != "name":
                talk.ack_at = len(talk.parts)
            talk.say(self._thanks(got.filled[0], value))
        elif got.skipped:
            talk.say(talk.vary(("No problem.", "That's fine.", "We can leave that out.")))

    def _thanks(self, spec: FieldSpec, value: str) -> str:
        if spec.type == "name":
            first = value.split(" ")[0]
            return self.talk.vary((f"Nice to meet you, {first}.", f"Thanks, {first}.", f"Thank you, {first}."))
        if spec.type in ("date", "time", "datetime"):
            return self.talk.vary((f"{value}, got it.", f"Okay, {value}.", f"Great, {value}."))
        if spec.type == "yes_no":
            return "Great." if self.memory.fields.get(spec.name) else "All right."
        return self.talk.vary(ACKNOWLEDGED)

    def _summary(self, specs: list[FieldSpec]) -> str:
        """Several values in one breath: what first, then when."""
        order = list(self.plan.specs)
        specs = sorted(specs, key=lambda spec: (spec.type in ("date", "time"), order.index(spec.name)))
        what = [self._value(spec) for spec in specs if spec.type not in ("date", "time")]
        when = " at ".join(self._value(spec) for spec in specs if spec.type in ("date", "time"))
        return f"{listed(what)}, {when}" if what and when else when or listed(what)

    def _value(self, spec: FieldSpec) -> str:
        value = self.memory.fields.get(spec.name)
        if value is None:
            partial = self.memory.partial.get(spec.name) or {}
            value = partial.get("date") or partial.get("time") or ""
        text = self.talk.spoken(spec, value)
        noun = re.search(r"\bhow many (?:more )?([a-z]+)", spec.question, re.IGNORECASE)
        return f"{text} {noun[1]}" if noun and spec.type == "number" else text

    def _says(self, problem: Problem, spec: FieldSpec) -> str:
        if spec.invalid_message and (
            not problem.message or spec.type in ("text", "phone", "email", "number", "amount")
        ):
            return spec.invalid_message
        if not problem.message:
            return self.talk.question(spec)[0]
        return (
            problem.message
            if problem.message.rstrip().endswith("?")
            else f"{problem.message} {self.talk.question(spec)[0]}"
        )

    def _missed(self) -> bool:
        """Something was not understood: a hint, then other words, then the offer of a person."""
        talk, memory, got = self.talk, self.memory, self.got
        if got.unknown and not memory.asked and open_fields(talk.stage, talk.facts()):
            return True
        memory.misses += 0 if got.problem and got.problem.choices else 1
        spec = got.problem_of or self.talk.spec(self.memory.asked)
        if memory.misses >= 3:
            memory.misses, memory.offered_human = 0, True
            talk.say(
                "I'm sorry, we don't seem to get any further like this. Shall I pass you to a colleague?",
                ("Yes, please", "No, go on"),
            )
            return False
        if got.problem and got.problem_of:
            memory.asked = got.problem_of.name
            talk.say(
                self._says(got.problem, got.problem_of),
                got.problem.choices or talk.question(got.problem_of)[1],
            )
            return False
        if spec and not intents.is_question(talk.low.strip()):
            hint = default_hint(spec) if memory.misses > 1 or spec.type in ("phone", "email") else ""
            text, labels = talk.question(spec)
            said = spec.invalid_message or f"{talk.vary(MISSED)} {text}"
            talk.say(f"{said} {hint}".strip(), labels)
            return False
        talk.say(self.plan.text("fallback_message") or "I'm not sure about that one.")
        ask_pending(talk)
        return False
