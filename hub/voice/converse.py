"""The loop: hear, end of turn, decide, speak, and stop speaking at any moment."""

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine
from typing import Any, Protocol

from hub.channel import Line, Pressed
from hub.dialogue.turn import Cue, HandToHuman, Piece
from hub.engine import EngineFailed
from hub.models.voice import Call
from hub.voice.answering import Answers, Reply
from hub.voice.chain import Chain
from hub.voice.hearing import CustomerTurn, Hearing, OpenEars
from hub.voice.journal import Journal
from hub.voice.ledger import Ledger
from hub.voice.mind import Mind
from hub.voice.room import Room
from hub.voice.speaking import Said, Speaking
from hub.voice.speech import Format
from hub.voice.synthesis import OpenMouth
from hub.voice.turns import Turns, sentences
from hub.voice.watch import Watch

log = logging.getLogger("hub.voice")

SETTLED_SECONDS = 0.05
MOST_MISSES = 2
"""Turns in a row that the ears made nothing of, until others take their place."""


class Lanes(Protocol):
    """Where the sound of both sides is kept; see `hub.voice.recorder`."""

    def customer(self, audio: bytes, at_ms: int, now: float) -> None: ...

    def others(self, audio: bytes, now: float) -> None: ...


class Conversation:
    """One call: all its state, from the first sound to the last. `run` gives the reason why it ended."""

    def __init__(
        self,
        line: Line,
        *,
        settings: Call,
        language: str,
        mind: Mind,
        ears: Chain[OpenEars],
        mouths: Chain[OpenMouth],
        journal: Journal,
        lanes: Lanes | None = None,
        decide: Callable[[Piece], None] = lambda piece: None,
        from_ms: int = 0,
    ) -> None:
        """`from_ms`: how much of the call was over before, on a line that was lost."""
        self.line, self.settings, self.mind = line, settings, mind
        self.format = Format(line.codec, line.rate)
        self._time = asyncio.get_running_loop().time
        self.began_at = self._time()
        self.answered_at = self.began_at - from_ms / 1000
        self.journal, self.lanes = journal, lanes
        self.decide = decide
        self._ears = ears
        self.turns = Turns(settings.turn_taking, language)
        self.ledger = Ledger(self.format)
        self.speaking = Speaking(line, self.format, self.ledger, mouths, journal, self.answered_at)
        self.hearing = Hearing(self.format, self.turns, self)
        self._mouths = mouths
        self._opened: list[Chain[OpenEars] | Chain[OpenMouth]] = [ears, mouths]
        self.watch = Watch(self)
        self.answers = Answers(self)
        self.silent = False
        self.deaf = False
        self.noisy = False
        self.last_customer_at = self.began_at
        self._interrupted_at = 0.0
        self._misses = 0
        self.to_open = False
        self.overtime_seconds = 0.0
        """For so long the ears were heard when the line was gone."""
        self._over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._hears: asyncio.Task[None] | None = None
        self.room: Room | None = None
        self._state = ""

    # the whole of it

    async def run(self, cue: Cue | None = "opened", resumed: bool = False) -> str:
        """Talk until one side ends it; gives an ended_reason. `cue` makes the agent begin; None lets the person.

        Who hears a call that is `resumed` has consented to it before.
        """
        self.spawn(self._listen())
        self.spawn(self._begin(cue, resumed))
        self.spawn(self.watch.run())
        try:
            return await self._over
        finally:
            await self._clean_up()

    async def _begin(self, cue: Cue | None, resumed: bool) -> None:
        self._hear_on()
        if self.settings.consent_message and not resumed:
            self.speaking.say(self.settings.consent_message, interruptible=False, ended=self.remembered)
        if await self._mouths.open() is None:
            self.end("error")
            return
        self.speaking.can_speak()
        self.spawn(self.speaking.prepare(self._at_hand()))
        if cue == "opened" and self.settings.opening_delay_seconds:
            self.to_open = True
            await asyncio.sleep(self.settings.opening_delay_seconds)
            if not self.hearing.under_way:
                self._open()
        elif cue is not None:
            self.answers.ask(cue)
        self.show()

    def _open(self) -> None:
        """The agent's first words, if they are still to come."""
        if self.to_open:
            self.to_open = False
            self.answers.ask("opened")

    def _at_hand(self) -> list[str]:
        """What must come at once when it is wanted."""
        settings = self.settings
        signs = settings.backchannel_words if settings.backchannel_enabled else []
        return [*settings.filler_messages, settings.apology_message, *signs]

    async def _clean_up(self) -> None:
        heard_until = self.speaking.position()
        await self._cancel([task for task in self._tasks if task is not self._hears])
        self.record()
        await self.speaking.aclose(heard_until)
        gone_at = self.now
        await self.hearing.hear_out(wait=self.reason == "customer_hangup")  # else the line waits to be hung up
        self.overtime_seconds = self.now - gone_at
        await self._cancel(list(self._tasks))
        for chain in self._opened:
            await chain.close()

    async def _cancel(self, tasks: Collection[asyncio.Task[Any]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run it as long as the call; its failure is logged and ends nothing else."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a part of a call failed", exc_info=error)

    def end(self, reason: str) -> None:
        """The call is over."""
        if not self._over.done():
            self._over.set_result(reason)

    @property
    def reply(self) -> Reply | None:
        """The answer under way."""
        return self.answers.reply

    @property
    def ears(self) -> OpenEars | None:
        return self._ears.engine

    @property
    def over(self) -> bool:
        return self._over.done()

    @property
    def reason(self) -> str:
        """Why it is over; nothing while it goes on."""
        return self._over.result() if self._over.done() else ""

    @property
    def now(self) -> float:
        return self._time()

    # hearing

    async def _listen(self) -> None:
        why = "error"
        try:
            async for sound in self.line.audio():
                if isinstance(sound, Pressed):
                    self.pressed(sound.digit)
                    continue
                if self.lanes is not None:
                    self.lanes.customer(sound.audio, sound.at_ms, self.now)
                if not self.deaf:
                    self.hearing.feed(sound.audio)
                if self.room is not None:
                    self.room.customer(sound.audio)
            why = "customer_hangup"
        finally:  # a call that nobody listens to must not stay open
            self.end(why)

    def _hear_on(self) -> None:
        self._hears = self.spawn(self._hear())

    async def _hear(self) -> None:
        """Take what the ears say; when they fail, the next ones hear on."""
        if self._ears.engine is None and await self._ears.open() is None:
            await self._no_ears()
        while (opened := self._ears.engine) is not None:
            self.hearing.use(opened)
            why = "stopped listening"
            try:
                async for heard in opened.ears.heard():
                    self.hearing.take(heard)
            except EngineFailed as error:
                why = str(error)
            except Exception as error:
                log.exception("a transcriber broke")
                why = f"broke: {error}"
            if opened is not self._ears.engine:
                return  # they were replaced, and who replaced them listens to the next ones
            self.hearing.use(None)
            if self.over:
                return
            if await self._ears.next(why) is None:
                await self._no_ears()

    async def _no_ears(self) -> None:
        self.journal.happened("call.deaf")
        self.watch.apologise()

    def pressed(self, digit: str) -> None:
        """A key of the person's phone."""
        self.journal.happened("call.digit", digit=digit)
        self.last_customer_at = self.now
        self.watch.digit(digit)

    # what the hearing tells

    def speech_goes_on(self, spoken_ms: float, text: str) -> None:
        if self.noisy and not text:
            return
        self.last_customer_at = self.now
        said = self.speaking.current
        if said is None or self.speaking.held or not said.interruptible:
            return
        if not said.utterance.begun_at and not self.speaking.sounding:
            return
        if self.turns.interrupts(spoken_ms, text):
            self._interrupted_at = self.now
            self.spawn(self._interrupt())

    async def _interrupt(self) -> None:
        if self.speaking.held or self.speaking.stopping:
            return
        said = await self.speaking.hold()
        self.record()
        if said is None:
            return
        self.show()
        if self.hearing.text and not self.turns.acknowledges(self.hearing.text):
            self._confirm()
        else:
            self.watch.doubt()

    def _confirm(self) -> None:
        """It was an interruption: words came."""
        if not self.speaking.held:
            return
        self.journal.happened("call.interrupted", at_ms=self.speaking.ms(self._interrupted_at))
        self.answers.interrupted()
        self.speaking.drop()

    def words(self, text: str, final: bool) -> None:
        self.last_customer_at = self.now
        if self.noisy:
            self.noisy = False
            self.answers.goes_on()
        self.line.tell({"type": "caption", "role": "customer", "text": text, "final": False})
        self.journal.happened("caption", role="customer", text=text)
        if self.speaking.held and text and not self.turns.acknowledges(text):
            self._confirm()

    def likely_over(self, text: str) -> None:
        if not self.to_open:
            self.answers.likely_over(text)

    def goes_on(self) -> None:
        if not self.noisy:
            self.answers.goes_on()
        self.show()

    def turn_over(self, turn: CustomerTurn) -> None:
        self.last_customer_at = max(self.last_customer_at, turn.ended_at)
        self._misses = 0
        acknowledged = self.speaking.busy and not self.speaking.held and self.turns.acknowledges(turn.text)
        self._confirm()
        self.line.tell({"type": "caption", "role": "customer", "text": turn.text, "final": True})
        ms = self.speaking.ms
        self.journal.customer_said(turn.text, ms(turn.began_at), ms(turn.ended_at), turn.timing(), turn.keys)
        if acknowledged or not self.answers.allowed or self.to_open:
            self.mind.remember("customer", turn.text)
            self.answers.drop_eager()
            self._open()
            return
        self.answers.turn_over(turn)
        self.watch.turn_over()
        self.show()

    def not_understood(self, deaf: bool) -> None:
        if self.speaking.held:
            return  # the doubt about an interruption resolves itself
        self.answers.drop_eager()
        if self.to_open:
            self._open()
            return
        self._misses += 1
        if (deaf or self._misses >= MOST_MISSES) and (opened := self._ears.engine) is not None:
            self._misses = 0
            self.spawn(self._replace_ears(opened))
        if self.answers.allowed and not self.speaking.busy and self.reply is None and not self.answers.again():
            self.watch.ask_again()

    def nothing(self) -> None:
        self._open()
        self.answers.drop_eager()
        self.answers.again()

    async def _replace_ears(self, deaf: OpenEars) -> None:
        if self._ears.engine is not deaf:
            return
        self.hearing.use(None)
        if await self._ears.next("heard nothing of what was said") is None:
            await self._no_ears()
        else:
            self._hear_on()

    def remembered(self, said: Said, heard: str) -> None:
        if heard and not said.filler:
            self.mind.remember(said.utterance.author, heard)
        if said.utterance.begun_at:
            caption = {"role": said.utterance.author, "text": heard, "unheard": said.utterance.rest, "final": True}
            self.line.tell({"type": "caption", **caption, "number": said.utterance.number})

    def give_up(self) -> None:
        """Whatever is being thought of or said is not wanted any more."""
        self.answers.forget()
        self.speaking.forget()

    def way_out(self) -> None:
        """There was no answer: somebody else must go on."""
        self.decide(HandToHuman("The agent could not answer on the phone; the call's events say why."))

    def typed(self, digits: str, began_at: float) -> None:
        """Keys count as said."""
        now = self.now
        self.turn_over(CustomerTurn(digits, began_at, now, now, now, keys=True))

    # colleagues

    def hand_to(
        self, settings: Call, language: str, ears: Chain[OpenEars], mouths: Chain[OpenMouth]
    ) -> None:  # fmt: skip
        """Another member of the team talks from now on: their voice, their ears, their patience.

        What is being said is finished by the voice that began it. How speech is told from noise stays as it was.
        """
        self.settings = settings
        self.turns.use(settings.turn_taking, language)
        self.watch.use(settings)
        self._opened += [ears, mouths]
        former, self._mouths = self._mouths, mouths
        self.speaking.use(mouths)
        self.spawn(self._speak_with(mouths, former))
        self.spawn(self._listen_with(ears))

    async def _speak_with(self, mouths: Chain[OpenMouth], former: Chain[OpenMouth]) -> None:
        await mouths.open()
        self.speaking.can_speak()  # or notice that there is no voice left
        await self.speaking.prepare(self._at_hand())
        await self.speaking.done_with(former)
        await former.close()

    async def _listen_with(self, ears: Chain[OpenEars]) -> None:
        """Hear with these as soon as nobody is in the midst of a sentence; if none opens, with those there are."""
        if await ears.open() is None:
            return
        while self.hearing.under_way:  # noqa: ASYNC110 - the hearing knows nothing of us
            await asyncio.sleep(SETTLED_SECONDS)
        if self._opened[-2] is not ears:  # handed over once more meanwhile
            await ears.close()
            return
        former, self._ears = self._ears, ears
        self._hear_on()
        await former.close()

    # silence and people

    async def be_silent(self, silent: bool) -> None:
        """The agent hears and says nothing; or it goes on."""
        if silent == self.silent:
            return
        self.silent = silent
        if silent:
            self.answers.stop()
            await self.speaking.silence()
            self.record()
        else:
            self.last_customer_at = self.now  # their silence counts from here: it was not ours to break
        self.show()

    async def hush(self) -> None:
        """Think and say nothing more; what is being said is finished."""
        self.silent = True
        self.answers.stop()
        self.show()

    def say(self, text: str, author: str = "agent") -> None:
        """Say this, behind what is being said."""
        said = self.speaking.begin(author=author, ended=self.remembered)
        said.waiting.extend(sentences(text))
        self.speaking.close(said)

    async def sound(self, audio: bytes) -> None:
        """Let the customer hear this, which is no speech."""
        self.ledger.give(audio)
        await self.line.play(audio)

    def leave_message(self, text: str) -> None:
        """Say this to a machine, then hang up."""
        if not text:
            self.end("voicemail")
            return
        said = self.speaking.begin(interruptible=False, ended=lambda said, heard: self.end("voicemail"))
        said.waiting.extend(sentences(text))
        self.speaking.close(said)

    # looking after it

    def record(self) -> None:
        """Keep what has been played since the last time."""
        if audio := self.ledger.take_played(self.line.played()):
            if self.lanes is not None:
                self.lanes.others(audio, self.now)
            if self.room is not None:
                self.room.others(audio)

    def state(self) -> str:
        """`speaking`, `thinking`, `listening` or `idle`."""
        if self.speaking.sounding:
            return "speaking"
        if self.reply is not None:
            return "thinking"
        return "listening" if self.hearing.under_way else "idle"

    def show(self) -> None:
        """Tell the person's screen, and whoever watches, what we are doing."""
        state = self.state()
        if state != self._state:
            self._state = state
            self.line.tell({"type": "state", "state": state})
            self.journal.happened("state", state=state)
