"""What is used of vendors, counted where it happens: in memory while a call runs, with a key for each use."""

from collections.abc import Iterator
from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from hub.channel import Limits
from hub.dialogue.turn import Usage
from hub.models import Interaction, Message
from hub.models.columns import new_id
from hub.pricing import EMBEDDED, Use
from hub.segments import measure
from hub.store import usages

Keyed = tuple[str, Use]


class Meter:
    """Counts uses until they are taken to be written down. Nothing here waits for anything."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, str, str, bool], int] = {}

    def add(self, kind: str, vendor: str, model: str, unit: str, quantity: int, own: bool = False) -> None:
        key = (kind, vendor or EMBEDDED, model, unit, own)
        self._counts[key] = self._counts.get(key, 0) + quantity

    def thought(self, usage: Usage, own: bool = False, kind: str = "llm") -> None:
        """What a thought took, whether it was kept or not."""
        cached, own = min(usage.cached_tokens, usage.input_tokens), own or usage.own
        self.add(kind, usage.vendor, usage.model, "input_token", usage.input_tokens - cached, own)
        self.add(kind, usage.vendor, usage.model, "cached_token", cached, own)
        self.add(kind, usage.vendor, usage.model, "output_token", usage.output_tokens, own)

    def take(self) -> list[Keyed]:
        """All since it was last taken, each under a key of its own, which is the same however often it is written."""
        counts, self._counts = self._counts, {}
        return [
            (str(new_id()), Use(kind, vendor, model, unit, quantity, own))
            for (kind, vendor, model, unit, own), quantity in counts.items()
            if quantity > 0
        ]


async def message_used(
    db: AsyncSession, limits: Limits, interaction: Interaction, message: Message, at: datetime
) -> None:
    """A message went out or came in: counted once, whoever reports it how often."""
    if limits.billed_by and not limits.live:
        await usages.add(db, interaction, at, [(f"message {message.id}", _message(limits, message))])


def _message(limits: Limits, message: Message) -> Use:
    direction = "inbound" if message.role == "customer" else "outbound"
    model = f"{message.channel} {direction}"
    if not limits.segmented:
        return Use("messages", limits.billed_by, model, "message", 1)
    if message.media:
        return Use("messages", limits.billed_by, f"{model} with media", "message", 1)
    return Use("messages", limits.billed_by, model, "segment", max(measure(message.text).segments, 1))


def call_used(limits: Limits, interaction: Interaction) -> Iterator[Keyed]:
    """The carrier's time of a call that is over, if it was answered and has a carrier."""
    begin, end = interaction.answered_at, interaction.ended_at
    if limits.live and limits.billed_by and begin is not None and end is not None:
        milliseconds = round((end - begin).total_seconds() * 1000)
        yield "call", Use("telephony", limits.billed_by, interaction.direction, "call_ms", milliseconds)
