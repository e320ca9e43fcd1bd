"""The embedded brain: runs a flow and talks sensibly about the rest, with no model and no network."""

from collections.abc import AsyncIterator

from hub.dialogue import intents
from hub.dialogue.exchange import Exchange
from hub.dialogue.hearing import Hearing
from hub.dialogue.plan import Plans
from hub.dialogue.text import sentences
from hub.dialogue.turn import Finish, Piece, Toolbox, Turn
from hub.dialogue.walking import ask_pending, walk

_GOT_IT = ("Thank you, I've got your message.", "I've just received your message, thank you.")
_STILL_THERE = ("Are you still there?", "Take your time. Are you still there?")


class Script:
    """A `Brain` that answers the same to the same, in well under a millisecond."""

    vendor = ""

    def __init__(self) -> None:
        self._plans = Plans()

    async def reply(self, turn: Turn, tools: Toolbox) -> AsyncIterator[Piece]:
        """Pieces of the answer; `turn.state` is brought up to date before the last of them."""
        talk = Exchange(turn, self._plans.of(turn.agent))
        talk.memory.turns += 1
        if turn.cue == "silence" and not talk.raw:
            _silence(talk)
        elif turn.cue == "handed_back" and not talk.raw:
            ask_pending(talk, again=False)
        else:
            async for piece in _converse(talk, tools, turn):
                yield piece
        talk.flush()
        talk.memory.save(turn.state)
        for piece in talk.take():
            yield piece


async def _converse(talk: Exchange, tools: Toolbox, turn: Turn) -> AsyncIterator[Piece]:
    memory = talk.memory
    memory.silences = 0
    first = not memory.greeted and not any(entry.role == "agent" for entry in turn.history)
    memory.greeted = True
    if not talk.raw and turn.cue == "message" and memory.entered:
        talk.say("I can only read text here, I'm afraid. Could you put it in words?")
        ask_pending(talk)
        return
    if not talk.raw:
        _open(talk, first)
    else:
        if first:
            _greet(talk)
        if not memory.entered and talk.stage.type in ("start", "dialogue"):
            talk.enter(talk.stage.id)
        if turn.cue == "told":
            talk.say(talk.vary(_GOT_IT))
        if first and intents.GREETING.fullmatch(talk.low.strip(" !.,")):
            _open(talk, first)
        elif not memory.entered:
            pass
        elif _leaves(talk) or not await Hearing(talk, tools).hear():
            return
    async for piece in walk(talk, tools):
        yield piece
    idle = not (memory.asked or memory.reviewing or memory.confirming)
    if not talk.over and talk.raw and (not talk.parts or (idle and _only_polite(talk))):
        _prompt(talk)


def _open(talk: Exchange, first: bool) -> None:
    """The opening words, when the customer has said nothing that needs an answer."""
    if first:
        talk.parts.clear()
        talk.say(talk.opening or ("Hello! How can I help you?" if talk.raw else ""))


def _greet(talk: Exchange) -> None:
    """A short greeting before the first answer: the first sentence of the opening, if it is one."""
    opening = sentences(talk.write(talk.opening))
    kept = [part for part in opening[:2] if "?" not in part]
    greeting = " ".join(kept[:2] if kept and len(kept[0]) < 12 else kept[:1])
    talk.say(greeting if 0 < len(greeting) < 120 else "Hello!")


def _leaves(talk: Exchange) -> bool:
    """Says goodbye and ends, if that is all that was said."""
    idle = not (talk.memory.asked or talk.memory.reviewing or talk.memory.confirming or talk.memory.offered_human)
    done = idle and talk.stage is talk.plan.flow.start and intents.is_done(talk.low)
    if not (done or intents.says_goodbye(talk.low)) or intents.wants_human(talk.low):
        return False
    talk.parts.clear()
    talk.say(talk.plan.text("goodbye_message") or "Goodbye!")
    talk.flush()
    talk.pieces.append(Finish("goodbye"))
    talk.over = True
    return True


def _only_polite(talk: Exchange) -> bool:
    """Whether what was said so far leaves it to the customer to find something to say."""
    text = " ".join(talk.parts)
    return (
        talk.polite and len(talk.parts) == 1 and len(text) < 50 and text.endswith((".", "!")) and "welcome" not in text
    )


def _prompt(talk: Exchange) -> None:
    """Keeps the conversation going where the flow itself has nothing to say."""
    if ask_pending(talk, again=False):
        return
    talk.say(talk.vary(("How can I help you?", "What can I do for you?", "Tell me, how can I help?")))


def _silence(talk: Exchange) -> None:
    talk.memory.silences += 1
    if talk.memory.silences > 2:
        talk.say(talk.plan.text("goodbye_message"))
        talk.flush()
        talk.pieces.append(Finish("silence"))
        return
    talk.say(_STILL_THERE[talk.memory.silences - 1])
    ask_pending(talk, again=False)
