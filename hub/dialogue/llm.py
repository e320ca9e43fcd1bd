"""The brain with a language model: one turn of talk and function calls, with the flow's rules kept by us."""

import contextlib
from collections.abc import Sequence

from hub.dialogue.asking import form_for
from hub.dialogue.calling import Calling, Pieces
from hub.dialogue.exchange import Exchange
from hub.dialogue.left_in_peace import left_in_peace
from hub.dialogue.model import Asked, Call, Ended, Line, Model, Words
from hub.dialogue.notes import fade
from hub.dialogue.phrasing import BUTTONS
from hub.dialogue.plan import Plans
from hub.dialogue.prompt import conversation, system
from hub.dialogue.saying import Saying
from hub.dialogue.staging import Staging
from hub.dialogue.turn import Finish, Function, Say, Toolbox, Turn
from hub.dialogue.walking import walk
from hub.engine import Account, EngineFailed

ROUNDS = 6
"""So often the model is asked in one turn; in the last round it has no functions and can only speak."""
MOST_CALLS = 8
"""In one round; it is told that the others were not carried out."""
_STILL_THERE = ("Are you still there?", "Take your time. Are you still there?")


class Llm:
    """A `Brain` that thinks with a model, and answers in words whatever that does."""

    def __init__(self, model: Model) -> None:
        self.vendor = model.vendor
        self._model, self._plans = model, Plans()

    async def reach(self, account: Account) -> None:
        await self._model.reach(account)

    async def reply(self, turn: Turn, tools: Toolbox) -> Pieces:
        """Pieces of the answer; `turn.state` is brought up to date before the last of them."""
        talk = Exchange(turn, self._plans.of(turn.agent), asks=False)
        talk.memory.turns += 1
        async with contextlib.aclosing(_Thought(talk, tools, self._model).pieces()) as pieces:
            async for piece in pieces:
                yield piece
        fade(turn.state)
        talk.memory.save(turn.state)
        for piece in talk.take():
            yield piece


class _Thought:
    """One turn. `_ours` are the words of it that are not the model's: it is told of them."""

    def __init__(self, talk: Exchange, tools: Toolbox, model: Model) -> None:
        self._talk, self._tools, self._model = talk, tools, model
        self._staging, self._saying = Staging(talk), Saying(talk)
        self._calling = Calling(talk, tools, self._staging, self._saying)
        self._begins = not any(entry.role in ("agent", "operator") for entry in talk.turn.history)
        self._ours: list[str] = []
        self._filtered = False

    async def pieces(self) -> Pieces:
        talk, turn = self._talk, self._talk.turn
        if turn.cue == "silence" and not talk.raw:
            _silence(talk)
            return
        talk.memory.silences = 0
        first, talk.memory.greeted = self._begins and not talk.memory.greeted, True
        if first and not talk.raw and turn.cue != "message":
            talk.say(talk.opening)
            self._ours += talk.parts
        if talk.raw and await left_in_peace(talk, self._tools):
            return
        if talk.raw and not talk.memory.entered and talk.stage.type in ("start", "dialogue"):
            talk.enter(talk.stage.id)
        async for piece in self._walk():
            yield piece
        if not talk.over and (talk.raw or turn.cue == "message" or self._staging.has_words):
            async for piece in self._converse():
                yield piece
        if not talk.over:
            self._offer()
        talk.flush()

    async def _walk(self) -> Pieces:
        """Pass what needs no model: tools, verbatim words, ends."""
        talk = self._talk
        self._staging.moved, before = False, len(talk.parts)
        async for piece in walk(talk, self._tools):
            if isinstance(piece, Say) and not piece.waiting:
                self._ours.append(piece.text)
            yield piece
        self._ours += talk.parts[before:]
        if self._saying.spoken:
            talk.flush()
        for piece in talk.take():
            yield piece

    async def _converse(self) -> Pieces:
        """Ask the model, carry out what it calls, and ask again until it has only spoken."""
        talk, lines = self._talk, conversation(self._talk.turn, self._taken_ours())
        for left in range(ROUNDS - 1, -1, -1):
            functions = await self._calling.offer() if left else []
            if left == ROUNDS - 1:
                lines += await self._calling.known()
            calls: list[Call] = []
            async with contextlib.aclosing(self._ask(lines, functions, calls)) as pieces:
                async for piece in pieces:
                    yield piece
            if not calls and not await self._undecided():
                break
            answered = []
            for number, call in enumerate(calls):
                async with contextlib.aclosing(self._calling.carry_out(call, number < MOST_CALLS)) as pieces:
                    async for piece in pieces:
                        yield piece
                answered.append(self._calling.result)
            if not talk.over:
                async for piece in self._walk():
                    yield piece
            talk.memory.save(talk.turn.state)
            if talk.over:
                return
            lines += _round(self._saying.round, calls, answered, self._taken_ours())
        if not self._saying.anything and not talk.parts:
            self._say_something()

    async def _ask(self, lines: list[Line], functions: Sequence[Function], calls: list[Call]) -> Pieces:
        """One answer of the model. Words go out as they come; what it calls is put into `calls`."""
        talk, saying, thinking = self._talk, self._saying, self._talk.plan.agent.get("thinking") or {}
        holds = talk.stage.type == "internal"
        begins = self._begins and not saying.anything and not talk.parts
        asked = Asked(
            [system(talk, self._staging.part(), begins=begins), *lines], functions,
            models=[name for name in [thinking.get("model"), *thinking.get("model_fallbacks", [])] if name],
            tier=str(thinking.get("tier") or ""),
            temperature=thinking.get("temperature"), top_p=thinking.get("top_p"),
            max_tokens=thinking.get("max_tokens"),
        )  # fmt: skip
        saying.begin(self._labels() if not holds else ())
        why = "done"
        try:
            async with contextlib.aclosing(self._model.stream(asked, talk.turn.account)) as parts:
                async for part in parts:
                    match part:
                        case Words():
                            for piece in saying.take(part.text, hold=holds):
                                yield piece
                        case Call():
                            calls.append(part)
                        case Ended():
                            why = part.why
        except BaseException:
            talk.turn.spent.extend(asked.spent)
            raise
        for usage in asked.spent:
            yield usage
        if why == "filtered":
            calls.clear()
            saying.drop()
            self._filtered = True
        elif holds and calls:
            saying.drop()
        for piece in saying.end(cut=why == "length"):
            yield piece
        self._staging.spoken()
        if not (calls or saying.anything or talk.parts or self._filtered or self._calling.acted):
            raise EngineFailed("the model gave an empty answer", "garbage")

    async def _undecided(self) -> bool:
        """Whether the model left it open where an internal stage leads, and the flow goes on without it."""
        stage = self._talk.stage
        if stage.type != "internal" or stage.id in self._talk.left_open:
            return False
        self._talk.left_open.add(stage.id)
        return True

    def _taken_ours(self) -> str:
        ours, self._ours = self._ours, []
        return " ".join(ours)

    def _say_something(self) -> None:
        """The model has no words: ours."""
        plan = self._talk.plan
        self._talk.say(plan.text("fallback_message") or "I'm sorry, I cannot say anything about that.")

    # what goes with the words

    def _labels(self) -> tuple[str, ...]:
        """The choices of what is asked now."""
        spec = self._talk.spec(self._talk.memory.asked)
        return tuple(option.label for option in self._talk.offers(spec)) if spec is not None else ()

    def _offer(self) -> None:
        """Buttons or a form with the open question, where the person's client can show them."""
        talk = self._talk
        spec = talk.spec(talk.memory.asked)
        if spec is None or talk.turn.channel not in BUTTONS or not talk.parts or talk.memory.confirming:
            return
        labels = self._labels()
        talk.choices = labels[:60]
        talk.memory.shown = list(talk.choices)
        talk.form = form_for(spec, labels, talk.turn.channel)


def _round(words: str, calls: Sequence[Call], answered: Sequence[str], ours: str) -> list[Line]:
    """What the model is told of its own round: its words and calls, their results, and what we said ourselves."""
    told = [Line("tool", text, answers=call.id) for call, text in zip(calls, answered, strict=True)]
    lines = [Line("assistant", words, tuple(calls)), *told] if calls else []
    return [*lines, Line("assistant", ours), Line("user", "[Go on from there.]")] if ours else lines


def _silence(talk: Exchange) -> None:
    """Asks whether they are there; the third time it ends."""
    talk.memory.silences += 1
    if talk.memory.silences > len(_STILL_THERE):
        talk.say(talk.plan.text("goodbye_message"))
        talk.flush()
        talk.pieces.append(Finish("silence"))
        return
    talk.say(_STILL_THERE[talk.memory.silences - 1])
    talk.flush()
