"""One live interaction on the node that holds it: the loop, what is written down, what it is asked to do."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from hub.channel import Line, Undeliverable
from hub.core.context import Context
from hub.core.live.lost import COMES_BACK_WITHIN
from hub.core.live.mind import LiveMind, Memory
from hub.core.live.taping import Tape
from hub.core.live.writer import Writer
from hub.core.write import finish
from hub.dialogue.turn import Cue, Entry, HandToHuman, Piece
from hub.engines import TRANSCRIBERS, VOICES, transcriber, voice
from hub.feed import TICK_SECONDS
from hub.models import Command, Interaction, User
from hub.models.interaction import FINAL
from hub.models.voice import Call
from hub.store import calls, interactions, people
from hub.voice.chain import Chain
from hub.voice.codecs import Converter
from hub.voice.converse import Conversation
from hub.voice.hearing import CustomerTurn, Hearing, OpenEars
from hub.voice.hold import hold_sound
from hub.voice.room import Room
from hub.voice.speech import EngineFailed, Format, Hints
from hub.voice.synthesis import OpenMouth

log = logging.getLogger("hub.live")

LAST_RESORT = {"ears": "sphinx", "mouth": "espeak"}
HOLD_SECONDS = 20.0
MOVED = "moved"
ENDED_WITHIN_SECONDS = 2.0
HISTORY = 60


class LiveCall:
    """Everything of one live interaction; `run` lasts as long as its line."""

    def __init__(self, hub: Context, interaction: Interaction, line: Line, memory: Memory, resumed: bool) -> None:
        self.hub, self.line = hub, line
        self.id, self.workspace_id, self.external_id = interaction.id, interaction.workspace_id, interaction.external_id
        self.settings = Call(**interaction.agent.get("call", {}))
        self.definition: Mapping[str, Any] = interaction.agent
        self.resumed = resumed
        self.owner = interaction.owner
        self.operator_id = interaction.operator_id
        self.paused = interaction.status == "paused"
        self.writer = Writer(hub, interaction.id, str(interaction.agent.get("name", "")))
        self.mind = LiveMind(hub, memory, self.writer.state)
        self._whispered: list[Entry] = []
        self.fenced = False
        self.format = Format(line.codec, line.rate)
        self.tape = Tape(hub, interaction, self.format) if self.settings.record else None
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._fault = ""
        language = str(interaction.agent.get("language", "en-US"))
        self._language = language
        self.conversation = Conversation(
            line,
            settings=self.settings,
            language=language,
            mind=self.mind,
            ears=Chain("ears", self._names("ears"), self._ears, self._engine_failed),
            mouths=Chain("mouth", self._names("mouth"), self._mouth, self._engine_failed),
            journal=self.writer,
            lanes=self.tape,
            decide=self._decide,
        )

    # engines

    def _names(self, kind: str) -> list[str]:
        chosen = self.settings.hearing if kind == "ears" else self.settings.speaking
        return [chosen.engine, *chosen.fallbacks, LAST_RESORT[kind]]

    async def _ears(self, name: str, given: Format | None = None) -> OpenEars:
        if name not in TRANSCRIBERS:
            raise EngineFailed(f"there is no transcriber {name!r}")
        engine, given = transcriber(name), given or self.format
        taken = given if given in engine.takes else engine.takes[0]
        hearing = self.settings.hearing
        hints = Hints(self._language, words=hearing.keywords, definition=self.definition)
        opened = await engine.open(taken, hints, hearing.options if name == hearing.engine else {})
        return OpenEars(opened, Converter(given, taken), engine.ends_turns)

    async def _mouth(self, name: str) -> OpenMouth:
        if name not in VOICES:
            raise EngineFailed(f"there is no voice engine {name!r}")
        engine = voice(name)
        made = self.format if self.format in engine.gives else engine.gives[0]
        speaking = self.settings.speaking
        own = name == speaking.engine
        options = {**(speaking.options if own else {}), "speed": speaking.speed}
        if own and speaking.voice:
            options["voice"] = speaking.voice
        return OpenMouth(await engine.open(made, self._language, options), made)

    def _engine_failed(self, name: str, why: str) -> None:
        log.warning("call %s: engine %s %s", self.id, name, why)
        self.writer.happened("engine.failed", engine=name, why=why[:300])

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
                self.conversation.spawn(self._hold())
            reason = await self.conversation.run(cue)
        except Exception:
            log.exception("the call of interaction %s failed", self.id)
            self._fault = "The call broke off because of a fault of ours; see the server's log."
        finally:
            obeying.cancel()
            self.over.set_result(None)
            self._end(reason)
            self.writer.close()
            with contextlib.suppress(TimeoutError):  # the carrier is told after the database, if that is not down
                async with asyncio.timeout(ENDED_WITHIN_SECONDS):
                    await asyncio.shield(writing)
            await self.line.hangup()
            if self.hub.calls.get(self.id) is self:
                del self.hub.calls[self.id]
            if self.tape is not None:
                await self.tape.close(taping)
            await asyncio.gather(writing, obeying, return_exceptions=True)

    def _end(self, reason: str) -> None:
        """How it ended. A line that merely broke may come back; another node or stream may have it already."""
        broken = reason == MOVED or (reason == "customer_hangup" and self.line.broken)
        if self.fenced:
            return
        now = self.hub.clock.now()

        def entry(db: Any, interaction: Interaction) -> None:
            if interaction.status in FINAL or interaction.node != self.hub.node:
                return
            if broken:
                interactions.log(db, interaction, "call.lost", now)
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
            while True:
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
        if (interaction.owner, interaction.operator_id) != (self.owner, self.operator_id):
            await self._owner_changed(interaction)
        for one in asked:
            await self._obey(one)

    def fence(self) -> None:
        """Somebody else has this call now; nothing of it is ours any more."""
        self.fenced = True
        self.conversation.end("fenced")

    def leave(self) -> None:
        """This process stops: the carrier asks again, and whoever answers takes the call up where it is."""
        self.conversation.end(MOVED)

    async def _owner_changed(self, interaction: Interaction) -> None:
        self.owner, self.operator_id = interaction.owner, interaction.operator_id
        silent = self.owner != "ai"
        self.show_standing()
        if self.conversation.room is not None:
            self.conversation.room.speaker(str(self.operator_id) if self.owner == "operator" else None)
        await self.conversation.be_silent(silent or self.paused)
        if self.owner == "queue":
            self.conversation.spawn(self._hold())
        if not silent and not self.paused:
            await self._remember_what_was_said()
            self.conversation.answers.ask("handed_back")

    async def _remember_what_was_said(self) -> None:
        """The agent goes on knowing what was said while it was silent."""
        async with self.hub.store.glance() as db:
            said = await interactions.messages(db, self.workspace_id, self.id, limit=HISTORY)
        self.mind.memory.history = [*remembered(said), *self._whispered]

    # operators

    def standing(self) -> dict[str, Any]:
        """Who has the call, and what of it is held."""
        recording = "off" if self.tape is None else "paused" if self.tape.paused else "on"
        operator = str(self.operator_id or "") if self.owner == "operator" else ""
        return {"owner": self.owner, "operator_id": operator, "paused": self.paused, "recording": recording}

    def show_standing(self) -> None:
        self.writer.happened("standing", **self.standing())

    async def join(self, operator: User, line: Line) -> None:
        """An operator's browser is in the call until it goes: it hears everything, and speaks after a take-over."""
        conversation = self.conversation
        if conversation.room is None:
            conversation.room = Room(
                self.line, conversation.ledger, conversation.record, self._operator_ears, self._operator_said,
                lambda spoken, turns: Hearing(spoken, conversation.turns, turns),
            )  # fmt: skip
        self.writer.happened("call.joined", operator_id=str(operator.id), operator=operator.name)
        mine = self.owner == "operator" and self.operator_id == operator.id
        try:
            await conversation.room.join(str(operator.id), operator.name, line, speaks=mine)
        finally:
            self.writer.happened("call.left", operator_id=str(operator.id), operator=operator.name)
            if not conversation.room.guests:
                conversation.room = None

    async def _operator_ears(self, format: Format) -> OpenEars:
        return await self._ears(self.settings.hearing.engine, format)

    def _operator_said(self, operator_id: str, turn: CustomerTurn) -> None:
        ms = self.conversation.speaking.ms
        self.writer.operator_said(operator_id, turn.text, ms(turn.began_at), ms(turn.ended_at))

    # what it is asked to do

    async def _obey(self, asked: Command) -> None:
        try:
            await self._carry_out(asked.verb, asked.arguments)
            fault = ""
        except Undeliverable as error:
            fault = error.words
        except Exception as error:
            log.exception("command %s failed", asked.verb)
            fault = f"It failed: {error}"
        now = self.hub.clock.now()

        async def entry(db: Any, interaction: Interaction) -> None:
            await calls.done(db, asked.id, fault, now)
            interactions.log(
                db, interaction, "call.commanded", now,
                command_id=str(asked.id), verb=asked.verb, arguments=asked.arguments, by=asked.by, fault=fault,
            )  # fmt: skip

        async with self.hub.store.write() as db:
            interaction = await interactions.locked(db, self.id)
            if interaction is not None:
                await entry(db, interaction)

    async def _carry_out(self, verb: str, given: Mapping[str, Any]) -> None:
        conversation = self.conversation
        match verb:
            case "say":
                conversation.say(str(given["text"]), str(given.get("author") or "agent"))
            case "whisper":
                self._whispered.append(Entry("system", f"A colleague whispers to you: {given['text']}"))
                self.mind.memory.history.append(self._whispered[-1])
            case "digits":
                await self.line.send_digits(str(given["digits"]))
            case "transfer":
                await self.line.transfer(str(given["to"]))
                self.writer.happened("call.transferring", to=str(given["to"]))
            case "mute" | "unmute":
                self._mute(str(given.get("direction") or "both"), verb == "mute")
            case "pause" | "resume":
                await self._pause(verb == "pause")
            case "recording_pause" | "recording_resume":
                self._record(verb == "recording_resume")
            case "voicemail":
                await self._voicemail(bool(given.get("greeting_over", True)))
            case "hang_up":
                conversation.end(str(given.get("reason") or "api_hangup"))
            case _:
                raise Undeliverable(f"There is no command {verb!r}.")

    def _mute(self, direction: str, muted: bool) -> None:
        if direction in ("in", "both"):
            self.conversation.deaf = muted
        if direction in ("out", "both"):
            self.conversation.speaking.mute(muted)

    async def _pause(self, paused: bool) -> None:
        self.paused = paused
        self.show_standing()
        await self.conversation.be_silent(paused or self.owner != "ai")
        status = "paused" if paused else "in_progress"

        def entry(db: Any, interaction: Interaction) -> None:
            if interaction.status not in FINAL and interaction.status != "ending":
                interaction.status = status

        self.writer.put(entry)

    def _record(self, on: bool) -> None:
        if self.tape is None:
            raise Undeliverable("This agent's calls are not recorded.")
        if on:
            self.tape.resume(self.conversation.now)
        else:
            self.tape.pause(self.conversation.now)
        self.show_standing()

    async def _voicemail(self, greeting_over: bool) -> None:
        """An answering machine took the call: leave the message after the beep."""
        await self.conversation.be_silent(True)
        if greeting_over:
            self.conversation.leave_message(self.settings.voicemail_message)

    def _decide(self, piece: Piece) -> None:
        self.writer.decided(piece)
        if isinstance(piece, HandToHuman):
            self.conversation.spawn(self._to_a_person())

    async def _to_a_person(self) -> None:
        """Connect them with a number, where the agent has one and the line can; else they wait in the queue."""
        self.owner = "queue"
        self.show_standing()
        await self.conversation.hush()
        if self.settings.transfer_to:
            try:
                await self.line.transfer(self.settings.transfer_to)
                self.writer.happened("call.transferring", to=self.settings.transfer_to)
                return
            except Undeliverable as error:
                self.writer.happened("call.transfer_failed", words=error.words)
        await self._hold()

    async def _hold(self) -> None:
        """Let them hear that the line is alive, and tell them now and then that somebody will come."""
        conversation, told_at = self.conversation, self.conversation.now
        while self.owner == "queue" and not conversation.over:
            if conversation.speaking.busy or conversation.speaking.sounding:
                await asyncio.sleep(0.2)
            elif conversation.now - told_at >= HOLD_SECONDS and self.settings.hold_message:
                told_at = conversation.now
                conversation.say(self.settings.hold_message, "agent")
            else:
                await conversation.sound(hold_sound(self.format))
                await asyncio.sleep(0.5)


def remembered(said: list[Any]) -> list[Entry]:
    """Messages as the agent may remember them: what was heard, and no notes."""
    return [
        Entry(message.role, message.text if message.heard is None else message.heard)
        for message in said
        if not message.note and (message.heard is None or message.heard)
    ]


async def memory_of(hub: Context, interaction: Interaction) -> Memory:
    """What the agent knows when the line opens; of a call that is taken up again, all that was said."""
    async with hub.store.glance() as db:
        customer, workspace = await people.customer_at_home(db, interaction.customer_id)
        said = await interactions.messages(db, interaction.workspace_id, interaction.id, limit=HISTORY)
    return Memory(
        interaction_id=interaction.id,
        workspace_id=interaction.workspace_id,
        agent_id=interaction.agent_id,
        agent=interaction.agent,
        channel=interaction.channel,
        parameters={**interaction.agent.get("parameters", {}), **interaction.parameters},
        customer={
            **customer.custom_fields,
            "name": customer.name,
            "language": customer.language,
            "known_as": interaction.person,
        },
        zone=ZoneInfo(customer.time_zone or workspace.time_zone),
        history=remembered(said),
        state=dict(interaction.state),
    )
