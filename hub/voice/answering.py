"""Answering: one thought at a time, thrown away without a trace until its first sound, kept from then on."""

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hub.dialogue.turn import (
    Collected,
    Cue,
    EnterStage,
    Failure,
    Finish,
    HandOver,
    HandToHuman,
    Piece,
    Press,
    Say,
    SetParameters,
    Transfer,
    UsedTool,
)  # fmt: skip
from hub.voice.hearing import CustomerTurn
from hub.voice.mind import Thought
from hub.voice.speaking import Said
from hub.voice.turns import sentences

if TYPE_CHECKING:
    from hub.voice.converse import Conversation

log = logging.getLogger("hub.voice")

Acts = UsedTool | EnterStage | Collected | SetParameters
Last = Finish | HandToHuman | HandOver | Transfer


@dataclass(slots=True)
class Reply:
    """One answer under way. Until its first sound it may be thrown away without a trace.

    `after` is the answer before it, where that is still being said and was not to be interrupted; `behind` what a
    colleague is still saying who handed the customer over.
    """

    cue: Cue
    said: str
    sure: asyncio.Event
    asked_at: float
    ended_at: float
    timing: dict[str, Any]
    thought: Thought
    kept: bool = False
    first_piece_at: float = 0.0
    spoken: Said | None = None
    words: list[str] = field(default_factory=list)
    acts: list[Acts] = field(default_factory=list)
    keys: list[Press] = field(default_factory=list)
    last: Last | None = None
    failure: Failure | None = None
    task: "asyncio.Task[None] | None" = None
    after: "Reply | None" = None
    behind: Said | None = None

    @property
    def waits(self) -> bool:
        """Whether the one before it is still being said."""
        return self.after is not None and self.after.task is not None and not self.after.task.done()


class Answers:
    """The agent's answers in one call."""

    def __init__(self, call: "Conversation") -> None:
        self._call = call
        self.reply: Reply | None = None
        self._unanswered: list[str] = []

    @property
    def allowed(self) -> bool:
        """Whether the agent may say anything now."""
        return not (self._call.silent or self._call.over)

    # what the loop tells

    def likely_over(self, text: str) -> None:
        """They have probably finished: think already."""
        if self._call.settings.turn_taking.eager_turn_enabled and self.allowed and self.reply is None:
            said = "\n".join([*self._unanswered, text])
            self.reply = self._think("message", said, self._call.now, {}, sure=False)

    def goes_on(self) -> None:
        """They go on: what was thought of and has not sounded is not wanted."""
        reply = self.reply
        if reply is not None and not reply.kept and reply.cue == "message" and not _sounds(reply):
            self._put_aside()

    def turn_over(self, turn: CustomerTurn) -> None:
        """They have finished: answer, with what was thought of early if it is for the same words."""
        self._unanswered.append(turn.text)
        said = "\n".join(self._unanswered)
        eager = self.reply
        if eager is not None and not eager.sure.is_set() and eager.said == said:
            eager.ended_at, eager.timing, eager.asked_at = turn.ended_at, turn.timing(), turn.over_at
            eager.sure.set()
        else:
            before = self._put_aside()
            self.reply = self._think("message", said, turn.ended_at, turn.timing(), after=before)

    def again(self) -> bool:
        """What made us stop thinking was no words: what they asked before is still to be answered, if anything is."""
        if self._unanswered and self.reply is None and self.allowed:
            self.reply = self._think("message", "\n".join(self._unanswered), self._call.now, {})
            self._call.watch.turn_over()
            return True
        return False

    def interrupted(self) -> None:
        """They talk over what is being said."""
        if self.reply is not None and (self.reply.kept or self.reply.waits):
            self.stop()

    def forget(self) -> None:
        """Nothing that was said is answered any more."""
        self.stop()
        self._unanswered.clear()

    def told(self, text: str) -> None:
        """They wrote something meanwhile: answer it, behind what is being said."""
        self._unanswered.append(text)
        before = self._put_aside()
        self.reply = self._think("told", "\n".join(self._unanswered), self._call.now, {}, after=before)
        if before is None:
            self._call.watch.turn_over()

    # thinking

    def drop_eager(self) -> None:
        """What was thought of too early is not wanted."""
        if self.reply is not None and not self.reply.sure.is_set():
            self.stop()

    def ask(self, cue: Cue) -> None:
        """Let the agent speak because of something other than the customer's words."""
        if self.allowed and self.reply is None:
            self.reply = self._think(cue, "\n".join(self._unanswered), self._call.now, {})
            self._call.watch.turn_over()

    def _think(
        self, cue: Cue, said: str, ended_at: float, timing: dict[str, Any], sure: bool = True,
        after: Reply | None = None,
    ) -> Reply:  # fmt: skip
        event = asyncio.Event()
        if sure:
            event.set()
        reply = Reply(cue, said, event, self._call.now, ended_at, timing, self._call.mind.think(said, cue, event))
        reply.after = after
        reply.task = self._call.spawn(self._reply(reply))
        return reply

    def think_again(self) -> None:
        """The engine of thought does not answer: ask the next one."""
        reply = self.reply
        if reply is None or reply.kept:
            return
        slow = self._call.mind.name
        if not self._call.mind.another():
            return
        self._call.journal.happened(
            "engine.failed", kind="mind", engine=slow, fault="slow", why="it did not answer in time"
        )  # fmt: skip
        self.stop()
        self.reply = self._think(reply.cue, reply.said, reply.ended_at, reply.timing)

    def _put_aside(self) -> Reply | None:
        """Think no further of what has not sounded; gives the answer before it, which is still being said."""
        reply = self.reply
        if reply is None or reply.kept:
            return reply
        before, reply.after = (reply.after if reply.waits else None), None
        self.stop()
        self.reply = before
        return before

    def stop(self) -> None:
        """Think no further; what has sounded stays said."""
        reply, self.reply = self.reply, None
        if reply is not None:
            self._cancel(reply)

    def _cancel(self, reply: Reply) -> None:
        if reply.after is not None:
            self._cancel(reply.after)
        if reply.task is not None:
            reply.task.cancel()
        if reply.spoken is not None:
            reply.spoken.open = False
            if not _sounds(reply):
                reply.spoken.waiting.clear()

    async def _reply(self, reply: Reply) -> None:
        try:
            if reply.after is not None and reply.after.task is not None:
                await asyncio.wait([reply.after.task])
                reply.after = None
                self._call.watch.turn_over()
            async with contextlib.aclosing(reply.thought.pieces()) as pieces:  # type: ignore[type-var]
                async for piece in pieces:
                    await self._take(reply, piece)
            await reply.sure.wait()
            await self._finish(reply)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            if reply.failure is None:
                log.warning("an engine of thought failed: %s", error)
                self._call.journal.happened("engine.failed", kind="mind", why=str(error)[:300])
            self._failed(reply)
        finally:
            if self.reply is reply:
                self.reply = None
                self._call.show()

    async def _take(self, reply: Reply, piece: Piece) -> None:
        if not reply.first_piece_at and not isinstance(piece, Failure):
            reply.first_piece_at = self._call.now
        match piece:
            case Say():
                await reply.sure.wait()
                reply.words.append(piece.text)
                for sentence in sentences(piece.text):
                    if reply.spoken is None:
                        reply.spoken = self._call.speaking.begin(
                            begun=lambda said: self._first_sound(reply, said),
                            ended=self._call.remembered,
                            interruptible=reply.cue != "opened" or self._call.settings.opening_interruptible,
                        )
                    await self._call.speaking.add(reply.spoken, sentence)
            case Finish() | HandToHuman() | HandOver() | Transfer():
                reply.last = piece
            case Press():
                reply.keys.append(piece)
            case Failure():
                reply.failure = piece
                told = {"engine": piece.engine, "vendor": piece.vendor, "fault": piece.fault, "why": piece.why[:300]}
                self._call.journal.happened("engine.failed", kind="mind", **told)
            case UsedTool() | EnterStage() | Collected() | SetParameters():
                reply.acts.append(piece)
                if reply.kept:
                    self._keep(reply)

    def _first_sound(self, reply: Reply, said: Said) -> None:
        """The first sound of an answer is on its way: it has happened."""
        now = self._call.now
        reply.timing |= {
            "model_ms": max(round((reply.first_piece_at - reply.asked_at) * 1000), 0),
            "voice_ms": round((said.first_chunk_at - max(said.first_request_at, reply.asked_at)) * 1000),
        }
        if reply.behind is None:  # else nobody waited for it
            reply.timing["response_ms"] = round((now - reply.ended_at) * 1000)
        said.timing = reply.timing
        self._call.line.tell({"type": "latency", **reply.timing})
        self._keep(reply)
        self._call.show()

    def _keep(self, reply: Reply) -> None:
        if not reply.kept:
            reply.kept = True
            reply.thought.keep()
            if reply.said and reply.cue != "handed_over":  # else it was when the colleague dealt with it
                self._call.mind.remember("customer", reply.said)
                self._unanswered.clear()
        acts, reply.acts = reply.acts, []
        for act in acts:
            self._call.decide(act)

    async def _finish(self, reply: Reply) -> None:
        """All is thought of; say it to the end, then do what it ends with."""
        if reply.spoken is not None:
            self._call.speaking.close(reply.spoken)
        elif reply.last is None:
            self._keep(reply)
            for keys in reply.keys:
                self._call.decide(keys)
            if reply.cue == "message" and not (reply.words or reply.keys):
                self._call.watch.ask_again()
            return
        self._keep(reply)
        if isinstance(reply.last, HandOver):
            if reply.spoken is not None:
                await reply.spoken.sounded.wait()
            self._hand_over(reply, reply.last)
            return
        self._expect(reply)
        if reply.spoken is not None:
            await reply.spoken.over.wait()
            if reply.spoken.utterance.cut and isinstance(reply.last, Finish):
                return  # they had something to add
        for keys in reply.keys:
            self._call.decide(keys)
        if reply.last is not None:
            self._call.decide(reply.last)
            if isinstance(reply.last, Finish):
                self._call.end(reply.last.reason)

    def _hand_over(self, reply: Reply, over: HandOver) -> None:
        """A colleague thinks from now on, and begins while the words that announce them are still being said."""
        call = self._call
        call.decide(over)
        cue: Cue = "handed_over"
        timing = {} if reply.spoken is not None else reply.timing
        said = "" if over.answered else reply.said
        self.reply = self._think(cue, said, reply.ended_at, timing)
        self.reply.behind = reply.spoken
        call.watch.turn_over()

    def _expect(self, reply: Reply) -> None:
        """Tell the ears what was said and offered: it is what the customer will speak about."""
        if reply.spoken is not None and (opened := self._call.ears) is not None:
            opened.ears.expect([" ".join(reply.words), *self._call.mind.offered()])

    def _failed(self, reply: Reply) -> None:
        if reply.spoken is not None:
            self._call.speaking.close(reply.spoken)
        if reply.kept:
            return
        if self._call.mind.another():
            self.reply = self._think(reply.cue, reply.said, reply.ended_at, reply.timing)
        else:
            self._call.watch.apologise()


def _sounds(reply: Reply) -> bool:
    return reply.spoken is not None and bool(reply.spoken.utterance.begun_at)
