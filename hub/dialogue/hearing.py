"""Understanding a message: what it fills, corrects, asks and wants, in the order that matters to people."""

# ruff: noqa: E501 - patterns read better in one piece

import re

from hub.dialogue import intents, languages
from hub.dialogue.answering import Answering
from hub.dialogue.choices import find_yes_no
from hub.dialogue.exchange import Exchange
from hub.dialogue.filling import Filling
from hub.dialogue.knowledge import KNOWN, answer
from hub.dialogue.left_in_peace import left_in_peace
from hub.dialogue.phrasing import listed
from hub.dialogue.text import Found, Problem, blank, fold
from hub.dialogue.turn import HandToHuman, Toolbox
from hub.dialogue.walking import ask_pending, changeable
from hub.models.flow import FieldSpec

_SENTENCE = re.compile(r"[^.?!\n]+(?:[.?!](?=\S)[^.?!\n]+)*[.?!\n]*")
_OPTIONS = re.compile(
    r"\b(?:what|which)(?:'s| is| are|'re)? (?:do you have|have you got|else|free|available|times?|slots?|days?|options?|my options|"
    r"the options|possible|can i|could i|would you|there)\b|\boptions\b|\bwhat (?:are|were) (?:they|those|the)\b|\bshow me\b"
)


class Hearing(Filling):
    """Works out one message; the walk goes on from there."""

    def __init__(self, talk: Exchange, tools: Toolbox) -> None:
        super().__init__(talk)
        self.tools = tools

    async def hear(self) -> bool:
        """Whether the walk goes on; False when all is said for this turn."""
        if await left_in_peace(self.talk, self.tools) or self._acts():
            return False
        if self._restarts():
            return True
        if self._gives_up():
            return True
        self._other_language()
        await self._questions()
        if self._replies():
            return Answering(self.talk, self.got).respond()
        self._choose_intent()
        self.gather()
        if not self.got.problem:
            self.change_by_name()
        self.correct_last()
        self._answered_instead()
        self.infer_intent()
        if not self.got.filled and not self.got.corrected and not self.talk.meant and not self.got.answers:
            self._skip()
            if not self.got.skipped:
                self._chat()
        if not self.got.anything and not self.talk.meant:
            await self._loosely()
        return Answering(self.talk, self.got).respond()

    def _acts(self) -> bool:
        """A person, a new start, an end: wishes that outrank the flow."""
        talk, low = self.talk, self.talk.low
        yes = find_yes_no(low, asked=False) if self.memory.offered_human else None
        agreed = bool(yes and yes.value)
        refused = bool(yes and not yes.value)
        self.memory.offered_human = False
        if agreed or (intents.wants_human(low) and not self._is_answer()):
            talk.say(self.plan.text("human_message"))
            talk.flush()
            talk.pieces.append(HandToHuman("The customer asked for a person."))
            talk.over = True
        elif refused and len(low) < 40:
            talk.say("All right, let's try again.")
            if not ask_pending(talk, again=False):
                talk.say("What can I do for you?")
            return True
        return talk.over

    def _restarts(self) -> bool:
        """Forgets everything if that is wanted."""
        if not intents.starts_over(self.talk.low):
            return False
        self.memory.restart()
        self.talk.say("No problem, let's start again.")
        start = self.plan.flow.start
        self.memory.stage = start.id if start else ""
        return True

    def _gives_up(self) -> bool:
        """Leaves what is being asked, back to where everything is open; what is known stays known."""
        memory, start = self.memory, self.plan.flow.start
        pending = memory.asked or memory.reviewing or memory.confirming
        if not pending or not start or self.talk.stage is start or not intents.gives_up(self.talk.low):
            return False
        asked = self.asked()
        if (asked and (asked.type == "yes_no" or not asked.required)) or (
            memory.reviewing and intents.is_done(self.talk.low)
        ):
            return False
        if asked and asked.type == "choice" and isinstance(self.find(asked, self.text, asked=True), Found):
            return False
        self.talk.enter(start.id)
        memory.misses = 0
        self.talk.say("No problem, we'll leave it there. Is there anything else I can do for you?")
        return True

    def _other_language(self) -> None:
        """They want to go on in another language; the flow may have a way for it."""
        code = languages.wanted(self.talk.low)
        if code and any(one.on == "language" for stage in self.plan.flow.stages for one in stage.transitions):
            self.memory.language, self.text = code, ""
            self.got.settled = True

    def _is_answer(self) -> bool:
        """Whether words like "agent" are one of the answers that were offered."""
        spec = self.asked()
        return bool(spec and spec.type == "choice" and isinstance(self.find(spec, self.text, asked=True), Found))

    async def _questions(self) -> None:
        """Answers the sentences that ask for information, and takes them out of what is read for values."""
        for match in _SENTENCE.finditer(self.text):
            sentence = fold(match[0]).strip()
            if len(self.got.answers) == 2 or len(sentence) < 3:
                break
            if not intents.is_question(sentence) or self._is_flow_wish(sentence):
                continue
            if not intents.wants_information(sentence) or self._holds_value(match[0]):
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
        """Whether a sentence stands almost word for word among the phrases of the flow, or asks to have it done."""
        said = intents.line(sentence)
        nearest = max((intents.closeness(said, i.phrases) for i in self.plan.intents_of(self.talk.stage)), default=0)
        return nearest >= 3 or (nearest >= 1 and intents.asks_to_act(sentence))

    def _holds_value(self, sentence: str) -> bool:
        """Whether a question names a day or time for which something may be free, or a number we look things up by."""
        if intents.asks_for_a_slot(fold(sentence)):
            wanted = [spec for spec in self.plan.specs.values() if spec.type in ("date", "time", "datetime")]
        else:
            near = [*self.talk.stage.fields, *self._next_fields()]
            wanted = [spec for spec in near if spec.pattern]
        return any(isinstance(self.find(spec, sentence, asked=False), Found) for spec in wanted)

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
        if not yes.value and not re.search(r"\w", rest):
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
        found = self.find(spec, rest, asked=bool(yes and not yes.value and re.search(r"\w", rest)))
        if isinstance(found, Found) and found.value != self.memory.proposed:
            self.memory.proposed = found.value
            self.got.settled = ask_pending(self.talk)
        elif yes is None:
            return False
        elif yes.value:
            self.memory.confirming = ""
            self.keep(spec, self.memory.proposed, self.text)
        else:
            self.memory.confirming, self.memory.asked = "", spec.name
            self.talk.say("Sorry about that.")
            self.got.settled = ask_pending(self.talk, again=False)
        return True

    def _choose_intent(self) -> None:
        """The flow's intent that is nearest to what was said, if any is near."""
        stage, said = self.talk.stage, intents.line(self.text)
        scored = [(intents.closeness(said, intent.phrases), intent) for intent in self.plan.intents_of(stage)]
        scored = [(score, intent) for score, intent in scored if score > 0 and intent.to != stage.id]
        self.talk.meant = max(scored, key=lambda pair: pair[0])[1] if scored else None

    def _answered_instead(self) -> None:
        """What answers the open question is no wish to go elsewhere."""
        asked = self.asked()
        if asked and asked.type in ("choice", "yes_no") and asked in self.got.filled:
            self.talk.meant = None

    def _skip(self) -> None:
        """Leaves an optional question unanswered."""
        asked = self.asked()
        if asked and not asked.required and asked.type != "yes_no" and intents.skips(fold(self.text).strip()):
            self.memory.skipped.append(asked.name)
            self.got.skipped, self.got.problem = True, None

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
        low, asked = fold(self.text).strip(), self.asked()
        if self.memory.reviewing and (yes := find_yes_no(low, asked=False)) and not yes.value:
            self.memory.changing = self.got.settled = True
            self.talk.say("No problem. What would you like to change?", changeable(self.talk))
        elif intents.asks_to_repeat(low) and (asked or self.memory.reviewing or self.memory.confirming):
            self.got.small_talk = "Of course."
        elif asked and self.talk.offers(asked) and _OPTIONS.search(low):
            self.talk.say(self._options(asked), [option.label for option in self.talk.offers(asked)])
            self.got.settled, self.got.problem = True, None
        elif asked and intents.skips(low) and asked.type != "yes_no" and not self.got.problem:
            self.got.problem, self.got.problem_of = Problem("I do need that one to go on, I'm afraid."), asked
        elif intents.is_upset(low):
            self.got.small_talk = (
                "I'm sorry about that. If you'd rather have a person, just say so and I'll pass you on."
            )
        elif not asked and len(low) < 60 and (yes := find_yes_no(low, asked=False)):
            self.got.small_talk = "Sure." if yes.value else "All right."
        elif not self.got.problem and low and (found := await self._know(low)):
            self.got.answers.append(found)
        else:
            self.got.unknown = not self.got.problem

    def _options(self, spec: FieldSpec) -> str:
        labels = [option.label for option in self.talk.offers(spec)]
        more = " and a few more" if len(labels) > 8 else ""
        return (
            f"There is {listed(labels[:8])}{more}."
            if spec.choices_from
            else f"You can choose between {listed(labels[:8])}{more}."
        )
