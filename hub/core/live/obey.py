"""What a live interaction is asked to do: carried out here, and written down with what came of it."""

import asyncio
import logging
from typing import TYPE_CHECKING

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.channel import Undeliverable
from hub.core.write import say_in
from hub.dialogue.notes import note
from hub.dialogue.turn import Entry
from hub.models import Command, Interaction
from hub.models.interaction import FINAL
from hub.store import calls, interactions

if TYPE_CHECKING:
    from hub.core.live.call import LiveCall

log = logging.getLogger("hub.live")

LAST_WORDS_SECONDS = 20.0
_WORDS = ("say", "note", "whisper", "digits")
"""Commands whose arguments are said: while the recording pauses they are not kept either."""


async def obey(call: "LiveCall", asked: Command) -> None:
    """Do it, once. What goes wrong is the command's fault, in words, and the call's business no further."""
    fault = call.obeyed.get(asked.id)
    if fault is None:
        fault = call.obeyed[asked.id] = await _tried(call, asked)
    now, arguments = call.hub.clock.now(), asked.arguments
    if call.writer.withheld.on and asked.verb in _WORDS:
        arguments = call.writer.withheld.veiled(arguments)
    async with call.hub.store.write() as db:
        interaction = await interactions.locked(db, call.id)
        if interaction is not None:
            await calls.done(db, asked.id, fault, now, arguments)
            interactions.log(
                db, interaction, "call.commanded", now,
                command_id=str(asked.id), verb=asked.verb, arguments=arguments, by=asked.by, fault=fault,
            )  # fmt: skip


async def _tried(call: "LiveCall", asked: Command) -> str:
    try:
        await _carry_out(call, asked)
    except Undeliverable as error:
        return error.words
    except Exception as error:
        log.exception("command %s failed", asked.verb)
        return f"It failed: {error}"
    return ""


async def _carry_out(call: "LiveCall", asked: Command) -> None:
    conversation, verb, given = call.conversation, asked.verb, asked.arguments
    match verb:
        case "say":
            conversation.say(str(given["text"]))
        case "note":
            memory = call.mind.memory
            memory.state = note(memory.state, str(given["text"]), int(given["turns"]))
        case "whisper":
            call.whispered.append(Entry("system", f"A colleague whispers to you: {given['text']}"))
            call.mind.memory.history.append(call.whispered[-1])
        case "digits":
            await call.line.send_digits(str(given["digits"]))
        case "transfer" if given.get("warm"):
            await call.transfer_warm(str(given["to"]), str(given.get("briefing") or ""), by=asked.by, leg_id=asked.id)
            conversation.spawn(call.let_wait())
        case "transfer":
            await call.transfer(str(given["to"]))
        case "mute" | "unmute":
            _mute(call, str(given.get("direction") or "both"), verb == "mute")
        case "pause" | "resume":
            await _pause(call, verb == "pause")
        case "recording_pause" | "recording_resume":
            _record(call, verb == "recording_resume")
        case "voicemail":
            await call.machine(bool(given.get("greeting_over", True)))
        case "told":
            _told(call, str(given["text"]), str(given["channel"]), str(given.get("said_id", "")))
        case "hang_up" if given.get("after_words"):
            conversation.spawn(_end_after_words(call, str(given.get("reason") or "api_hangup")))
        case "hang_up":
            conversation.end(str(given.get("reason") or "api_hangup"))
        case _:
            raise Undeliverable(f"There is no command {verb!r}.")


def _mute(call: "LiveCall", direction: str, muted: bool) -> None:
    """`in`: the agent does not hear the customer; `out`: the customer does not hear us."""
    if direction in ("in", "both"):
        call.conversation.deaf = muted
    if direction in ("out", "both"):
        call.conversation.speaking.mute(muted)


async def _pause(call: "LiveCall", paused: bool) -> None:
    call.paused = paused
    call.show_standing()
    await call.conversation.be_silent(call.waits)
    status = "paused" if paused else "in_progress"

    def entry(db: AsyncSession, interaction: Interaction) -> None:
        if interaction.status not in FINAL and interaction.status != "ending":
            interaction.status = status

    call.writer.put(entry)


async def _end_after_words(call: "LiveCall", reason: str) -> None:
    """Let what is being said be heard, if that does not take for ever."""
    speaking, until = call.conversation.speaking, call.conversation.now + LAST_WORDS_SECONDS
    while (speaking.busy or speaking.sounding) and call.conversation.now < until:  # noqa: ASYNC110 - sound has no event
        await asyncio.sleep(0.1)
    call.conversation.end(reason)


def _told(call: "LiveCall", text: str, channel: str, said_id: str) -> None:
    """They wrote this by another channel, and the agent speaks about it; an operator reads it."""
    now = call.hub.clock.now()
    content = {"by": channel, "said_id": said_id}
    call.writer.put(lambda db, it: say_in(db, it, now, role="customer", text=text, content=content))
    if call.conversation.answers.allowed:
        call.conversation.answers.told(text)
    else:
        call.mind.remember("customer", text)


def _record(call: "LiveCall", on: bool) -> None:
    if call.tape is None:
        raise Undeliverable("This agent's calls are not recorded.")
    call.keep(on)
    call.show_standing()
