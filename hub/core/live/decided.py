"""What the agent has decided in a live call, carried out: keys, transfers, a colleague of its team, a person."""

import logging
from typing import TYPE_CHECKING

from hub.channel import Undeliverable
from hub.core.live.withheld import KEY
from hub.dialogue.turn import HandOver, HandToHuman, Piece, Press, SetParameters, Transfer
from hub.models.voice import Call

if TYPE_CHECKING:
    from hub.core.live.call import LiveCall

log = logging.getLogger("hub.live")


def carry_out(call: "LiveCall", piece: Piece) -> None:
    """Do it, or begin to."""
    match piece:
        case HandOver():
            _hand_over(call, piece)
            return
        case Press():
            call.conversation.spawn(_press(call, piece.digits))
            return
        case Transfer():
            call.conversation.spawn(_connect(call, piece.to or call.settings.transfer_to))
            return
        case SetParameters():
            call.mind.memory.parameters = {**call.mind.memory.parameters, **piece.values}
    call.writer.decided(piece)
    if isinstance(piece, HandToHuman):
        call.unwritten.add(piece)  # until that is, what is written says otherwise
        call.writer.put(lambda db, interaction: call.unwritten.discard(piece))
        call.conversation.spawn(_to_a_person(call))


def _hand_over(call: "LiveCall", over: HandOver) -> None:
    """A colleague of the team goes on, with their own engines, from the next word on."""
    call.mind.pass_on(over)
    memory = call.mind.memory
    call.settings, call.agent_name = Call(**memory.agent.get("call", {})), str(memory.agent.get("name", ""))
    call.engines = call.engines_of(memory)
    call.writer.handed_over(over, memory.state, call.agent_name)
    language = str(memory.agent.get("language", "en-US"))
    call.conversation.hand_to(call.settings, language, *call.chains())


async def _press(call: "LiveCall", digits: str) -> None:
    """Keys that the agent presses."""
    fault = ""
    try:
        await call.line.send_digits(digits)
    except Undeliverable as error:
        fault = error.words
    kept = KEY * len(digits) if call.writer.withheld.on else digits
    call.writer.happened("call.pressed", digits=kept, by=call.agent_name, fault=fault)


async def _connect(call: "LiveCall", number: str) -> None:
    """Transfer as the agent decided. Where that cannot be, the customer hears so and the agent goes on."""
    try:
        if not number:
            raise Undeliverable("The agent has no number to transfer to, and none was given.")
        await call.transfer(number)
    except Exception as error:
        _transfer_failed(call, error)
        call.conversation.say(call.settings.transfer_failed_message)


async def _to_a_person(call: "LiveCall") -> None:
    """Connect them with a number, where the agent has one and the line can; else they wait in the queue."""
    call.owner = "queue"
    call.show_standing()
    await call.conversation.hush()
    if call.settings.transfer_to:
        try:
            if not call.settings.transfer_warm:
                await call.transfer(call.settings.transfer_to)
                return
            await call.transfer_warm(call.settings.transfer_to, by=call.agent_name, by_agent=True)
        except Exception as error:
            _transfer_failed(call, error)
    await call.hold()


def _transfer_failed(call: "LiveCall", error: Exception) -> None:
    if not isinstance(error, Undeliverable):
        log.error("the transfer of call %s failed", call.id, exc_info=error)
    words = error.words if isinstance(error, Undeliverable) else f"It failed: {error}"
    call.writer.happened("call.transfer_failed", words=words)
