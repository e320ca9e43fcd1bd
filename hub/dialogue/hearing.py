"""Understanding a message: what it fills, corrects, asks and wants, in the order that matters to people."""

import re
from dataclasses import dataclass, field

from hub.dialogue import intents
from hub.dialogue.choices import find_yes_no
from hub.dialogue.exchange import Exchange
from hub.dialogue.fields import ORDER, default_hint
from hub.dialogue.flow import depends_on, owner
from hub.dialogue.knowledge import KNOWN, answer
from hub.dialogue.phrasing import ACKNOWLEDGED, CORRECTED, MISSED, day_spoken, listed
from hub.dialogue.text import Found, Problem, blank, fold
from hub.dialogue.turn import HandToHuman, Toolbox
from hub.dialogue.walking import ask_pending, changeable
from hub.models.flow import FieldSpec

_SENTENCE = re.compile(r"[^.?!\n]+(?:[.?!](?=\S)[^.?!\n]+)*[.?!\n]*")
_CHANGE = re.compile(
    r"\b(?:change|update|correct|fix|edit|wrong|different|not my|another|modify|amend|misspelled)\b"
)
_TO = re.compile(r"\b(?:to|into|is|it's|should be|=)\s+(.+)$", re.DOTALL)
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
        return bool(
            self.filled or self.corrected or self.answers or self.small_talk or self.skipped or self.settled
        )


class Hearing:
    """Works out one message and speaks the part of the answer that belongs to it; the walk goes on from there."""

    def __init__(self, talk: Exchange, tools: Toolbox) -> None:
        self.talk, self.tools = talk, tools
        self.memory, self.plan = talk.memory, talk.plan
        self.text = talk.raw
        self.got = Understood()

    async def hear(self) -> bool:
        """Whether the walk goes on; False when all is said for this turn."""
        if self._acts():
            return False
        await self._questions()
        if self._replies():
            return self._respond()
        self._choose_intent()
        self._gather()
        if not self.got.problem:
            self._change_by_name()
        self._last_corrected()
        self._choose_intent(after=True)
        if not self.got.filled and not self.got.corrected and not self.talk.meant and not self.got.answers:
            self._chat()
        if not self.got.anything and not self.talk.meant:
            await self._loosely()
        return self._respond()

    def _acts(self) -> bool:
        """A person, a new start, an end: wishes that outrank the flow."""
        talk, low = self.talk, self.talk.low
        agreed = (
            self.memory.offered_human and (yes := find_yes_no(low, asked=False)) is not None and yes.value
        )
        self.memory.offered_human = False
        if agreed or (intents.wants_human(low) and not self._is_answer()):
            talk.say(self.plan.text("human_message"))
            talk.flush()
            talk.pieces.append(HandToHuman("The customer asked for a person."))
            talk.over = True
        elif intents.starts_over(low):
            self.memory.restart()
            talk.say("No problem, let's start again.")
            start = self.plan.flow.start
            self.memory.stage, self.memory.entered = (start.id if start else ""), False
            talk.raw = talk.low = self.text = ""
            return False
        return talk.over

    def _is_answer(self) -> bool:
        """Whether words like "agent" are one of the answers that were offered."""
        spec = self._asked()
        return bool(
            spec and spec.type == "choice" and isinstance(self._find(spec, self.text, asked=True), Found)
        )

    def _asked(self) -> FieldSpec | None:
        return self.plan.specs.get(self.memory.asked)

    async def _questions(self) -> None:
        """Answers the sentences that ask for information, and takes them out of what is read for values."""
        for match in _SENTENCE.finditer(self.text):
            sentence = fold(match[0]).strip()
            if len(self.got.answers) == 2 or len(sentence) < 3:
                break
            if not intents.is_question(sentence) or self._is_flow_wish(sentence):
                continue
            if not intents.wants_information(sentence) or (
                intents.asks_for_a_slot(sentence) and self._holds_value(match[0])
            ):
                continue
            if intents.small_talk(sentence) and not self._likely(sentence):
                continue
            found = await self._know(match[0])
            if found:
                self.got.answers.append(found)
                self.text = blank(self.text, match.start(), match.end())

    def _likely(self, sentence: str) -> bool:
        kind = intents.small_talk(sentence)
        return kind is not None and kind[0] in ("greeting", "thanks")

    def _is_flow_wish(self, sentence: str) -> bool:
        """Whether a sentence stands almost word for word among the phrases of the flow."""
        said = intents.line(sentence)
        return any(
            intents.closeness(said, intent.phrases) >= 3 for intent in self.plan.intents_of(self.talk.stage)
        )

    def _holds_value(self, sentence: str) -> bool:
        wanted = ("date", "time", "datetime")
        specs = [spec for spec in self.plan.specs.values() if spec.type in wanted]
        return any(isinstance(self._find(spec, sentence, asked=False), Found) for spec in specs)

    async def _know(self, question: str) -> str:
        found = await self.tools.search(question, 3)
        return answer(found[0], question) if found and found[0].score >= KNOWN else ""

    def _replies(self) -> bool:
        """Yes and no to a read-back. True when that settles the message."""
        if self.memory.confirming:
            return self._confirmed()
        if not self.memory.reviewing:
            return False
        yes = find_yes_no(fold(self.text), asked=False)
        if yes is None or self.memory.changing:
            return False
        rest = fold(blank(self.text, yes.start, yes.end))
        if yes.value and not intents.corrects(rest):
            self.memory.reviewed, self.memory.reviewing = True, False
            self.got.settled = True
            return True
        if not yes.value and len(re.findall(r"\w+", rest)) < 2:
            self.memory.changing = True
            self.got.settled = True
            self.talk.say("No problem. What would you like to change?", changeable(self.talk))
            return True
        return False

    def _confirmed(self) -> bool:
        spec = self.plan.specs.get(self.memory.confirming)
        if spec is None:
            self.memory.confirming = ""
            return False
        yes = find_yes_no(fold(self.text), asked=False)
        rest = blank(self.text, yes.start, yes.end) if yes and not yes.value else self.text
        found = self._find(spec, rest, asked=bool(yes and not yes.value and re.search(r"\w", rest)))
        if isinstance(found, Found) and found.value != self.memory.proposed:
            self.memory.proposed = found.value
            self.got.settled = ask_pending(self.talk)
        elif yes is None:
            return False
        elif yes.value:
            self.memory.confirming = ""
            self._keep(spec, self.memory.proposed, self.text)
        else:
            self.memory.confirming, self.memory.asked = "", spec.name
            self.talk.say("Sorry about that.")
            self.got.settled = ask_pending(self.talk, again=False)
        return True

    def _choose_intent(self, *, after: bool = False) -> None:
        """The flow's intent that is nearest to what was said, if any is near."""
        talk = self.talk
        if after and (talk.meant is None):
            return
        said = intents.line(self.text)
        scored = [
            (intents.closeness(said, intent.phrases), intent) for intent in self.plan.intents_of(talk.stage)
        ]
        scored = [(score, intent) for score, intent in scored if score > 0 and intent.to != talk.stage.id]
        talk.meant = max(scored, key=lambda pair: pair[0])[1] if scored else None
        asked = self._asked()
        if (
            talk.meant
            and asked
            and asked.name in (spec.name for spec in self.got.filled)
            and asked.type in ("choice", "yes_no", "text")
        ):
            talk.meant = None

    def _gather(self) -> None:
        """Fills and corrects fields, the hardest to mistake first; what one takes the next does not see."""
        asked = self._asked()
        if asked and asked.type not in ("name", "text") and not (asked.type == "yes_no" and self.talk.meant):
            self._try(asked, asked=True)
        for spec in self._candidates():
            if spec is not asked:
                self._try(spec, asked=False)
        blocked = self.talk.meant or (asked and asked.type == "text" and self._interrupts())
        if asked and asked.type in ("name", "text") and not blocked:
            self._try(asked, asked=True)
        elif asked and asked.type == "text" and asked.pattern:
            self._try(asked, asked=True)

    def _interrupts(self) -> bool:
        """Words that are no answer to an open question, but talk of their own."""
        low = fold(self.text).strip()
        if not low or intents.asks_to_repeat(low) or intents.small_talk(low) or intents.is_upset(low):
            return True
        return (
            intents.is_question(low)
            or intents.says_goodbye(low)
            or (intents.skips(low) and not self._required())
        )

    def _required(self) -> bool:
        asked = self._asked()
        return asked is None or asked.required

    def _candidates(self) -> list[FieldSpec]:
        """The fields worth looking for: those of this stage, of where it goes now, then all others."""
        here = [*self.talk.stage.fields]
        if self.talk.meant and (target := self.plan.flow.stage(self.talk.meant.to)):
            here += target.fields
        names = {spec.name for spec in here}
        rest = [spec for spec in self.plan.specs.values() if spec.name not in names]
        return sorted([*here, *rest], key=lambda spec: (ORDER.index(spec.type), spec.name not in names))

    def _try(self, spec: FieldSpec, *, asked: bool) -> None:
        known = spec.name in self.memory.fields
        if known and not self._correctable(spec):
            return
        found = self._find(spec, self.text, asked=asked)
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
        self._keep(spec, found.value, self.talk.raw[found.start : found.end])

    def _is_here(self, spec: FieldSpec) -> bool:
        return any(own.name == spec.name for own in self.talk.stage.fields)

    def _correctable(self, spec: FieldSpec) -> bool:
        if spec.type in ("text", "yes_no"):
            return bool(self.memory.reviewing and self.memory.changing and False)
        if spec.type in _ALWAYS_CORRECTABLE or self.memory.reviewing:
            return True
        return intents.corrects(self.talk.low) or "my name is" in self.talk.low

    def _find(self, spec: FieldSpec, text: str, *, asked: bool) -> Found | Problem | None:
        if not text.strip():
            return None
        here = self._is_here(spec) or bool(self.talk.meant and self._of_target(spec))
        return self.talk.reader.find(spec, text, asked=asked, options=self.talk.offers(spec), here=here)

    def _of_target(self, spec: FieldSpec) -> bool:
        target = self.plan.flow.stage(self.talk.meant.to) if self.talk.meant else None
        return bool(target and any(own.name == spec.name for own in target.fields))

    def _keep(self, spec: FieldSpec, value: object, evidence: str) -> None:
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

    def _change_by_name(self) -> None:
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
            found = self._find(spec, to[1], asked=True) if to else None
            if isinstance(found, Found) and not spec.choices_from:
                self._keep(spec, found.value, to[1] if to else "")
            else:
                self.revisit(spec)
            return

    def _last_corrected(self) -> None:
        """ "Sorry, I meant Ann": a short answer that replaces the last one."""
        spec = self.plan.specs.get(self.memory.last)
        asked = self._asked()
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
        found = self._find(spec, self.talk.raw[lead.end() :], asked=True)
        if isinstance(found, Found) and found.value != self.memory.fields[spec.name]:
            self.text = ""
            self._keep(spec, found.value, self.talk.raw)

    def revisit(self, spec: FieldSpec) -> None:
        """Asks for a field again, in the stage that it belongs to."""
        stage = owner(self.plan.flow, spec.name, self.memory.visited)
        self.memory.forget(spec.name)
        self.memory.changing = False
        self.got.settled = True
        if stage:
            self.talk.enter(stage.id)

    def _go_back(self) -> None:
        """After a correction: what was looked up with the old value is looked up again."""
        changed = {spec.name for spec in self.got.corrected}
        if not changed:
            return
        for stage in self.plan.flow.stages:
            tool = self.plan.tools.get(stage.tool)
            reading = (
                stage.type == "tool"
                and tool is not None
                and tool.method == "GET"
                and stage.id in self.memory.called
            )
            if reading and any(depends_on(stage, tool, name) for name in changed):
                self.memory.stage, self.memory.entered = stage.id, False
                return

    def _chat(self) -> None:
        low = fold(self.text).strip()
        talk = intents.small_talk(low)
        if talk and talk[0] == "greeting" and not self.memory.greeted:
            talk = None
        if not talk:
            return
        helpful = self.plan.text("description") or "I can answer your questions and get things done for you."
        text = self.talk.vary(talk[1])
        self.got.small_talk = text.replace("{name}", self.plan.text("name")).replace("{help}", helpful)

    async def _loosely(self) -> None:
        """Last readings: goodbye, a repeat, a skip, anger, words from the knowledge base."""
        low, asked = fold(self.text).strip(), self._asked()
        if intents.asks_to_repeat(low) and (asked or self.memory.reviewing or self.memory.confirming):
            self.got.small_talk = "Of course."
        elif asked and not asked.required and intents.skips(low):
            self.memory.skipped.append(asked.name)
            self.got.skipped, self.got.problem = True, None
        elif asked and intents.skips(low) and asked.type != "yes_no" and not self.got.problem:
            self.got.problem, self.got.problem_of = Problem("I do need that one to go on, I'm afraid."), asked
        elif intents.is_upset(low):
            self.got.small_talk = (
                "I'm sorry about that. If you'd rather have a person, just say so and I'll pass you on."
            )
        elif not self.got.problem and low and (found := await self._know(low)):
            self.got.answers.append(found)
        else:
            self.got.unknown = not self.got.problem

    def _respond(self) -> bool:
        """Speaks what belongs to this message; whether the walk goes on."""
        talk, got = self.talk, self.got
        talk.heard = bool(talk.raw) and not got.answers
        for text in got.answers:
            talk.say(text)
        if got.small_talk:
            talk.say(got.small_talk)
        self._acknowledge()
        if got.unknown or (got.problem and not got.anything):
            return self._missed()
        if got.anything or talk.meant:
            self.memory.misses = 0
        self._go_back()
        if talk.meant and not self.memory.confirming:
            self._take_intent()
            return True
        if got.problem and got.problem_of:
            self.memory.asked = got.problem_of.name
            talk.say(self._says(got.problem, got.problem_of), got.problem.choices)
            return False
        if self.memory.confirming and not talk.choices:
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
        aside = bool(got.answers or got.small_talk) and not (
            got.filled or got.corrected or got.settled or got.skipped
        )
        if aside and (self.memory.asked or self.memory.reviewing):
            ask_pending(self.talk)
            return False
        if aside:
            self.talk.heard = False
        return True

    def _take_intent(self) -> None:
        """A stage's own intent is followed by its rules; one from anywhere leads there at once."""
        intent = self.talk.meant
        if intent and intent.source == "":
            self.memory.stage, self.memory.entered = intent.to, False
        elif intent and self.memory.entered:
            self.memory.stage, self.memory.entered = intent.to, False

    def _acknowledge(self) -> None:
        talk, got = self.talk, self.got
        if got.corrected:
            values = [self._value(spec) for spec in got.corrected]
            talk.say(talk.vary(CORRECTED).format(listed(values)))
        elif len(got.filled) > 1:
            talk.say(
                f"{talk.vary(ACKNOWLEDGED).rstrip('.')}: {listed([self._value(spec) for spec in got.filled])}."
            )
        elif got.filled and not got.answers:
            talk.say(self._thanks(got.filled[0]))
        elif got.skipped:
            talk.say(talk.vary(("No problem.", "That's fine.", "We can leave that out.")))

    def _thanks(self, spec: FieldSpec) -> str:
        value = self._value(spec)
        if spec.type == "name":
            first = value.split(" ")[0]
            return self.talk.vary(
                (f"Nice to meet you, {first}.", f"Thanks, {first}.", f"Thank you, {first}.")
            )
        if spec.type in ("date", "time", "datetime"):
            return self.talk.vary(
                (f"{value[:1].upper()}{value[1:]}, got it.", f"Okay, {value}.", f"Great, {value}.")
            )
        return self.talk.vary(ACKNOWLEDGED)

    def _value(self, spec: FieldSpec) -> str:
        from datetime import date

        value = self.memory.fields.get(spec.name)
        if value is None:
            partial = self.memory.partial.get(spec.name) or {}
            value = partial.get("date") or partial.get("time") or ""
        if spec.type == "date" and isinstance(value, str):
            return day_spoken(date.fromisoformat(value), self.talk.turn.now, self.plan.language, near=True)
        return self.talk.spoken(spec, value)

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
        memory.misses += 1
        spec = got.problem_of or self._asked()
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
