"""One live interaction on the node that holds it: the loop, what is written down, what it is asked to do."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from hub import ownership
from hub.channel import Line, Undeliverable
from hub.core.context import Context
from hub.core.known import HISTORY
from hub.core.live.decided import carry_out
from hub.core.live.engines import Engines
from hub.core.live.lost import COMES_BACK_WITHIN, TRANSFER_LASTS
from hub.core.live.mind import LiveMind, Memory, remembered
from hub.core.live.obey import obey
from hub.core.live.people import People
from hub.core.live.taping import Tape, since
from hub.core.live.warm import Warm
from hub.core.live.writer import Writer
from hub.core.switching import SWITCHED, mode_of
from hub.core.whose import Part, Whose, vendor_of
from hub.core.write import finish
from hub.dialogue.team import colleagues
from hub.dialogue.template import filled_in
from hub.dialogue.turn import Cue, Entry, Piece
from hub.feed import TICK_SECONDS
from hub.models import Interaction
from hub.models.interaction import FINAL
from hub.models.voice import Call
from hub.store import calls, interactions
from hub.voice.chain import Chain
from hub.voice.converse import Conversation
from hub.voice.hearing import OpenEars
from hub.voice.hold import hold_sound
from hub.voice.mind import Mind
from hub.voice.speech import Format
from hub.voice.synthesis import OpenMouth

log = logging.getLogger("hub.live")

HOLD_SECONDS = 20.0
MOVED = "moved"
ENDED_WITHIN_SECONDS = 2.0


class LiveCall:
    """Everything of one live interaction; `run` lasts as long as its line."""

    def __init__(
        self, hub: Context, interaction: Interaction, line: Line, memory: Memory, resumed: bool,
        mind: Mind | None = None,
    ) -> None:  # fmt: skip
        """`mind` thinks in place of the agent."""
        self.hub, self.line = hub, line
        self.id, self.workspace_id, self.external_id = interaction.id, interaction.workspace_id, interaction.external_id
        self._connected_seq = interaction.last_seq
        self.settings = Call(**filled_in(interaction.agent.get("call", {}), memory.values))
        self.resumed = resumed
        self.owner = interaction.owner
        self.operator_id = interaction.operator_id
        self.paused = interaction.status == "paused"
        self.agent_name = str(interaction.agent.get("name", ""))
        self.writer = Writer(hub, interaction.id, self.agent_name)
        self.mind = LiveMind(hub, memory, self.writer.state, self.writer.meter)
        self.whispered: list[Entry] = []
        self.obeyed: dict[UUID, str] = {}
        self.fenced = self.transferring = self._ended = False
        self.warm: Warm | None = None
        self.unwritten: set[object] = set()
        self.format = Format(line.codec, line.rate)
        self.tape = Tape(hub, interaction, self.format) if self.settings.record else None
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._fault = ""
        language = str(interaction.agent.get("language", "en-US"))
        self.engines = self.engines_of(memory)
        ears, mouths = self.chains()
        self.people = People(self)
        self.conversation = Conversation(
            line,
            settings=self.settings,
            language=language,
            mind=mind or self.mind,
            ears=ears,
            mouths=mouths,
            journal=self.writer,
            lanes=self.tape,
            decide=self._decide,
            from_ms=since(interaction.answered_at, hub.clock.now()),
        )

    def engines_of(self, memory: Memory) -> Engines:
        self.whose = Whose(self.hub.accounts, self.workspace_id, memory.agent)
        topics = [*memory.topics, *(phrase for one in colleagues(memory.team, memory.member) for phrase in one.phrases)]
        return Engines(
            self.settings, memory.agent, self.format, topics, self.whose, memory.accounts, self.writer.meter
        )  # fmt: skip

    def chains(self) -> tuple[Chain[OpenEars], Chain[OpenMouth]]:
        """Their ears and their voice, not opened yet."""
        engines, failed, whose = self.engines, self._engine_failed, self.whose
        ears = Chain("ears", engines.ears_names, engines.ears, partial(failed, "ears"), whose.breaker("ears"))
        mouths = Chain("mouth", engines.mouth_names, engines.mouth, partial(failed, "mouth"), whose.breaker("mouth"))
        return ears, mouths

    def _engine_failed(self, part: Part, name: str, why: str) -> None:
        vendor = vendor_of(part, name) or ""
        why = self.whose.failed(part, vendor, why)
        log.warning("call %s: engine %s %s", self.id, name, why)
        self.writer.happened("engine.failed", kind=part, engine=name, vendor=vendor, why=why[:300])

    def _decide(self, piece: Piece) -> None:
        """The agent has decided this."""
        carry_out(self, piece)

    # the call

    async def run(self, cue: Cue | None) -> None:
        """Talk until it is over, then write down how it ended."""
        writing = asyncio.create_task(self.writer.run())
        taping = asyncio.create_task(self.tape.run()) if self.tape is not None else None
        obeying = asyncio.create_task(self._obey_always())
        reason = "error"
        try:
            if self.owner != "ai" or self.paused:
                self.conversation.silent = True
                cue = None
            if self.owner == "queue":
                self.conversation.spawn(self.hold())
            if self.owner == "operator":
                self.conversation.spawn(self.people.while_operator_is_there())
            await self.engines.load()
            reason = await self.conversation.run(cue, self.resumed)
        except Exception:
            log.exception("the call of interaction %s failed", self.id)
            self._fault = "The call broke off because of a fault of ours; see the server's log."
        finally:
            self.over.set_result(None)
            self.hub.store.bus.publish([(f"call:{self.id}", "over")])
            if self.warm is not None:
                self.warm.customer_left(comes_back=self._broken(reason))
            self.writer.used()
            self._end(reason)
            self.writer.close()
            with contextlib.suppress(TimeoutError):  # the carrier is told after the database, if that is not down
                async with asyncio.timeout(ENDED_WITHIN_SECONDS):
                    await asyncio.shield(writing)
            await self.line.hangup()
            if not self.ended:
                self._let_go()
            if self.tape is not None:
                try:
                    await self.tape.close(taping, self.conversation.overtime_seconds)
                except Exception:  # the sweep finishes its row
                    log.exception("the recording of call %s could not be finished", self.id)
            await asyncio.gather(writing, obeying, return_exceptions=True)
            self._let_go()

    def _let_go(self) -> None:
        """It is held no longer. One that has ended is known until that is written down, lest it come back."""
        if self.hub.calls.get(self.id) is self:
            del self.hub.calls[self.id]

    @property
    def ended(self) -> bool:
        """The call, and not only its line: that is written down, or about to be when its last words are understood."""
        return self._ended or self._for_good(self.conversation.reason)

    def _for_good(self, reason: str) -> bool:
        return bool(reason) and not (self.fenced or self._away(reason) or self._broken(reason))

    def _away(self, reason: str) -> bool:
        """Connected with another number, by the carrier."""
        return self.transferring and reason == "customer_hangup"

    def _broken(self, reason: str) -> bool:
        return reason == MOVED or (reason == "customer_hangup" and self.line.broken)

    def _end(self, reason: str) -> None:
        """How it ended. A line that merely broke may come back; another node or stream may have it already."""
        broken = self._broken(reason)
        if self.fenced:
            return
        self._ended = self._for_good(reason)
        now = self.hub.clock.now() - timedelta(seconds=self.conversation.overtime_seconds)

        async def entry(db: Any, interaction: Interaction) -> None:
            if self.ended:
                await calls.refuse_open(
                    db, self.id, "The call ended before this could be done.", now, but=list(self.obeyed)
                )
            if interaction.status in FINAL or interaction.node != self.hub.node:
                return
            if not self.ended:
                last = await interactions.last_event(db, self.id, "call.connected")
                if last is not None and last.seq > self._connected_seq:  # its next line is here already
                    return
            if self._away(reason):  # the carrier tells how that ended
                interaction.status, interaction.node, interaction.idle_at = "ending", "", now + TRANSFER_LASTS
                return
            if broken:
                ours = {"node": self.hub.node} if reason == MOVED else {}
                interactions.log(db, interaction, "call.lost", now, **ours)
                interaction.node, interaction.idle_at = "", now + COMES_BACK_WITHIN
                return
            if self._fault:
                interaction.failure_reason = self._fault
            status = {"error": "failed", "voicemail": "voicemail"}.get(reason, "completed")
            finish(db, interaction, status, reason, now)

        self.writer.put(entry)

    async def _obey_always(self) -> None:
        """Do what is asked of this call, whoever asked and wherever."""
        async with self.hub.store.bus.subscribe(f"call:{self.id}") as hints:
            while not self.over.done():
                try:
                    await self._look()
                except Exception:
                    log.exception("commands of call %s could not be read", self.id)
                await hints.wait(TICK_SECONDS)

    async def _look(self) -> None:
        async with self.hub.store.glance() as db:
            interaction = await db.get(Interaction, self.id)
            asked = await calls.open_commands(db, self.id)
        if interaction is None:
            return
        if interaction.node not in ("", self.hub.node):
            self.fence()
            return
        if interaction.ended_at is not None:
            self.conversation.end(interaction.ended_reason or "api_hangup")
            return
        if mode_of(interaction.agent) != mode_of(self.mind.memory.agent):
            self.mind.use({**self.mind.memory.agent, **{key: interaction.agent[key] for key in SWITCHED}})
        changed = (interaction.owner, interaction.operator_id) != (self.owner, self.operator_id)
        if changed and not self.unwritten:
            await self._owner_changed(interaction)
        for one in asked:
            await asyncio.shield(self.hub.spawn(obey(self, one)))  # a transfer ends the line, and us, before it is done

    async def transfer(self, to: str) -> None:
        """Let the carrier connect them with this number: the line ends, and is made anew when nobody takes the call.

        Raises `Undeliverable`.
        """
        self._must_not_transfer()
        self.transferring = True
        try:
            await self.line.transfer(to)
        except Exception:
            self.transferring = False
            raise
        finally:
            if self.transferring:
                self.writer.happened("call.transferring", to=to)

    async def transfer_warm(
        self, to: str, briefing: str = "", *, by: str, leg_id: UUID | None = None, by_agent: bool = False
    ) -> None:
        """Call and brief a colleague, who takes the customer or not; see `hub.core.live.warm`.

        Raises `Undeliverable` where it cannot begin.
        """
        self._must_not_transfer()
        warm = self.warm = Warm(self, to, briefing, leg_id=leg_id, by_agent=by_agent)
        try:
            await warm.begin(by)
        except BaseException:
            self.warm = None
            raise
        self.show_standing()

    def _must_not_transfer(self) -> None:
        if self.warm is not None or self.transferring:
            raise Undeliverable("A transfer of this call is under way already.")

    async def let_wait(self) -> None:
        """Tell the customer that somebody is being called, and let them hold; a colleague who has them goes on."""
        if self.on_hold:
            await self.conversation.hush()
            if self.settings.transfer_message:
                self.conversation.say(self.settings.transfer_message)
            if self.owner != "queue":  # else they hold already
                await self.hold()

    async def machine(self, greeting_over: bool) -> None:
        """An answering machine took the call."""
        await self.conversation.be_silent(True)
        if greeting_over:
            self.conversation.leave_message(self.settings.voicemail_message)

    def fence(self) -> None:
        """Somebody else has this call now; nothing of it is ours any more."""
        self.fenced = True
        self.conversation.end("fenced")

    def leave(self) -> None:
        """This process stops: the carrier asks again, and whoever answers takes the call up where it is."""
        self.conversation.end(MOVED)

    async def _owner_changed(self, interaction: Interaction) -> None:
        waited = self.on_hold
        self.owner, self.operator_id = interaction.owner, interaction.operator_id
        silent = self.owner != "ai"
        if self.warm is not None:
            self.warm.dismiss()
        self.show_standing()
        if waited:  # whoever has them now is heard at once, not behind the music
            await self.conversation.speaking.silence()
        if self.conversation.room is not None:
            self.conversation.room.speaker(str(self.operator_id) if self.owner == "operator" else None)
        await self.conversation.be_silent(silent or self.paused)
        if self.owner == "queue":
            self.conversation.spawn(self.hold())
        if self.owner == "operator":
            self.conversation.spawn(self.people.while_operator_is_there())
        if not silent:
            await self.remember_what_was_said()
        if not silent and not self.paused:
            self.conversation.answers.ask("handed_back")

    async def remember_what_was_said(self) -> None:
        """The agent goes on knowing what was said while it was silent."""
        async with self.hub.store.glance() as db:
            said = await interactions.messages(db, self.workspace_id, self.id, limit=HISTORY)
        self.mind.memory.history = [*remembered(said), *self.whispered]

    def keep(self, on: bool) -> None:
        """Keep what is said from now on, or nothing of it: no sound, no words, no keys."""
        now = self.conversation.now
        at_ms = self.conversation.speaking.ms(now)
        if self.tape is None:
            return
        if on:
            self.tape.resume(now)
            self.writer.withheld.end(at_ms)
        else:
            self.tape.pause(now)
            self.writer.withheld.begin(at_ms)

    # operators

    @property
    def waits(self) -> bool:
        """Whether the agent is to be silent."""
        return self.owner != "ai" or self.paused or self.warm is not None

    @property
    def on_hold(self) -> bool:
        """Whether the customer waits for somebody."""
        called = self.warm is not None and self.warm.connecting
        return self.owner == "queue" or (called and self.owner == "ai")

    def give_to(self, number: str) -> None:
        """Who was called at this number has the customer."""
        self._pass("operator", lambda db, it: ownership.give_to(db, it, number, self.hub.clock.now()))

    def take_back(self, number: str) -> None:
        """The agent has them again."""
        self._pass("ai", lambda db, it: ownership.take_back(db, it, number, self.hub.clock.now()))

    def _pass(self, owner: str, change: Callable[[AsyncSession, Interaction], None]) -> None:
        """Somebody else has the customer, unless a colleague was quicker; so here at once, and written down."""
        before, this = (self.owner, self.operator_id), object()
        self.owner, self.operator_id = owner, None
        self.unwritten.add(this)  # until it is, what is written says otherwise

        def entry(db: AsyncSession, interaction: Interaction) -> None:
            self.unwritten.discard(this)
            if (interaction.owner, interaction.operator_id) == before:
                change(db, interaction)

        self.writer.put(entry)
        self.show_standing()

    def standing(self) -> dict[str, Any]:
        """Who has the call, and what of it is held."""
        recording = "off" if self.tape is None else "paused" if self.tape.paused else "on"
        operator = str(self.operator_id or "") if self.owner == "operator" else ""
        calling = self.warm.to if self.warm is not None and self.warm.connecting else ""
        given_to = self.warm.to if self.warm is not None and self.warm.joined else ""
        return {
            "owner": self.owner, "operator_id": operator, "paused": self.paused, "recording": recording,
            "calling": calling, "given_to": given_to,
        }  # fmt: skip

    def show_standing(self) -> None:
        self.writer.happened("standing", **self.standing())

    async def hold(self) -> None:
        """Let them hear that the line is alive, and tell them now and then that somebody will come."""
        conversation, told_at = self.conversation, self.conversation.now
        while self.on_hold and not conversation.over:
            if conversation.speaking.busy or conversation.speaking.sounding:
                await asyncio.sleep(0.2)
            elif conversation.now - told_at >= HOLD_SECONDS and self.settings.hold_message:
                told_at = conversation.now
                conversation.say(self.settings.hold_message, "agent")
            else:
                await conversation.sound(hold_sound(self.format))
                await asyncio.sleep(0.5)
