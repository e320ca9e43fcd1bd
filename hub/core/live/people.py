"""People in a live call beside the customer and the agent: operators by sound, and a colleague who was called."""

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID

from hub import ownership
from hub.channel import Line
from hub.core.live.warm import GUEST
from hub.models import Interaction, User
from hub.store import calls
from hub.voice.hearing import CustomerTurn, Hearing, OpenEars
from hub.voice.hold import hold_sound
from hub.voice.room import Room
from hub.voice.speech import Format

if TYPE_CHECKING:
    from hub.core.live.call import LiveCall

OPERATOR_MISSED_SECONDS, OPERATOR_AWAY_SECONDS = 5.0, 60.0
"""Without the operator's sound and words for so long, the customer hears that the line is alive, and waits again."""


class People:
    """Those of one call."""

    def __init__(self, call: "LiveCall") -> None:
        self._call = call

    async def join(self, operator: User, line: Line) -> None:
        """An operator's browser is in the call until it goes: it hears everything, and speaks after a take-over."""
        call = self._call
        call.writer.happened("call.joined", operator_id=str(operator.id), operator=operator.name)
        mine = call.owner == "operator" and call.operator_id == operator.id
        try:
            await self.room().join(str(operator.id), operator.name, line, speaks=mine)
        finally:
            call.writer.happened("call.left", operator_id=str(operator.id), operator=operator.name)
            self.leave_room()

    def room(self) -> Room:
        """Where all of them meet."""
        call, conversation = self._call, self._call.conversation
        if conversation.room is None:
            conversation.room = Room(
                call.line, conversation.ledger, conversation.record, self._ears, self._said,
                lambda spoken, turns: Hearing(spoken, conversation.turns, turns),
            )  # fmt: skip
        return conversation.room

    def leave_room(self) -> None:
        """There is none while nobody is in it."""
        room = self._call.conversation.room
        if room is not None and not room.guests:
            self._call.conversation.room = None

    async def _ears(self, format: Format) -> OpenEars:
        engines = self._call.engines
        return await engines.ears(engines.ears_names[0], format)

    def _said(self, operator_id: str, turn: CustomerTurn) -> None:
        call = self._call
        ms, operator = call.conversation.speaking.ms, None if operator_id == GUEST else UUID(operator_id)
        call.writer.operator_said(operator, turn.text, ms(turn.began_at), ms(turn.ended_at))

    async def while_operator_is_there(self) -> None:
        """An operator who took over and is gone, or never came by sound, leaves nobody in silence for long."""
        call, conversation = self._call, self._call.conversation
        operator_id, seen_at = call.operator_id, conversation.now
        while call.owner == "operator" and call.operator_id == operator_id and not conversation.over:
            await asyncio.sleep(1)
            room, speaking = conversation.room, conversation.speaking
            there = room is not None and any(guest.speaks for guest in room.guests.values())
            if there or speaking.busy:
                seen_at = conversation.now
            away = conversation.now - seen_at
            if away >= OPERATOR_AWAY_SECONDS:
                call.writer.put(self._operator_gone)
                return
            if away >= OPERATOR_MISSED_SECONDS and not speaking.sounding:
                await conversation.sound(hold_sound(call.format))

    def _operator_gone(self, db: Any, interaction: Interaction) -> None:
        """They wait for a person again."""
        if interaction.owner == "operator" and interaction.operator_id == self._call.operator_id:
            now = self._call.hub.clock.now()
            ownership.queue(db, interaction, "The operator is not on the call any more.", now)
            calls.call_hint(db, interaction.id)
