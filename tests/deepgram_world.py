"""Ears of Deepgram's at work against the sandbox, and what they have heard."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fixtures.sandbox import tones
from fixtures.sandbox.twilio.voice.audio import to_mulaw
from hub.engine import EngineFailed
from hub.engines.deepgram_flux import Flux, FluxEars
from hub.engines.deepgram_nova import Nova, NovaEars
from hub.voice.speech import MULAW_8K, Format, Heard, Hints, Words
from tests.engines_world import Vendors, tasks
from tests.fakes import until
from tests.world import eventually

PATH = "/deepgram"
TEXT = "I would like to book a cleaning."
FRAME_MS = 20
FASTER = 8
"""How many times faster than in a call the sound goes out."""


@dataclass
class Listening:
    """Ears at work, and what they have heard."""

    ears: NovaEars | FluxEars
    format: Format
    heard: list[Heard] = field(default_factory=list)
    failure: EngineFailed | None = None
    ended_at: float = 0.0

    async def listen(self) -> None:
        try:
            async for heard in self.ears.heard():
                self.heard.append(heard)
        except EngineFailed as error:
            self.failure = error
        self.ended_at = asyncio.get_running_loop().time()

    async def says(self, text: str, quiet_ms: int = 0) -> None:
        await self.feed(sound(text, self.format), quiet_ms)

    async def feed(self, audio: bytes, quiet_ms: int = 0) -> None:
        audio += quiet(self.format, quiet_ms)
        size = self.format.size(FRAME_MS)
        for at in range(0, len(audio), size):
            if self.failure is None:
                self.ears.feed(audio[at : at + size])
                await asyncio.sleep(FRAME_MS / 1000 / FASTER)

    async def gets(self, kind: type, within: float = 2, **like: Any) -> Any:
        """The first thing heard of this kind that is so."""

        def found() -> list[Heard]:
            of_kind = [one for one in self.heard if isinstance(one, kind)]
            return [one for one in of_kind if all(getattr(one, name) == value for name, value in like.items())]

        await until(found, within)
        return found()[0]

    @property
    def finals(self) -> list[str]:
        return [one.text for one in self.heard if isinstance(one, Words) and one.final]


def sound(text: str, format: Format) -> bytes:
    samples = tones.spoken(text, format.rate)
    return to_mulaw(samples) if format.codec == "mulaw" else samples.astype("<i2").tobytes()


def quiet(format: Format, milliseconds: int) -> bytes:
    return (b"\xff" if format.codec == "mulaw" else b"\0") * format.size(milliseconds)


@contextlib.asynccontextmanager
async def listening(
    world: Vendors, engine: Nova | Flux | None = None, format: Format = MULAW_8K, hints: Hints | None = None,
    key: str = "right", **options: Any,
) -> AsyncIterator[Listening]:  # fmt: skip
    """Someone who is listened to; nothing of it is left behind."""
    before = tasks()
    ears = await (engine or Nova()).open(format, hints or Hints(), options, world.account(PATH, key))
    made = Listening(ears, format)
    task = asyncio.create_task(made.listen())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await ears.close()
        await until(lambda: tasks() <= before)


async def asked(world: Vendors) -> Mapping[str, list[str]]:
    """The query of the last connection."""
    opened = [one for one in await world.asked("deepgram", "listen") if one["event"] == "open"]
    query: Mapping[str, list[str]] = opened[-1]["query"]
    return query


async def orders(world: Vendors) -> list[str]:
    """The control messages that came, and how the connection ended."""
    events = [one for one in await world.asked("deepgram", "listen") if one["event"] != "open"]
    return [one["why"] if one["event"] == "closed" else one["event"] for one in events]


async def until_asked(world: Vendors, wanted: list[str], within: float = 8) -> None:
    await eventually(lambda: orders(world), lambda came: came == wanted, within)
