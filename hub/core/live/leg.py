"""The call to a colleague who is asked to take a customer over: they are briefed, and then stay on the line or not."""

from hub.channel import Line
from hub.core.context import Context
from hub.core.live.briefing import ACCEPTED, DECLINE, DECLINED, TAKE, Briefing
from hub.core.live.call import LiveCall
from hub.core.live.mind import Memory
from hub.core.live.warm import Warm
from hub.dialogue.turn import Finish, HandToHuman, Piece
from hub.models import Interaction
from hub.store import calls
from hub.voice.bridge import Bridge, Shared


def wanted_by(hub: Context, interaction: Interaction) -> Warm | None:
    """The transfer that this call belongs to, if it is under way here."""
    about = calls.customers_call(interaction)
    customer = hub.calls.get(about) if about is not None else None
    warm = customer.warm if customer is not None else None
    return warm if warm is not None and warm.leg_id == interaction.id and not warm.outcome else None


class Leg(LiveCall):
    """Until they take the customer it is an ordinary call, with the briefing as its mind; then a line of two."""

    def __init__(self, hub: Context, interaction: Interaction, line: Line, memory: Memory, warm: Warm) -> None:
        self._shared = Shared(line, self._pressed)
        self._briefing = Briefing(str(interaction.state.get("briefing", "")))
        self._transfer, self._answered = warm, False
        super().__init__(hub, interaction, self._shared, memory, resumed=False, mind=self._briefing)
        self.bridge.sound = self.conversation.sound

    @property
    def bridge(self) -> Bridge:
        """Their line as a room takes it."""
        return self._shared.bridge

    def _pressed(self, digit: str) -> bool:
        """An answer is one at once, also in the midst of the briefing."""
        answers = {TAKE: self._take, DECLINE: self._decline}
        if self._answered or digit not in answers:
            return False
        self.writer.happened("call.digit", digit=digit)
        self.conversation.spawn(answers[digit]())
        return True

    def _decide(self, piece: Piece) -> None:
        if piece is ACCEPTED:
            self.conversation.spawn(self._take())
        elif isinstance(piece, HandToHuman):  # the call cannot go on
            self.conversation.end("error")
        elif isinstance(piece, Finish):
            self._transfer.settle("no_answer" if piece.reason == "silence" else "declined")

    async def _take(self) -> None:
        """From here on they talk with the customer; the customer's interaction keeps that, and this one does not."""
        if self._answered or not self._transfer.settle("completed"):
            return
        self._answered = True
        self.conversation.deaf = True
        self.keep(False)
        await self.conversation.be_silent(True)
        self._transfer.join(self)

    async def _decline(self) -> None:
        self._answered = True
        self._transfer.settle("declined")
        await self.conversation.be_silent(True)
        self.conversation.speaking.say(
            DECLINED, interruptible=False, ended=lambda said, heard: self.conversation.end("agent_hangup")
        )

    async def machine(self, greeting_over: bool) -> None:
        """Nobody briefs a machine. Who has answered is none, whatever the carrier thinks."""
        if not self._answered:
            self._transfer.settle("voicemail")
            self.conversation.end("voicemail")
